"""Split: each row in one part, whatever the parts are made by."""

import pandas as pd


def test_every_row_is_in_one_part(flow, cleaned, tmp_path):
    table = pd.read_parquet(cleaned).reset_index(names="row_number")
    table.to_parquet(tmp_path / "table")
    parts = [pd.read_parquet(path) for path in flow.run("split", table=tmp_path / "table").values()]
    assert sorted(pd.concat(parts)["row_number"]) == table["row_number"].tolist()
    assert all(len(part) for part in parts)


def test_the_same_rows_give_the_same_parts(done, flow, cleaned):
    again = flow.run("split", table=cleaned)
    for name, path in again.items():
        pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(done.folder / "split" / name))

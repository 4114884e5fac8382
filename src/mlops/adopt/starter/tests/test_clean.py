"""Clean: rows with an answer, and no column that is not learnt from."""

import pandas as pd


def write(folder, frame, flow):
    folder.mkdir()
    frame.to_parquet(folder / f"{flow.inputs['table']}.parquet")
    return folder


def test_rows_without_an_answer_leave_and_are_counted(flow, cleaned, columns, tmp_path, capsys):
    rows = pd.read_parquet(cleaned).head(8)
    rows[columns.target] = rows[columns.target].astype("object").where(rows.index > 2, None)
    found = pd.read_parquet(flow.run("clean", valid=write(tmp_path / "valid", rows, flow), duplicates="keep")["cleaned"])
    assert len(found) == 5
    assert f"8 rows in, 3 without {columns.target}" in capsys.readouterr().out


def test_a_table_without_an_answer_is_refused(refused, flow, cleaned, columns, tmp_path):
    rows = pd.read_parquet(cleaned).assign(**{columns.target: None})
    assert "there is nothing to learn from" in refused("clean", valid=write(tmp_path / "valid", rows, flow))


def test_a_missing_column_is_named(refused, flow, cleaned, columns, tmp_path):
    rows = pd.read_parquet(cleaned).drop(columns=columns.features[0])
    assert f"there is no column {columns.features[0]}" in refused("clean", valid=write(tmp_path / "valid", rows, flow))


def test_every_column_that_is_there_is_learnt_from_or_stands_in_columns_yml(cleaned, columns):
    rest = set(pd.read_parquet(cleaned)) - {*columns.features, *columns.beside, columns.target}
    assert rest <= {"time_window"}

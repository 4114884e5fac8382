"""Reading by a source: parts, chosen columns, chunks, declared types."""

from pathlib import Path

import pandas as pd
import pytest

from mlops.datasets.reading import iterate, read
from mlops.datasets.source import Source
from mlops.errors import JobFailed, UsageError


@pytest.fixture
def months(put, frame):
    for month in ("01", "02", "03"):
        path = put(f"m/{month}.csv", frame.to_csv(index=False))
    return Source(Path(path).parent / "source.yml", files="*.csv", partition="month", text=("month",))


def test_only_the_partitions_and_columns_that_are_asked_for_are_read(months):
    found = read(months, columns=["month", "n"], partitions=["02", "03"])
    assert found.groupby("month")["n"].count().to_dict() == {"02": 40, "03": 40}
    assert list(found) == ["month", "n"]


def test_a_partition_that_is_not_there_is_named_beside_those_that_are(months):
    with pytest.raises(UsageError, match="no partition 04") as stop:
        read(months, partitions=["04"])
    assert "01, 02, 03" in str(stop.value)


def test_a_column_has_one_type_whatever_a_part_holds(put):
    put("m/1.csv", "x\n1\n2\n")
    path = put("m/2.csv", "x\n1.5\n\n")
    assert read(Source(Path(path).parent / "s.yml", files="*.csv"))["x"].tolist() == [1.0, 2.0, 1.5]


def test_the_contract_goes_before_what_the_values_look_like(put):
    path = Path(put("m.csv", "code,n\n1,2\n3,4\n"))
    found = read(Source(path, files="m.csv"), types={"code": "string", "n": "number"})
    assert found.dtypes.astype(str).tolist() == ["str", "float64"]


def test_a_value_that_is_not_what_is_declared_is_told_with_its_row(put):
    path = Path(put("m.csv", "n\n2\n4\nx7\nx8\n"))
    with pytest.raises(JobFailed, match=r"column n: row 3: 'x7' is not integer \(2 rows are not\)"):
        read(Source(path, files="m.csv"), types={"n": "integer"})


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_chunks_are_together_the_table(tmp_path, frame, suffix, monkeypatch):
    monkeypatch.setattr("mlops.datasets.reading.BLOCK", 200)
    monkeypatch.setattr("mlops.datasets.reading.ROWS", 7)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    chunks = list(iterate(Source(tmp_path / "s.yml", files=f"t.{suffix}", format=suffix), types={"word": "string"}))
    assert len(chunks) > 1
    pd.testing.assert_frame_equal(pd.concat(chunks, ignore_index=True), frame)


def test_quotes_delimiters_and_line_ends_inside_of_a_field_are_the_fields(put):
    path = Path(put("t.csv", 'a,"b,\nc"\n1,"x, ""y""\nz"\n'))
    assert read(Source(path, files="t.csv")).to_dict("list") == {"a": [1], "b,\nc": ['x, "y"\nz']}


def test_truth_with_missing_values_comes_back_from_parquet(put, tmp_path):
    path = Path(put("t.csv", "ok,n\nyes,1\nno,2\n,3\n"))
    found = read(Source(path, files="t.csv", booleans={"ok": {"yes": True, "no": False}}))
    found.to_parquet(tmp_path / "t.parquet")
    assert pd.read_parquet(tmp_path / "t.parquet")["ok"].dtype == "boolean"

"""`python -m mlops.datasets` as a step: what it writes, what it says, how it ends."""

import hashlib

import pandas as pd
import pytest

from mlops.datasets import stream
from mlops.datasets.__main__ import main
from mlops.datasets.reading import read
from mlops.datasets.source import read_source

CONTRACT = """kind: DataContract
apiVersion: v3.2.0
id: taxis
version: 1.0.0
status: active
schema:
  - name: taxis
    properties:
      - {name: n, logicalType: integer}
      - {name: word, logicalType: string}
"""


@pytest.fixture
def step(put, frame, tmp_path):
    put("01.csv", frame.to_csv(index=False))
    put("02.csv", frame.to_csv(index=False))
    put("source.yml", "files: '*.csv'\npartition: month\ntext: [month]\n")
    (tmp_path / "taxis.odcs.yml").write_text(CONTRACT)

    def run(*more):
        main(
            [
                "--source",
                str(tmp_path / "data/source.yml"),
                "--contract",
                str(tmp_path / "taxis.odcs.yml"),
                "--raw",
                str(tmp_path / "raw"),
                *more,
            ]
        )
        return pd.read_parquet(tmp_path / "raw/taxis.parquet")

    return run


def test_the_table_has_the_columns_and_types_of_the_contract(step, capsys):
    assert step().dtypes.astype(str).to_dict() == {"n": "int64", "word": "str"}
    said = capsys.readouterr().out
    assert "left out, because the contract does not know it: x, month" in said
    assert "taxis: 80 rows, 4 columns in; 80 rows, 2 columns out" in said


def test_partitions_can_be_named(step):
    assert len(step("--partitions", "02")) == 40


def test_a_file_that_is_not_the_recorded_one_stops_the_step(step, put, capsys):
    """Somebody altered a month that was recorded."""
    put("SHA256SUMS", "".join(f"{hashlib.sha256(b'other').hexdigest()}  {name}\n" for name in ("01.csv", "02.csv")))
    with pytest.raises(SystemExit) as stop:
        step()
    said = capsys.readouterr().err
    assert stop.value.code == 1
    assert "01.csv: it is not the file that was recorded: expected sha256" in said
    assert "git -C" in said


def test_a_column_that_the_contract_needs_is_missed_by_name(step, put, capsys):
    put("01.csv", "n\n1\n2\n")
    put("02.csv", "n\n1\n2\n")
    with pytest.raises(SystemExit) as stop:
        step()
    assert stop.value.code == 1
    assert "there is no column word; there are: n, month" in capsys.readouterr().err


def test_a_table_larger_than_its_share_of_the_memory_is_read_in_chunks_to_the_same_rows(step, put, frame, monkeypatch, capsys):
    whole = step()
    monkeypatch.setenv("MLOPS_CONTRACT_MEMORY", "1K")
    pd.testing.assert_frame_equal(step(), whole)
    assert "taxis: about" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("first", "later", "kind"),
    [("1", "2.5", "float64"), ("1", "", "float64"), ("1", "many", "str"), ("", "x", "str"), ("true", "", "boolean")],
)
def test_a_type_that_only_a_later_chunk_shows_is_the_type_of_all(put, tmp_path, monkeypatch, first, later, kind):
    monkeypatch.setattr("mlops.datasets.reading.BLOCK", 64)
    put("01.csv", "id,x\n" + "".join(f"{n},{first if n < 40 else later}\n" for n in range(60)))
    put("source.yml", "files: '01.csv'\nbooleans:\n  x: {'true': true}\n" if first == "true" else "files: '01.csv'\n")
    source = read_source(tmp_path / "data/source.yml")
    stream.write(source, ["id", "x"], {"id": "integer"}, None, tmp_path / "out.parquet")
    found = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(found, read(source, types={"id": "integer"}))
    assert str(found["x"].dtype) == kind

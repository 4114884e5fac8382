"""A contract of one small table, and rows that keep it."""

import textwrap
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from mlops.contract.tables import Chunks

CONTRACT = """\
kind: DataContract
apiVersion: v3.2.0
id: trips
name: Trips
version: 1.0.0
status: active
team: {name: trips team}
customProperties: [{property: licence, value: CC0-1.0}]
schema:
  - name: trips
    customProperties: [{property: leakage, value: [fare]}]
    properties:
      - {name: month, logicalType: string, required: true, partitioned: true}
      - {name: id, logicalType: integer, required: true, primaryKey: true}
      - {name: miles, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 100}}
      - name: city
        logicalType: string
        enum: [{value: York}, {value: Bath}]
        customProperties: [{property: severity, value: warn}]
      - {name: fare, logicalType: number}
"""


@pytest.fixture
def write(tmp_path):
    """Write the contract with replacements, and return its path."""

    def write(*changes: tuple[str, str], text: str = CONTRACT) -> Path:
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "trips.odcs.yml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def in_chunks(tmp_path):
    """Write a table, and return it as chunks of five rows."""

    def in_chunks(frame: pd.DataFrame, step: int = 5) -> Chunks:
        path = tmp_path / "chunks.parquet"
        try:
            frame.to_parquet(path)
        except pa.ArrowException:
            pytest.skip("Parquet cannot hold a column of two types")
        return Chunks(path, len(frame), tuple(frame.columns), 100.0, 2**30, step)

    return in_chunks


@pytest.fixture
def trips() -> pd.DataFrame:
    """Twelve trips in three months."""
    return pd.DataFrame(
        {
            "month": [f"2024-0{1 + n // 4}" for n in range(12)],
            "id": range(12),
            "miles": [float(n) for n in range(12)],
            "city": ["York", "Bath"] * 6,
            "fare": [2.5 * n for n in range(12)],
        }
    )

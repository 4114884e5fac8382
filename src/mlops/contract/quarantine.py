"""Rows that break a warning leave their table: written apart with the reasons, counted, and nothing is lost on the way."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mlops.contract.tables import batches, first_rows, parquet
from mlops.errors import JobFailed

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mlops.contract.check import Verdict
    from mlops.contract.tables import Chunks

STEP = 250_000
"""Rows that are written at a time."""


def write_rows(verdict: Verdict, name: str, data: Path, valid: Path, quarantine: Path) -> str:
    """Write a table without the rows that leave it, and these with a column `reasons`; return the line that counts them.

    Raises:
        JobFailed: No row would go on, or the rows that were written are not those that came in.
    """
    for folder in (valid, quarantine):
        folder.mkdir(parents=True, exist_ok=True)
    source, good, bad = (folder / f"{name}.parquet" for folder in (data, valid, quarantine))
    rows, leaving = verdict.counts[name], verdict.leaving(name)
    if leaving == rows:
        raise JobFailed(f"{name}: of {rows:,} rows {leaving:,} would go to quarantine and 0 go on")
    _split(verdict, name, source, good if leaving else None, bad)
    if not leaving:
        shutil.copyfile(source, good)
    written = [_rows(path) for path in (good, bad)]
    if written != [rows - leaving, leaving]:
        raise JobFailed(f"{name}: of {rows:,} rows {written[1]:,} went to quarantine and {written[0]:,} on: they are not all, each once")
    return f"{name}: {rows:,} rows in, {written[0]:,} valid, {written[1]:,} to quarantine"


def set_apart(verdict: Verdict, name: str, table: pd.DataFrame | Chunks, folder: Path) -> Path | None:
    """Write the rows of a table that would leave it, with a column `reasons`, and nothing else; return the file, or None where none would."""
    import pyarrow as pa

    found = verdict.quarantined(name)
    if not found:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path, rows = folder / f"{name}.parquet", first_rows(table, found).assign(reasons=["; ".join(texts) for texts in found.values()])
    try:
        rows.to_parquet(path)
    except pa.ArrowException:  # a column of several types, which no rule is about
        rows.astype("str").to_parquet(path)
    return path


def _rows(path: Path) -> int:
    with parquet(path) as file:
        return int(file.metadata.num_rows)


def _split(verdict: Verdict, name: str, source: Path, good: Path | None, bad: Path) -> None:
    import numpy as np
    import pyarrow as pa

    with ExitStack() as stack:
        writers: dict[Path, pq.ParquetWriter] = {}
        start = 0
        for batch in batches(source, STEP):
            found = verdict.quarantined(name, start, start + len(batch))
            stays = np.ones(len(batch), dtype=bool)
            stays[[row - start for row in found]] = False
            table = pa.Table.from_batches([batch]).replace_schema_metadata()
            reasons = pa.array(["; ".join(texts) for texts in found.values()], pa.string())
            _write(stack, writers, bad, table.filter(pa.array(~stays)).append_column("reasons", reasons))
            if good:
                _write(stack, writers, good, table.filter(pa.array(stays)))
            start += len(batch)


def _write(stack: ExitStack, writers: dict[Path, pq.ParquetWriter], path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    if path not in writers:
        writers[path] = stack.enter_context(pq.ParquetWriter(path, table.schema, compression="zstd"))
    writers[path].write_table(table)

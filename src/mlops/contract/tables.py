"""The tables that are checked: whole in memory where they fit, otherwise in chunks, and which of the two is said.

A table in chunks is read as often as it takes: row by row for rules about rows, and once more for the few columns that a rule needs whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

MEMORY_VARIABLE = "MLOPS_CONTRACT_MEMORY"
SHARE = 4
"""A table is taken whole up to this part of the memory that is free: checking it takes up to three times its size."""
CHUNK = 32 * 2**20
"""Bytes of a chunk in memory, about."""
SAMPLED = 20_000
"""Rows that the size of a table is estimated from."""


@dataclass(frozen=True)
class Chunks:
    """A table that is larger than what may be held of it."""

    path: Path
    rows: int
    columns: tuple[str, ...]
    bytes_per_row: float
    limit: int
    """Bytes that may be held at once."""
    step: int
    """Rows of a chunk."""
    kinds: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return self.rows

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __getitem__(self, column: str) -> pd.Series:
        """Return the distinct values of a column, as another table's foreign key needs them."""
        import pandas as pd

        found = pd.Series(dtype="object")
        for chunk in self.frames([column]):
            found = pd.concat([found, chunk[column].drop_duplicates()]).drop_duplicates() if len(found) else chunk[column].drop_duplicates()
        return found

    def frames(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows in order, with their positions in the table as index."""
        import pandas as pd

        start = 0
        for batch in batches(self.path, self.step, columns):
            frame = batch.to_pandas(ignore_metadata=True)
            yield frame.set_index(pd.RangeIndex(start, start + len(frame)))
            start += len(frame)

    def whole(self, columns: Sequence[str], why: str) -> pd.DataFrame:
        """Return a few columns of all rows.

        Raises:
            JobFailed: They do not fit; `why` says what they are needed for.
        """
        import pandas as pd

        if not columns:
            return pd.DataFrame(index=pd.RangeIndex(self.rows))
        need = self.bytes_per_row * self.rows * len(columns) / max(1, len(self.columns))
        if need > self.limit:
            message = f"{why} needs {', '.join(columns)} whole, about {size_told(need)}, and {size_told(self.limit)} may be used"
            raise JobFailed(message, where=str(self.path), hint=f"Give it more ({MEMORY_VARIABLE}=8G), or state the rule per row.")
        return pd.concat([frame[list(columns)] for frame in self.frames(columns)], ignore_index=True)


def batches(path: Path, step: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file in order, so many at a time, without the index that pandas may have left in it."""
    import pyarrow as pa

    with parquet(path) as file:
        schema = file.schema_arrow  # made anew each time that it is asked for
        there = set(schema.names)
        named = [name for name in (columns or _columns(schema)) if name in there]
        if not file.metadata.num_rows:
            yield pa.RecordBatch.from_pylist([], schema=pa.schema([schema.field(name) for name in named]))
        yield from file.iter_batches(batch_size=step, columns=named, use_threads=False)


def parquet(path: Path) -> pq.ParquetFile:
    """Open a table.

    Raises:
        JobFailed: It is not there, or is no Parquet file.
    """
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, memory_map=True, pre_buffer=False)
    except FileNotFoundError:
        message = f"the contract has a table {path.stem!r}, and there is no file for it"
        raise JobFailed(message, where=str(path), hint="Import it, or take the table out of the contract.") from None
    except (OSError, ValueError) as error:
        raise JobFailed(f"not a Parquet file that can be read: {error}", where=str(path), hint="Run the import again.") from error


def _columns(schema: pa.Schema) -> list[str]:
    about = schema.pandas_metadata or {}
    index = {name for name in about.get("index_columns", []) if isinstance(name, str)}
    return [name for name in schema.names if name not in index]


def open_table(path: Path, limit: int) -> pd.DataFrame | Chunks:
    """Return a table: whole where it takes no more than `limit` bytes in memory, else in chunks.

    Raises:
        JobFailed: It is not there, or cannot be read.
    """
    import pandas as pd

    with parquet(path) as file:
        rows, columns = file.metadata.num_rows, _columns(file.schema_arrow)
        first = next(file.iter_batches(batch_size=SAMPLED, columns=columns, use_threads=False), None)
    each = first.to_pandas(ignore_metadata=True).memory_usage(deep=True).sum() / len(first) if first is not None and len(first) else 0.0
    if each * rows > limit:
        step = int(min(max(min(CHUNK, limit / SHARE) / each, 1_000), 500_000))
        return Chunks(path, rows, tuple(columns), float(each), limit, step)
    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except (OSError, ValueError) as error:
        raise JobFailed(f"not a Parquet file that can be read: {error}", where=str(path), hint="Run the import again.") from error


def told(name: str, table: pd.DataFrame | Chunks) -> str:
    """Return what is said of a table that is checked in chunks; nothing of others."""
    if not isinstance(table, Chunks):
        return ""
    size = f"{table.rows:,} rows are about {size_told(table.bytes_per_row * table.rows)} in memory, more than {size_told(table.limit)}"
    return f"{name}: {size}: checked in chunks of {table.step:,} rows"


def memory_limit(given: str | None) -> int:
    """Return the bytes that one table may take: as given (`800M`, `2G`), else a part of the memory that is free.

    Raises:
        UsageError: What is given is no size.
    """
    text = given or os.environ.get(MEMORY_VARIABLE, "")
    if not text:
        return _free() // SHARE
    units = {"K": 10, "M": 20, "G": 30}
    number, unit = (text[:-1], text[-1].upper()) if text[-1].upper() in units else (text, "")
    try:
        return int(float(number) * 2 ** units.get(unit, 0))
    except ValueError:
        raise UsageError(f"{text!r} is no size of memory", hint="As in 800M or 2G.") from None


def _free() -> int:
    """Return the bytes that this process may still take: of the machine, or of its control group where that has less."""
    found = [os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")] or found
        most, used = (Path("/sys/fs/cgroup", name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        found += [int(most) - int(used)] if most != "max" else []
    except (OSError, ValueError):
        pass
    return max(min(found), 2**20)


def size_told(count: float) -> str:
    """Return bytes as a person reads them."""
    unit, size = next(((unit, size) for unit, size in (("GB", 2**30), ("MB", 2**20)) if count >= size), ("KB", 2**10))
    return f"{count / size:.3g} {unit}"


def first_rows(table: pd.DataFrame | Chunks, rows: Any) -> pd.DataFrame:
    """Return the rows at these positions, in order."""
    import pandas as pd

    if not isinstance(table, Chunks):
        return table.iloc[list(rows)]
    found, wanted = [], list(rows)
    for frame in table.frames():
        inside = [row for row in wanted if row in frame.index]
        found += [frame.loc[inside]] if inside else []
        if wanted and frame.index[-1] >= max(wanted):
            break
    return pd.concat(found) if found else pd.DataFrame(columns=list(table.columns))

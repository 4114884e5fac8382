"""How much memory a source's table would take, from its first rows: whether it is taken whole or in chunks, by the rule of the contract's checks."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.contract.tables import MEMORY_VARIABLE, SAMPLED, memory_limit, size_told
from mlops.datasets.parts import parts, sample
from mlops.datasets.reading import chunks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlops.datasets.source import Source

TEXT = 2**20
"""Bytes of text that show how far a packed file unpacks."""


@dataclass(frozen=True)
class Size:
    """A table against what one table may take, in bytes."""

    needed: float
    limit: int

    @property
    def large(self) -> bool:
        return self.needed > self.limit

    def told(self, name: str, what: str) -> str:
        """Return what is said of a table that is too large to be held whole."""
        return f"{name}: about {size_told(self.needed)} in memory, more than {size_told(self.limit)}: {what} ({MEMORY_VARIABLE}=8G gives it more)"


def size_of(source: Source, partitions: Sequence[str] | None = None) -> Size:
    """Return what the table of a source would take; nothing is needed of what cannot be read in chunks. Raises as `reading.read`."""
    limit = memory_limit(None)
    files = _files(source, partitions)
    stored = sum(path.stat().st_size for path in files)
    if not files or stored * 100 < limit:
        return Size(0.0, limit)
    if source.format == "parquet" or source.database:
        return Size(_of_parquet(source, files, partitions), limit)
    return Size(_of_text(source, files, partitions), limit)


def _files(source: Source, partitions: Sequence[str] | None) -> list[Path]:
    """Return the files that can be read in chunks."""
    if source.database:
        snapshot = source.folder / source.snapshot
        return [snapshot] if source.snapshot and snapshot.is_file() else []
    if source.format not in {"csv", "parquet", "jsonl"}:
        return []
    if source.url:
        from mlops.datasets.elsewhere import fetched

        return [fetched(source)]
    return [part.path for part in parts(source, tuple(partitions) if partitions is not None else None)]


def _of_parquet(source: Source, files: Sequence[Path], partitions: Sequence[str] | None) -> float:
    import pyarrow.parquet as pq

    rows = sum(pq.read_metadata(path).num_rows for path in files)
    return float(rows * _per_row(source, partitions)[0])


def _of_text(source: Source, files: Sequence[Path], partitions: Sequence[str] | None) -> float:
    """Return what it takes, by the bytes of the first rows as text and in memory."""
    each, text = _per_row(source, partitions)
    text = _per_line(files[0]) if source.format == "jsonl" else text
    whole = sum(path.stat().st_size * _unpacked(path) for path in files)
    return whole / text * each


def _per_row(source: Source, partitions: Sequence[str] | None) -> tuple[float, float]:
    """Return the bytes that a row takes in memory, and as text."""
    _, first = next(chunks(source, None, partitions))
    first = first.slice(0, SAMPLED)
    words = first.to_pandas()
    text = sum(float(words[name].astype("str").str.len().sum()) for name in words) / max(1, len(words))
    return float(words.memory_usage(deep=True).sum()) / max(1, len(words)), text + len(words.columns)


def _per_line(path: Path) -> float:
    """Return the bytes of a line: in JSON each has the names as well."""
    text = sample(path, TEXT)
    return len(text) / max(1, text.count(b"\n"))


def _unpacked(path: Path) -> float:
    """Return how many times its size a file has when it is unpacked: as its first bytes pack again, about."""
    text = sample(path, TEXT)
    with path.open("rb") as file:
        packed = file.read(64) != text[:64]
    return len(text) / max(1, len(zlib.compress(text))) if packed and text else 1.0

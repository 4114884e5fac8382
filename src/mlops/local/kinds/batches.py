"""The mini-batches of a parallel step: how its input is cut, by Azure ML's documentation (reference-yaml-job-parallel).

A folder is a list of files, cut by their number, or by bytes where `mini_batch_size` has a unit. Rows (an MLTable that reads its files) are
cut by their estimated size on disk, or by the values of `partition_keys`: one mini-batch for each combination.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.errors import UsageError
from mlops.local.kinds.tables import files_below, read_rows, read_table
from mlops.spec.parallel import size_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

SOCKET = "../workers.socket"  # where workers are given them; relative, for the path of a socket is limited to a hundred characters


@dataclass(frozen=True)
class Batch:
    """What one call of run() is given: paths, or rows."""

    index: int
    items: Any
    """A list of paths, or a data frame."""
    key: Mapping[str, Any] = field(default_factory=dict)
    """The values of the partition keys, which are the same for all of it."""

    @property
    def count(self) -> int:
        return len(self.items)


def cut(path: Path, size: str, keys: Sequence[str]) -> list[Batch]:
    """Return the mini-batches of an input.

    Args:
        path: A file, a folder of files, or a folder with an MLTable.
        size: Files or bytes in each.
        keys: Where there are any, they decide, and not the size.

    Raises:
        UsageError: The MLTable cannot be read here, or a partition key is not in the data.
    """
    number, in_bytes = size_in(size) or (1.0, False)
    table = read_table(path) if path.is_dir() else None
    if table is not None and table.is_rows:
        frame = read_rows(table)
        physical = sum(file.stat().st_size for file in table.files)
        return _by_values(frame, keys) if keys else _by_rows(frame, max(1, int(number * len(frame) / max(1, physical))))
    files = files_below(path) if table is None else table.files
    if keys:
        return _by_folders(path, files, keys)
    return _by_bytes(files, number) if in_bytes else _by_count(files, max(1, int(number)))


def _by_count(files: Sequence[Path], number: int) -> list[Batch]:
    names = [str(file) for file in files]
    return [Batch(at // number, names[at : at + number]) for at in range(0, len(names), number)]


def _by_bytes(files: Sequence[Path], most: float) -> list[Batch]:
    made: list[list[str]] = []
    taken = 0.0
    for file in files:
        size = file.stat().st_size
        if not made or taken + size > most:
            made.append([])
            taken = 0.0
        made[-1].append(str(file))
        taken += size
    return [Batch(index, names) for index, names in enumerate(made)]


def _by_folders(path: Path, files: Sequence[Path], keys: Sequence[str]) -> list[Batch]:
    """Cut files by folders that are called `key=value`."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        values = dict(part.split("=", 1) for part in file.relative_to(path).parts[:-1] if "=" in part)
        if missing := [key for key in keys if key not in values]:
            message = f"the partition key {missing[0]!r} is not in the path of {file.name!r}"
            raise UsageError(message, where=str(path), hint="Files lie in folders called key=value, or an MLTable reads them as rows.")
        groups.setdefault(tuple(values[key] for key in keys), []).append(str(file))
    return [Batch(index, groups[values], dict(zip(keys, values, strict=True))) for index, values in enumerate(sorted(groups))]


def _by_rows(frame: pd.DataFrame, number: int) -> list[Batch]:
    return [Batch(at // number, frame.iloc[at : at + number].reset_index(drop=True)) for at in range(0, len(frame), number)]


def _by_values(frame: pd.DataFrame, keys: Sequence[str]) -> list[Batch]:
    if missing := [key for key in keys if key not in frame.columns]:
        message = f"the partition key {missing[0]!r} is no column of the input"
        raise UsageError(message, hint=f"Its columns: {', '.join(map(str, frame.columns[:20]))}")
    made = []
    for index, (values, rows) in enumerate(frame.groupby(list(keys), sort=True)):
        plain = [value.item() if hasattr(value, "item") else value for value in values]
        made.append(Batch(index, rows.reset_index(drop=True), dict(zip(keys, plain, strict=True))))
    return made

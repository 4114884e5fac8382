"""How a raw file arrives: its digest is compared, it is read, and its columns get the types that the contract says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.datasets import digests
from mlops.datasets.columns import typed
from mlops.datasets.listing import SUMS, written
from mlops.datasets.reading import raw
from mlops.datasets.source import Source
from mlops.errors import JobFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd


def arrive(path: Path, recorded: str, types: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of a CSV file.

    Raises:
        MlopsError: It is not the file that was recorded, cannot be read, lacks a column, or holds a value of another type.
    """
    source = Source(path.parent / "source.yml", files=path.name)
    (path.parent / SUMS).write_text(written({path.name: recorded}), encoding="utf-8")
    digests.check(source.folder, [path])
    found = raw(source)
    absent = [name for name in types if name not in found.column_names]
    if absent:
        raise JobFailed(f"there is no column {', '.join(absent)}", where=str(path))
    return typed(found.select(list(types)), source, types, where=str(path))

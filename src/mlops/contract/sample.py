"""Data that a contract is to be proposed from: a file, or a folder of files that are the partitions of one table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

KINDS = (".parquet", ".csv", ".csv.gz", ".tsv")


def read_data(path: Path) -> tuple[str, pd.DataFrame, tuple[str, ...]]:
    """Return a table's name, its rows, and the columns that name its partitions (`partition`, of a folder's files without such a column).

    Raises:
        UsageError: There is no such file, or none in the folder that can be read.
        JobFailed: A file is not what its name says.
    """
    import pandas as pd

    if not path.exists():
        raise UsageError(f"there is no file or folder {str(path)!r}", hint=f"It is a file or a folder of files: {', '.join(KINDS)}")
    name = re.sub(r"\W+", "_", path.name.partition(".")[0]) or "table"
    if path.is_file():
        return name, _typed(_read(path)), ()
    files = sorted(file for file in path.rglob("*") if file.name.endswith(KINDS))
    if not files:
        raise UsageError(f"nothing in {path} can be read", hint=f"It is a folder of files: {', '.join(KINDS)}")
    frames = {file: _read(file) for file in files}
    known = next((names for names in (("year", "month"), ("partition",)) if all(set(names) <= set(f) for f in frames.values())), None)
    if known is None:
        frames = {file: frame.assign(partition=file.name.partition(".")[0]) for file, frame in frames.items()}
    return name, _typed(pd.concat(frames.values(), ignore_index=True)), known or ("partition",)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(
            path, sep=None if path.suffix == ".tsv" else ",", engine="python" if path.suffix == ".tsv" else "c", low_memory=True
        )
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise JobFailed(f"cannot be read: {error}", where=str(path), hint="Is it whole, in UTF-8, with commas between?") from error


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its times as times: ISO 8601, in every row that has a value."""
    import pandas as pd

    made: dict[Any, pd.Series] = {}
    for name in frame:
        there = frame[name].dropna()
        if (
            pd.api.types.is_string_dtype(frame[name].dtype)
            and len(there)
            and there.astype(str).str.match(r"\d{4}-\d{2}-\d{2}([T ]\d|$)").all()
        ):
            times = pd.to_datetime(frame[name], errors="coerce", format="ISO8601")
            made |= {name: times} if times.notna().sum() == len(there) else {}
    return frame.assign(**made)

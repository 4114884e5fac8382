"""Two files of the same table, row by row: which rows are new, changed, gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops.datasets.parts import opened
from mlops.errors import JobFailed, MlopsError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mlops.datasets.source import Source


@dataclass(frozen=True)
class Difference:
    """Numbers of rows; `changed` is None where the table has no key by which a row is the same one."""

    before: int
    after: int
    added: int
    gone: int
    changed: int | None

    @property
    def any(self) -> bool:
        """Whether a row differs."""
        return bool(self.added or self.gone or self.changed)

    def __str__(self) -> str:
        changed = f", {self.changed:,} changed" if self.changed is not None else ""
        return f"{self.added:,} rows added{changed}, {self.gone:,} gone ({self.before:,} rows before, {self.after:,} after)"


def table(path: Path, source: Source | None) -> pd.DataFrame:
    """Return the rows of one file, text as it stands there: under the names of the source, where there is one.

    Raises:
        MlopsError: It cannot be read as what its name says.
    """
    import pandas as pd

    if source is not None:
        from mlops.datasets.reading import raw

        kind = "parquet" if path.suffix == ".parquet" else source.format
        frame: pd.DataFrame = raw(replace(source, files=str(path), url="", database="", partition="", format=kind)).to_pandas()
        return frame
    try:
        if ".parquet" in path.suffixes:
            return pd.read_parquet(path)
        with opened(path) as file:
            if {".jsonl", ".ndjson"} & set(path.suffixes):
                return pd.read_json(file, lines=True)
            separator = "\t" if ".tsv" in path.suffixes else ","
            return pd.read_csv(file, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        raise JobFailed(f"cannot be read as a table: {str(error).splitlines()[0]}", where=str(path)) from error


def count(path: Path, source: Source | None) -> int | None:
    """Return the number of rows of a file, or None where it cannot be read."""
    try:
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            return int(pq.ParquetFile(path).metadata.num_rows)
        return len(table(path, source))
    except (MlopsError, ValueError, OSError):
        return None


def difference(before: pd.DataFrame, after: pd.DataFrame, key: tuple[str, ...]) -> Difference:
    """Compare two tables.

    Args:
        before: The rows as they were.
        after: The rows as they are to be.
        key: Columns that name a row; where one is missing, or names several rows, whole rows are compared.
    """
    columns = sorted(map(str, set(before) | set(after)))
    old, new = (_hashed(frame.reindex(columns=columns), key) for frame in (before, after))
    if old.index.name == "key" == new.index.name and old.index.is_unique and new.index.is_unique:
        both = old.index.intersection(new.index)
        changed = int((old.loc[both].to_numpy() != new.loc[both].to_numpy()).sum())
        return Difference(len(old), len(new), len(new) - len(both), len(old) - len(both), changed)
    counts = new.value_counts().sub(old.value_counts(), fill_value=0)
    return Difference(len(old), len(new), int(counts.clip(lower=0).sum()), int(-counts.clip(upper=0).sum()), None)


def _hashed(frame: pd.DataFrame, key: tuple[str, ...]) -> pd.Series:
    """Return a hash of each row, by the hash of its key where there is one."""
    import pandas as pd

    text = frame.astype("str")
    rows = pd.Series(pd.util.hash_pandas_object(text, index=False).to_numpy())
    if key and set(key) <= set(frame):
        rows.index = pd.Index(pd.util.hash_pandas_object(text[list(key)], index=False).to_numpy(), name="key")
    return rows

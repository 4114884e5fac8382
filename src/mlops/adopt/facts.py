"""What is counted about each column before anything is decided: how many values, which, how often, of what type."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

SAMPLE = 50_000
"""Statistics are of at most so many rows, drawn by a seed; what must differ from row to row is counted over all of them."""


@dataclass(frozen=True)
class Facts:
    """One column, counted."""

    name: str
    raw: str
    type: str
    """ODCS logicalType."""
    series: pd.Series = field(repr=False)
    """All rows."""
    rows: int
    distinct: int
    """Without missing ones."""
    missing: int

    @property
    def filled(self) -> int:
        return self.rows - self.missing

    @property
    def share_missing(self) -> float:
        return self.missing / self.rows if self.rows else 0.0

    @property
    def unique(self) -> bool:
        """Whether no value is there twice, and none is missing."""
        return self.distinct == self.rows > 1

    @cached_property
    def counts(self) -> pd.Series:
        """Value to how many rows have it, the most frequent first."""
        return self.series.value_counts()

    @cached_property
    def whole(self) -> bool:
        """Whether all values are whole numbers, of whatever type."""
        if self.type == "integer":
            return True
        if self.type != "number" or not self.filled:
            return False
        return bool((self.series.dropna() % 1 == 0).all())

    @cached_property
    def words(self) -> frozenset[str]:
        """The words in the column's name, in small letters: `patientId_2` has patient, id and 2."""
        parted = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", self.name)
        return frozenset(re.findall(r"[^\W_]+", parted.lower()))

    @cached_property
    def counts_up(self) -> bool:
        """Whether the values are 0, 1, 2 ... or 1, 2, 3 ... in the order of the rows."""
        if not (self.whole and self.unique):
            return False
        first = self.series.iloc[0]
        return bool(first in {0, 1} and (self.series.diff().iloc[1:] == 1).all())


def count(name: str, raw: str, values: pd.Series) -> Facts:
    """Count one column."""
    missing = int(values.isna().sum())
    return Facts(name, raw, type_of(values), values, len(values), int(values.nunique()), missing)


def type_of(values: pd.Series) -> str:
    """Return the ODCS logicalType of a column."""
    from pandas.api import types

    if types.is_bool_dtype(values):
        return "boolean"
    if types.is_integer_dtype(values):
        return "integer"
    if types.is_float_dtype(values):
        return "number"
    if types.is_datetime64_any_dtype(values):
        days = values.dropna().head(10_000)
        return "date" if len(days) and bool((days.dt.tz is None) and (days == days.dt.normalize()).all()) else "timestamp"
    return "string"


def facts_of(frame: pd.DataFrame, rename: Mapping[str, str]) -> dict[str, Facts]:
    """Count all columns of a table; `rename` leads from the names in its header."""
    raw = {new: old for old, new in rename.items()}
    return {str(name): count(str(name), raw.get(str(name), str(name)), frame[name]) for name in frame.columns}


def shown(value: Any) -> str:
    """Return a value as a person would write it: a whole number without a point, a day without a clock."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)

"""What a data contract says, as frozen values: tables, and the rules that must hold in them. Nothing here reads a file or runs a check."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Range:
    """An interval of numbers; None is open to that side."""

    low: float | None = None
    high: float | None = None
    above: bool = False
    """Whether `low` itself is outside."""
    below: bool = False
    """Whether `high` itself is outside."""
    or_none: bool = False
    """Whether it is well that there is no number."""

    def __str__(self) -> str:
        low, high = _figure(self.low), _figure(self.high)
        if self.low is not None and self.low == self.high:
            return low
        if self.low is None:
            return f"{'less than' if self.below else 'at most'} {high}"
        if self.high is None:
            return f"{'more than' if self.above else 'at least'} {low}"
        return f"{'more than ' if self.above else ''}{low} to {'less than ' if self.below else ''}{high}"

    def widened(self, times: float) -> Range:
        """Return the interval with so many times its width added at each end that it has."""
        if self.low is None or self.high is None:
            return self
        more = (self.high - self.low) * times
        return replace(self, low=self.low - more, high=self.high + more)


def printable(text: str, most: int = 80) -> str:
    """Return text from data as one short line: a control character in it could move a terminal's cursor and hide what is said."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:most]


def _figure(value: float | None) -> str:
    """Return a number as a person writes it; a year or a clock time gets no comma."""
    if value is None:
        return ""
    return f"{int(value):{',' if abs(value) >= 10_000 else ''}}" if float(value).is_integer() else f"{value:.6g}"


@dataclass(frozen=True)
class Rule:
    """One thing that must hold, in the contract's own terms."""

    name: str
    """table.column.kind, unique in the contract."""
    table: str
    columns: tuple[str, ...]
    """Empty where the rule is about the table."""
    kind: str
    """type, required, unique, range, finite, length, set, pattern, tidy, relation, determined, reference, rows, columns, distribution, or custom."""
    severity: str
    """stop or warn."""
    wording: str
    """What must be, to follow the column's name: `must be 80 to 5000`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    share: float = 0.0
    """Rows that may break it, as a share of all; above 0 the rule is about the table, and no row of it goes to quarantine."""
    per_partition: bool = False
    description: str = ""
    line: int = 0

    @property
    def subject(self) -> str:
        return ", ".join(self.columns) or "rows"

    @property
    def by_row(self) -> bool:
        """Whether single rows can keep or break it, so that the ones that break it can be set apart; a custom one names rows, or none."""
        nearly = self.share or self.arguments.get("kwargs", {}).get("mostly", 1) != 1
        return self.kind not in {"type", "rows", "columns", "distribution"} and not nearly and not self.per_partition


@dataclass(frozen=True)
class Table:
    """What a contract says of one table."""

    name: str
    types: Mapping[str, str]
    """Column -> string, integer, number, boolean, date or timestamp."""
    key: tuple[str, ...]
    partition: tuple[str, ...]
    """The columns that name a part which comes as one, such as year and month."""
    leakage: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Contract:
    """A whole contract, checked."""

    path: Path
    name: str
    version: str
    owner: str
    licence: str
    tables: tuple[Table, ...]
    described: tuple[str, ...] = ()
    """What it says that no row can show: kept, told, and not checked."""

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for table in self.tables for rule in table.rules)

    @property
    def leakage(self) -> tuple[str, ...]:
        """Columns of any table that are known only after the question is asked."""
        return tuple(dict.fromkeys(name for table in self.tables for name in table.leakage))

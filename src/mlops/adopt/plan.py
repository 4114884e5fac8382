"""What adopting a table will do: every decision with how sure it is and why, as frozen values. `look` makes it, a person may change it, `write` acts on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SURE = ("given", "certain", "likely", "unsure")
"""`given`: the person said so. What is `unsure` is asked for on a terminal; without one the safe reading is taken and told."""
TASKS = ("binary", "multiclass", "regression")
ROLES = (
    "number",
    "category",
    "ordinal",
    "high-cardinality",
    "boolean",
    "text",
    "date",
    "target",
    "group",
    "identifier",
    "constant",
    "empty",
    "duplicate",
    "leakage",
    "dropped",
)
"""What a column is. The first seven are learnt from; `leakage` tells the answer, or is known only after it; `dropped`: the person said so."""
FEATURES = ROLES[:7]
SPLITS = ("time", "group", "stratified", "random")


@dataclass(frozen=True)
class Decision:
    """One thing that was worked out, or given."""

    about: str
    """task, target, positive, metric, split, time, group, keys, drop, or the name of a column."""
    value: str
    sure: str
    """One of `SURE`."""
    why: str
    option: str = ""
    """What says otherwise, as `--time COLUMN`."""
    others: tuple[str, ...] = ()
    """The other readings that were near."""


@dataclass(frozen=True)
class Column:
    """One column of the table as it will be read."""

    name: str
    """Unique: what a pipeline calls it."""
    raw: str
    """As in the header of the source."""
    role: str
    type: str
    """ODCS logicalType: string, number, integer, boolean, date, timestamp."""
    sure: str
    why: str
    missing: float = 0.0
    """Share of rows, 0 to 1."""
    distinct: int = 0
    values: tuple[str, ...] = ()
    """All values of a category with few of them, an ordinal's in their order."""

    @property
    def used(self) -> bool:
        return self.role in FEATURES


@dataclass(frozen=True)
class Split:
    """How test rows are chosen: those after a time, whole groups, or at random (of each class alike where it is stratified)."""

    kind: str
    column: str = ""
    """The time, or the group; of a stratified one the target."""
    share: float = 0.2
    """Of the rows that are tested on."""
    cut: str = ""
    """time: the last value of training, as text (ISO 8601 for times)."""


@dataclass(frozen=True)
class Suspect:
    """A column that may tell the answer, or rows that may be in both parts."""

    column: str
    """Empty where it is about rows."""
    score: float | None
    """How well it predicts the target alone, from 0 (as a guess) to 1 (perfectly)."""
    why: str
    left_out: bool
    """Whether it is kept from the model (`--keep COLUMN` takes it in all the same)."""


@dataclass(frozen=True)
class Plan:
    """All that `write` needs to know."""

    name: str
    source: Path
    """Of the file that `datasets.source` reads (made for this adoption, in a temporary folder; `write` puts it beside the data)."""
    rows: int
    task: str
    target: str
    positive: Any
    """binary: the value of the positive class, as the table has it. None otherwise."""
    classes: tuple[Any, ...]
    """binary, multiclass: all classes, as the table has them. Empty for regression."""
    metric: str
    """Of `mlops.settings.METRICS` of the task: the one that decides."""
    columns: tuple[Column, ...]
    split: Split
    keys: tuple[str, ...]
    """What names a row to a person; empty where nothing does (then its number does)."""
    suspects: tuple[Suspect, ...] = ()
    decisions: tuple[Decision, ...] = ()
    remarks: tuple[str, ...] = ()
    """What was seen and needs no decision: renamed columns, rows without a target, duplicates."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Numbers worth showing: seconds of reading, bytes, rows without a target."""

    def of(self, *roles: str) -> tuple[str, ...]:
        """Return the names of the columns that have one of the roles, in the table's order."""
        return tuple(column.name for column in self.columns if column.role in roles)

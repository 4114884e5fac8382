"""What a person needs to act on a broken rule: which rows, with their keys; since when; and what it looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.contract.rules import printable
from mlops.contract.suite import partition_labels

if TYPE_CHECKING:
    import pandas as pd

    from mlops.contract.check import Finding
    from mlops.contract.rules import Table

EXAMPLES = 10


@dataclass(frozen=True)
class Share:
    """How a rule fared in one partition."""

    partition: str
    failed: int
    rows: int
    value: float | None = None
    """The number that a rule about partitions is about."""


@dataclass(frozen=True)
class Detail:
    """A broken rule, told."""

    finding: Finding
    history: tuple[Share, ...]
    """By partition, in their order; empty where the table has none, or the rule is not about rows."""
    examples: tuple[tuple[str, str], ...]
    """Key and value of the first rows that break it."""
    remark: str
    """What it looks like, or nothing."""

    @property
    def broken_in(self) -> tuple[str, ...]:
        return tuple(share.partition for share in self.history if share.failed)


def detail(finding: Finding, table: Table, frame: pd.DataFrame) -> Detail:
    """Gather what is worth knowing about one finding, from the table it was found in."""
    labels = partition_labels(table, frame)
    if finding.rule.per_partition and labels is not None:
        return _of_partitions(finding, frame, labels)
    if not finding.rows:
        return Detail(finding, (), (), "")
    history = _history(finding, labels) if labels is not None else ()
    examples = tuple(_example(table, frame, row, finding.rule.columns) for row in finding.rows[:EXAMPLES])
    remark = _remark(finding, frame, labels, history) if labels is not None else ""
    return Detail(finding, history, examples, remark)


def _of_partitions(finding: Finding, frame: pd.DataFrame, labels: pd.Series) -> Detail:
    sizes = frame.groupby(labels, sort=True).size()
    column = finding.rule.columns[0] if finding.rule.columns else ""
    known = column in frame and frame[column].dtype.kind in "iuf"
    values = frame.groupby(labels, sort=True)[column].median() if known else sizes
    rows = set(finding.rows)
    history = tuple(
        Share(printable(str(name)), int(index in rows), int(size), float(value))
        for index, (name, size, value) in enumerate(zip(sizes.index, sizes, values, strict=True))
    )
    what = f"median {column}" if known else "rows"
    return Detail(finding, history, tuple((s.partition, f"{what} {s.value:,.6g}") for s in history if s.failed)[:EXAMPLES], "")


def _history(finding: Finding, labels: pd.Series) -> tuple[Share, ...]:
    sizes = labels.groupby(labels, sort=True).size()
    broken = labels.iloc[list(finding.rows)].value_counts()
    return tuple(Share(printable(str(name)), int(broken.get(name, 0)), int(size)) for name, size in sizes.items())


def _example(table: Table, frame: pd.DataFrame, row: int, columns: tuple[str, ...]) -> tuple[str, str]:
    """Return what names a row (the contract's key, or its position), and the values that break the rule."""
    there = [name for name in table.key if name in frame]
    key = " ".join(_text(frame[name].iloc[row]) for name in there) or f"row {row:,}"
    values = ", ".join(f"{name} {_text(frame[name].iloc[row])}" for name in columns if name not in table.key or len(columns) == 1)
    return key, values


def _text(value: Any) -> str:
    """Return a value as a person writes it: no `.0`, no `nan`."""
    if value is None or value != value:  # noqa: PLR0124 - a missing number is the one that is not itself
        return "missing"
    return printable(f"{value:.10g}" if isinstance(value, float) else str(value))


def _remark(finding: Finding, frame: pd.DataFrame, labels: pd.Series, history: tuple[Share, ...]) -> str:
    """Say so where the broken partitions look like the others in another unit."""
    broken = {share.partition for share in history if share.failed}
    column = finding.rule.columns[0]
    if finding.rule.kind != "range" or len(broken) in {0, len(history)}:
        return ""
    inside = labels.map(printable).isin(broken)
    before, now = frame.loc[~inside, column].median(), frame.loc[inside, column].median()
    if not before or not now or 0.8 < now / before < 1.25:
        return ""
    return f"the median is {now / before:.4g} times that of the other partitions ({now:,.6g}, {before:,.6g}): another unit?"

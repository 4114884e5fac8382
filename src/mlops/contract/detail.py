"""What a person needs to act on a broken rule: which rows, with their keys; since when; and what it looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.contract.rules import printable
from mlops.contract.suite import partition_labels
from mlops.contract.tables import Chunks, first_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mlops.contract.check import Finding
    from mlops.contract.rules import Contract, Table

EXAMPLES = 10
SHOWN = 24
"""Partitions of a history that are drawn, the last ones."""
BARS = "▁▂▃▄▅▆▇█"


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
    def drawn(self) -> str:
        """The last partitions as one line: `2013-01 ▁▁▁▁▁▁▁█ 2013-08`, by share of rows, or by the number that the rule is about."""
        shown = self.history[-SHOWN:]
        heights = [share.failed / max(1, share.rows) if share.value is None else abs(share.value) for share in shown]
        most = max(heights, default=0.0)
        if len(shown) < 2 or not most:
            return ""
        bars = "".join(BARS[min(round(height / most * (len(BARS) - 1)), len(BARS) - 1)] for height in heights)
        return f"{shown[0].partition} {bars} {shown[-1].partition}"

    @property
    def broken_in(self) -> tuple[str, ...]:
        return tuple(share.partition for share in self.history if share.failed)


def describe(contract: Contract, broken: Sequence[Finding], frames: Mapping[str, pd.DataFrame | Chunks]) -> dict[str, Detail]:
    """Return what is worth knowing of each broken rule, by its name."""
    found: dict[str, Detail] = {}
    for table in contract.tables:
        mine = [finding for finding in broken if finding.rule.table == table.name]
        labels = partition_labels(table, frames[table.name]) if mine else None
        found |= {finding.rule.name: detail(finding, table, frames[table.name], labels) for finding in mine}
    return {finding.rule.name: found[finding.rule.name] for finding in broken}


def detail(finding: Finding, table: Table, frame: pd.DataFrame | Chunks, labels: pd.Series | None = None) -> Detail:
    """Gather what is worth knowing about one finding, from the table it was found in.

    Args:
        finding: What became of the rule.
        table: What the contract says of the table.
        frame: The table.
        labels: The partition of each row, where that is known already.
    """
    labels = partition_labels(table, frame) if labels is None else labels
    if finding.rule.per_partition and labels is not None:
        return _of_partitions(finding, frame, labels)
    if not len(finding.rows):
        return Detail(finding, (), (), "")
    history = _history(finding, labels) if labels is not None else ()
    first = first_rows(frame, finding.rows[:EXAMPLES])
    examples = tuple(_example(table, first, n, finding) for n in range(len(first)))
    remark = _remark(finding, frame, labels, history) if labels is not None and not isinstance(frame, Chunks) else ""
    return Detail(finding, history, examples, remark)


def _of_partitions(finding: Finding, frame: pd.DataFrame | Chunks, labels: pd.Series) -> Detail:
    sizes = labels.groupby(labels, sort=True).size()
    column = finding.rule.columns[0] if finding.rule.columns else ""
    values = _medians(frame, column, labels) if column in frame else None
    what = f"median {column}" if values is not None else "rows"
    rows = set(finding.rows)
    history = tuple(
        Share(printable(str(name)), int(index in rows), int(size), float(value))
        for index, (name, size, value) in enumerate(zip(sizes.index, sizes, sizes if values is None else values, strict=True))
    )
    return Detail(finding, history, tuple((s.partition, f"{what} {s.value:,.6g}") for s in history if s.failed)[:EXAMPLES], "")


def _medians(frame: pd.DataFrame | Chunks, column: str, labels: pd.Series) -> pd.Series | None:
    values = frame.whole([column], "its history")[column] if isinstance(frame, Chunks) else frame[column]
    return values.groupby(labels, sort=True).median() if values.dtype.kind in "iuf" else None


def _history(finding: Finding, labels: pd.Series) -> tuple[Share, ...]:
    sizes = labels.groupby(labels, sort=True).size()
    broken = labels.iloc[list(finding.rows)].value_counts()
    return tuple(Share(printable(str(name)), int(broken.get(name, 0)), int(size)) for name, size in sizes.items())


def _example(table: Table, rows: pd.DataFrame, n: int, finding: Finding) -> tuple[str, str]:
    """Return what names a row (the contract's key, or its position), and the values that break the rule."""
    columns = finding.rule.columns
    there = [name for name in table.key if name in rows]
    key = " ".join(_text(rows[name].iloc[n]) for name in there) or f"row {finding.rows[n]:,}"
    values = ", ".join(f"{name} {_text(rows[name].iloc[n])}" for name in columns if name not in table.key or len(columns) == 1)
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
    inside = labels.isin([name for name in labels.unique() if printable(str(name)) in broken])
    before, now = frame.loc[~inside, column].median(), frame.loc[inside, column].median()
    if not before or not now or 0.8 < now / before < 1.25:
        return ""
    return f"the median is {now / before:.4g} times that of the other partitions ({now:,.6g}, {before:,.6g}): another unit?"

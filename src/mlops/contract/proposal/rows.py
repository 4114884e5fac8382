"""What a contract says of the rows of a table: how many, relations between columns, rows that are there twice."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mlops.contract import bands
from mlops.contract.custom import DETERMINED, RELATION
from mlops.contract.expressions import quoted
from mlops.contract.proposal.columns import banded
from mlops.contract.proposal.look import WIDE, Look, expect
from mlops.contract.relations import find
from mlops.contract.rules import printable
from mlops.contract.statistics import numbers, tells
from mlops.contract.suite import days_of

FAR = 0.2
"""Share of the rows: when more break a relation, it is not the rows that are odd."""

DAY = 0.98
"""Share of the rows that lie in their partition by any clock: the evening of a month's last day is in the next one, by another zone's."""


def table_rules(look: Look, labels: pd.Series | None, remarks: list[str]) -> list[dict[str, Any]]:
    """Return the rules of the table: how many rows, relations between columns, rows that are there twice."""
    made = _volume(look, labels)
    kinds = {n: k for n, k in look.kinds.items() if n not in look.mixed}
    for relation in find(look.frame, kinds) if len(kinds) <= WIDE else []:
        if set(relation.columns) <= {*look.partition}:
            continue
        extra = {"mostly": _mostly(relation.breaks)} if relation.breaks else {}
        if relation.determines:
            remarks.append(f"{', '.join(relation.columns[:-1])} determines {relation.columns[-1]}")
            made.append(expect(DETERMINED, {"column_list": list(relation.columns), **extra}, severity="warn", stopBeyond=FAR))
        else:
            remarks.append(f"{relation.text} in {'all' if not relation.breaks else 'nearly all'} rows")
            made.append(expect(RELATION, {"expression": relation.text, **extra}, severity="warn", stopBeyond=FAR))
    timed = _in_partition(look)
    made += timed
    wanted = ["duplicates"] * (not look.keys) + ["repeated"] * (look.known > 1 and not timed)
    if wanted and len(look.kinds) <= WIDE:
        made += banded(look, bands.learn(look.frame, "", wanted, look.parts, partitions=look.known))
    tell_giveaways(look, remarks)
    return made


def _in_partition(look: Look) -> list[dict[str, Any]]:
    """Return that times lie in the year, month or day that names their partition, where they do."""
    made = []
    for time in (name for name, kind in look.kinds.items() if kind == "timestamp"):
        for name in look.partition:
            for part in ("year", "month", "day"):
                if look.kinds[name] not in {"integer", "number"} or look.frame[time].isna().all():
                    continue
                breaks = float((getattr(look.frame[time].dt, part) != look.frame[name])[look.frame[time].notna()].mean())
                if breaks <= 0.1:
                    text = f"{part}({quoted(time)}) == {quoted(name)}"
                    made.append(expect(RELATION, {"expression": text, "mostly": min(_mostly(breaks), DAY)}, severity="stop"))
    return made


def _mostly(breaks: float) -> float:
    return round(1 - max(3 * breaks, 0.001), 4)


def _volume(look: Look, labels: pd.Series | None) -> list[dict[str, Any]]:
    if labels is None:
        count = len(look.frame)
        return [
            {"metric": "rowCount", "mustBeGreaterOrEqualTo": max(1, count // 2), "severity": "stop"},
            {"metric": "rowCount", "mustBeBetween": [max(1, int(count * 0.95)), count * 3], "severity": "warn"},
        ]
    sizes = labels.value_counts()
    least, most = max(1, int(sizes.min() / 2)), int(sizes.max() * 2)
    made = [{"metric": "rowCount", "arguments": {"per": "partition"}, "mustBeBetween": [least, most], "severity": "stop"}]
    daily = sizes / [days_of(str(label)) for label in sizes.index]
    if len(daily) >= bands.FEW and daily.notna().all():
        room = max(0.7 * (daily.max() - daily.min()), 0.03 * daily.median())
        limits = [float(f"{daily.min() - room:.3g}"), float(f"{daily.max() + room:.3g}")]
        made.append({"metric": "rowCount", "arguments": {"per": "partition", "each": "day"}, "mustBeBetween": limits, "severity": "warn"})
    return made


def tell_giveaways(look: Look, remarks: list[str]) -> None:
    """Tell of columns that give the target away."""
    if not look.target:
        return
    target = look.frame[look.target]
    values = numbers(target) if pd.api.types.is_numeric_dtype(target.dtype) else pd.factorize(target)[0].astype(float)
    for name, kind in look.kinds.items():
        if name == look.target or name in look.mixed or name in look.leakage or len(look.kinds) > 10 * WIDE:
            continue
        ordered = kind in {"integer", "number"}
        column = numbers(look.frame[name]) if ordered else pd.factorize(look.frame[name].map(str))[0].astype(float)
        share = tells(column, values, ordered=ordered)
        if share > 0.9:
            remarks.append(f"{printable(name)} tells {share:.0%} of {look.target} by itself: is it known when the question is asked?")

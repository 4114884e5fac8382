"""What a contract says of a column of times: between which days they lie."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mlops.contract.custom import RELATION
from mlops.contract.expressions import quoted
from mlops.contract.proposal.look import Look, expect
from mlops.contract.rules import printable
from mlops.contract.text import DAYS


def times(look: Look, name: str, quality: list[dict[str, Any]], remarks: list[str]) -> None:
    if look.kinds[name] != "timestamp":
        return
    column = look.frame[name].dropna()
    days = column.dt.strftime("%Y-%m-%d")
    for day in DAYS:
        count = int((days == day).sum())
        if count > max(1, 0.001 * len(days)):
            remarks.append(f"{printable(name)} is {day} in {count:,} rows: does it mean missing?")
    first, last = column.min(), column.max()
    over = closed(column) and not look.partition
    room = max((last - first) / 4, pd.Timedelta(days=7)) if over else max(last - first, pd.Timedelta(days=365))
    end = f'"{last + room:%Y-%m-%d}"' if over else "now()"
    if over:
        remarks.append(f"{printable(name)} ends on {last:%Y-%m-%d}: taken for a time that is over")
    if over or last <= _now(column):
        expression = f'{quoted(name)} >= "{first - room:%Y-%m-%d}" and {quoted(name)} <= {end}'
        quality.append(expect(RELATION, {"expression": expression}, severity="warn"))


def closed(column: pd.Series) -> bool:
    """Whether times end so long ago (a tenth of their span, a month at least) that no new ones are to be expected."""
    span = column.max() - column.min()
    return bool(_now(column) - column.max() > max(span / 10, pd.Timedelta(days=31)))


def _now(column: pd.Series) -> pd.Timestamp:
    return pd.Timestamp.now(tz="UTC" if column.dt.tz is not None else None)

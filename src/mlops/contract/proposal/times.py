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
    if column.max() <= pd.Timestamp.now(tz="UTC" if column.dt.tz is not None else None):
        first = (column.min() - max(column.max() - column.min(), pd.Timedelta(days=365))).strftime("%Y-%m-%d")
        expression = f'{quoted(name)} >= "{first}" and {quoted(name)} <= now()'
        quality.append(expect(RELATION, {"expression": expression}, severity="warn"))

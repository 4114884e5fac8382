"""How a time is cut into windows, for looking at how a model ages: the shortest length that has enough rows in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LENGTHS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
LEAST_ROWS = 30
LEAST, MOST = 4, 60
"""Windows: with fewer nothing can be told of ageing, more are no overview."""
NONE = "none"


def length_of(times: pd.Series) -> str:
    """Return a length of LENGTHS; `value` for numbers and texts of which each is a window; `none` where nothing fits."""
    known = times.dropna()
    if known.dtype.kind != "M":
        return "value" if _fits(known) else NONE
    plain = known.dt.tz_convert(None) if known.dt.tz is not None else known
    return next((name for name, code in LENGTHS.items() if _fits(plain.dt.to_period(code))), NONE)


def _fits(windows: pd.Series) -> bool:
    rows = windows.value_counts()
    return LEAST <= len(rows) <= MOST and float(rows.median()) >= LEAST_ROWS

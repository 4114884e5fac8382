"""The form of times that are written in words. Whether the day or the month stands first, the values say; where they do not, that is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_CLOCKS = ("", "%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p")
_DAYS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y", "%d-%b-%Y",
    "%d-%b-%y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%b %Y", "%B %Y", "%Y-%m", "%Y/%m", "%b-%y", "%a, %d %b %Y",
)  # fmt: skip
_TWINS = {"%d/%m": "%m/%d", "%d-%m": "%m-%d"}
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?\s?(Z|[+-]\d\d:?\d\d)?")
_LOOKS = re.compile(r"\d{1,4}[-/. ]\w{1,9}[-/. ,]+\d{1,4}.*|[A-Za-z]{3,9}[ -]\d{1,4}.*|\d{4}[-/]\d{1,2}|\w{3}, \d.*")


@dataclass(frozen=True)
class Form:
    form: str
    sure: str
    why: str
    others: tuple[str, ...] = ()


def form_of(values: pd.Series, *, day_first: bool | None = None) -> Form | None:
    """Return the form that all distinct values (words without missing ones) have, or None where they are no times.

    Args:
        values: The distinct values of a column.
        day_first: How to read 03/04/2020 where the values allow both.
    """
    import pandas as pd

    few = values.head(200)
    if few.empty:
        return None
    if few.str.fullmatch(_ISO.pattern).all():
        good = pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True).notna().all()
        return Form("ISO8601", "certain", f"all {len(values):,} values are written as ISO 8601 says") if good else None
    if not few.str.fullmatch(_LOOKS.pattern).all():
        return None
    fits = [form for form in _candidates() if _all_fit(few, form) and _all_fit(values, form)]
    return _decide(fits, values, day_first) if fits else None


def _candidates() -> list[str]:
    return [f"{day}{' ' * bool(clock)}{clock}" for day in _DAYS for clock in _CLOCKS]


def _all_fit(values: pd.Series, form: str) -> bool:
    import pandas as pd

    return bool(pd.to_datetime(values, format=form, errors="coerce").notna().all())


def _decide(fits: list[str], values: pd.Series, day_first: bool | None) -> Form:
    first = fits[0]
    start = first[:5]
    twin = first.replace(start, _TWINS[start], 1) if start in _TWINS else ""
    if twin not in fits:
        reason = (
            "no value reads otherwise"
            if start not in _TWINS
            else "a day above 12 stands first"
            if start.startswith("%d")
            else "a day above 12 stands second"
        )
        return Form(first, "certain" if twin else "likely", f"all {len(values):,} values fit, {reason}")
    chosen = first if day_first else twin
    if day_first is not None:
        return Form(chosen, "likely", "no day is above 12; the file's other columns are written so", (first if chosen == twin else twin,))
    return Form(twin, "unsure", "no day is above 12: the month may stand first or second", (first,))

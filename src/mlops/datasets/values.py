"""What words in a column stand for: missing, truth, a number in the file's own way of writing. Each by all of its distinct values, none by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

NEVER_VALUES = (
    "N/A",
    "n/a",
    "#N/A",
    "#NA",
    "#VALUE!",
    "#DIV/0!",
    "#REF!",
    "NaN",
    "nan",
    "null",
    "NULL",
    "Null",
    "<NA>",
    "\\N",
    "(null)",
    "?",
)
"""Words that no table means as a value, in whatever column."""
PERHAPS = (
    "NA",
    "na",
    "None",
    "none",
    "NONE",
    "-",
    "--",
    "---",
    ".",
    "..",
    "missing",
    "Missing",
    "unknown",
    "Unknown",
    "nil",
    "NIL",
    "#",
    "*",
    "N.A.",
    "n.a.",
    "not available",
)
"""Words that are missing values where all others of a column are numbers, times or truths, and a word among words."""
_TRUTHS = (
    ("yes", "no"),
    ("y", "n"),
    ("true", "false"),
    ("t", "f"),
    ("ja", "nein"),
    ("j", "n"),
    ("si", "no"),
    ("sí", "no"),
    ("oui", "non"),
    ("on", "off"),
    ("wahr", "falsch"),
)
_WAYS = (
    (".", ""),
    (".", ","),
    (",", ""),
    (",", "."),
    (".", " "),
    (",", " "),
    (".", "'"),
    (".", "\u00a0"),
    (",", "\u00a0"),
    (",", "\u202f"),
)


SIGNS = r"^\+|[$€£%]|\s"
"""What stands beside the digits of a number and is none of it: 12 % is 12."""


@dataclass(frozen=True)
class Way:
    """How numbers are written."""

    decimal: str = "."
    thousands: str = ""

    @property
    def shape(self) -> str:
        """The regular expression of a number."""
        return shape(self.decimal, self.thousands)

    def writes(self, values: Sequence[str]) -> bool:
        """Whether all values are numbers that are written so."""
        number = re.compile(self.shape)
        return all(map(number.fullmatch, values))


def shape(decimal: str, thousands: str) -> str:
    """Return the regular expression of a number that is written so."""
    point, group = re.escape(decimal), re.escape(thousands)
    whole = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{group}[0-9]{{3}})+)" if thousands else "[0-9]+"
    return rf"\s*[-+]?[$€£]?\s?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][-+]?[0-9]+)?(?:\s?[%€])?\s*"


def way_of(columns: Mapping[str, pd.Series]) -> tuple[Way, dict[str, int]]:
    """Return the way of writing numbers under which most columns are numbers, and how many are under each; the plainest of equals.

    Args:
        columns: Distinct values of each column of words.
    """
    few = [rest for values in columns.values() if (rest := _written(values.head(300)))]
    counts = {way: sum(map(Way(*way).writes, few)) for way in _WAYS}
    best = max(_WAYS, key=lambda way: (counts[way], -_WAYS.index(way)))
    return Way(*best), {f"decimal {decimal} thousands {thousands or 'none'}": count for (decimal, thousands), count in counts.items()}


def _written(values: pd.Series) -> list[str]:
    """Return the values that are not marks of missing ones, where most have a digit."""
    nothing = {*NEVER_VALUES, *PERHAPS}
    words = [str(value) for value in values]
    digits = sum(any(sign.isdigit() for sign in word) for word in words)
    return [word for word in words if word.strip() not in nothing] if 2 * digits > len(words) else []


def markers(values: pd.Series, fits: pd.Series) -> tuple[str, ...]:
    """Return the words that stand for missing in a column whose other values fit a type, or nothing where some others do not.

    Args:
        values: Distinct values, without empty ones.
        fits: Which of them are of the type.
    """
    rest = {word.strip() for word in values[~fits]}
    known = rest <= {*NEVER_VALUES, *PERHAPS}
    return tuple(sorted(rest)) if rest and known and fits.sum() >= 2 else ()


def truths(values: Sequence[str]) -> dict[str, bool] | None:
    """Return which of two words is true, or None where they are no such pair."""
    low = {word.strip().lower(): word.strip() for word in values}
    for yes, no in _TRUTHS:
        if set(low) == {yes, no} and len(values) == 2:
            return {low[yes]: True, low[no]: False}
    return None


def codes(values: pd.Series) -> str:
    """Return why whole numbers are words all the same (leading zeros, more digits than a number holds), or an empty text."""
    bare = values.str.strip()
    zeros = bare.str.fullmatch(r"0[0-9]+")
    if zeros.any() and bare.str.len().max() > 2 and bare.str.fullmatch("[0-9]+").all():
        return f"{int(zeros.sum()):,} of {len(values):,} values begin with a zero, as {bare[zeros].iloc[0]}"
    long = bare.str.fullmatch(r"[-+]?[0-9]{16,}")
    if long.any() and bare.str.fullmatch("[-+]?[0-9]+").all():
        return f"{int(long.sum()):,} values have more digits than a number holds, as {bare[long].iloc[0]}"
    return ""

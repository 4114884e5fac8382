"""Quality rules of `type: custom`: Great Expectations' own by name, and those that this template registers with it (expectations.py)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops.contract.expressions import parse
from mlops.contract.rules import Range
from mlops.contract.statistics import OF_TABLES, flat, known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.contract.reading import Reading
    from mlops.spec.source import Keys

ENGINES = ("great-expectations", "greatExpectations")
RELATION, DETERMINED, TIDY, BANDS = (
    "expect_rows_to_keep",
    "expect_columns_to_determine_the_last",
    "expect_column_values_to_be_tidy",
    "expect_column_to_be_as_before",
)
Body = tuple[str, str, dict[str, Any]]
"""Kind, wording and arguments of a rule; among the arguments perhaps its `columns` and the `share` of rows that may break it."""


def read_custom(reading: Reading, at: Keys, given: Mapping[str, Any], column: str) -> Body | None:
    """Return what a custom rule says, or None and a note."""
    body = given.get("implementation")
    if given.get("engine") not in ENGINES or not isinstance(body, dict) or not body.get("type"):
        hint = "engine: great-expectations, implementation: {type: expect_..., kwargs: {...}}"
        reading.note(at, "a custom rule is one of Great Expectations", hint)
        return None
    name, kwargs = str(body["type"]), dict(body.get("kwargs") or {})
    keys = (*at, "implementation", "kwargs")
    reader = {RELATION: _relation, DETERMINED: _determined, TIDY: _tidy, BANDS: _bands}.get(name)
    if reader is None:
        return _plain(name, kwargs)
    share = 1 - (reading.number((*keys, "mostly"), kwargs.pop("mostly", 1)) or 0.0)
    made = reader(reading, keys, kwargs, column)
    if made is None:
        return None
    kind, wording, arguments = made
    return kind, wording, {**arguments, "share": round(share, 12)}


def _plain(name: str, kwargs: dict[str, Any]) -> Body:
    words = name.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    said = ", ".join(f"{key} {value}" for key, value in kwargs.items())
    if name.endswith("_to_be_between"):
        said, words = str(Range(kwargs.get("min_value"), kwargs.get("max_value"))), words.removesuffix(" to be between") + " must be"
    return "custom", f"{words} {said}", {"type": name, "kwargs": kwargs}


def _relation(reading: Reading, at: Keys, kwargs: dict[str, Any], _column: str) -> Body | None:
    try:
        found = parse(str(kwargs.get("expression") or ""))
    except ValueError as error:
        reading.note((*at, "expression"), f"cannot be checked: {error}", "As in: total == net + tax")
        return None
    return "relation", f"must keep {found.text}", {"columns": found.columns, "expression": found.text}


def _determined(reading: Reading, at: Keys, kwargs: dict[str, Any], _column: str) -> Body | None:
    columns = kwargs.get("column_list")
    if not isinstance(columns, list) or len(columns) < 2:
        reading.note((*at, "column_list"), "needs two columns or more: those that determine, and the last, which they determine")
        return None
    *given, last = map(str, columns)
    return "determined", f"must be the same {last} for the same {', '.join(given)}", {"columns": (*given, last)}


def _tidy(reading: Reading, at: Keys, kwargs: dict[str, Any], column: str) -> Body | None:
    allow = kwargs.get("allow") or []
    if not column or not isinstance(allow, list):
        reading.note((*at, "allow"), "is about a column of text; `allow` lists words that are well")
        return None
    words = "must have no blanks at its ends, no characters of another encoding, and no word for a missing value"
    return "tidy", words, {"allow": [str(word) for word in allow]}


def _bands(reading: Reading, at: Keys, kwargs: dict[str, Any], column: str) -> Body | None:
    bands: dict[str, Range] = {}
    for name, band in flat(kwargs).items():
        keys = _place(at, name, kwargs)
        if not known(name.partition(" ")[0].replace("share", "shares") if " " in name else name):
            reading.note(keys, f"no number of a column is called {name!r}", "See docs/how-to/contract.md for those that are.")
        elif (name in OF_TABLES) == bool(column):
            reading.note(keys, f"{' and '.join(OF_TABLES)} are of a table, every other number is of a column")
        else:
            bands[name] = _band(reading, keys, band)
    if not bands:
        reading.note(at, "needs a band for one number at least", "As in: {mean: [5, 20]}")
    named = [name.partition(" ") for name in bands if name.startswith(("correlation ", "tells ", "by "))]
    others = tuple(dict.fromkeys(other.partition("=")[0] if kind == "by" else other for kind, _, other in named))
    said = ", ".join(f"{name} {band}" for name, band in list(bands.items())[:4]) + (f" and {len(bands) - 4} more" if len(bands) > 4 else "")
    return "distribution", f"must be as before: {said}", {"bands": bands, "columns": (*([column] if column else []), *others)}


def _place(at: Keys, name: str, kwargs: Mapping[str, Any]) -> Keys:
    if name in kwargs:
        return (*at, name)
    kind, _, inner = name.partition(" ")
    return (*at, "shares" if kind == "share" else kind, inner)


def _band(reading: Reading, at: Keys, band: Any) -> Range:
    """Return a pair of numbers as an interval; `null` is open to that side, and a third `null` says that there may be no number."""
    if not isinstance(band, list) or len(band) not in {2, 3} or band[2:] not in ([], [None]):
        reading.note(at, f"{band!r} is no band", "It is the lowest and the highest number that are well, as [5, 20]; [5, 20, null] if any.")
        return Range()
    low, high = (None if end is None else reading.number(at, end) for end in band[:2])
    if (low if low is not None else -math.inf) > (high if high is not None else math.inf):
        reading.note(at, f"the band {band!r} has its ends the wrong way round")
    return Range(low, high, or_none=len(band) == 3)

"""The service levels of a contract (`slaProperties`): how old the newest rows may be is held against the clock, the others are told.

`freshness` and `latency` with an `element` (`trips.started`, a column of times) say how long ago its latest value may lie. What else a service
level says (retention, frequency, availability, support) is about who delivers, and no row shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.contract.rules import Range, Rule
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.contract.reading import Reading
    from mlops.spec.source import Keys

FRESH = ("freshness", "latency")
_HOUR, _WEEK, _YEAR = 1 / 24, 7.0, 365.2425
_DAYS = {"minute": _HOUR / 60, "hour": _HOUR, "day": 1.0, "week": _WEEK, "month": _YEAR / 12, "year": _YEAR}
_SHORT = {"min": "minute", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}


def read_service(reading: Reading, contract: Mapping[str, Any], types: Mapping[str, Mapping[str, str]]) -> tuple[list[Rule], list[str]]:
    """Return the rules that service levels are, and those levels that are kept and not checked, in words.

    Args:
        reading: Where mistakes are noted.
        contract: The file's value.
        types: Table -> column -> logical type.
    """
    rules: list[Rule] = []
    told: list[str] = []
    for index, level in enumerate(contract.get("slaProperties") or []):
        at, name = ("slaProperties", index), str(level.get("property") or "")
        if name in FRESH:
            element = str(level.get("element") or contract.get("slaDefaultElement") or "")
            rules += [rule for one in element.split(",") for rule in _fresh(reading, at, level, one.strip(), types)]
        else:
            told.append(f"service level {name}")
    return rules, told


def _fresh(reading: Reading, at: Keys, level: Mapping[str, Any], element: str, types: Mapping[str, Mapping[str, str]]) -> Iterator[Rule]:
    table, _, column = element.partition(".")
    if types.get(table, {}).get(column) != "timestamp":
        named = [f"{t}.{c}" for t, columns in types.items() for c, kind in columns.items() if kind == "timestamp"]
        hint = did_you_mean(element, named) if named else "No column of the contract is a timestamp."
        reading.note((*at, "element"), f"{element!r} is no column of times, as table.column", hint)
        return
    value = reading.number((*at, "value"), level.get("value"))
    given = str(level.get("unit") or "d").lower()
    unit = _SHORT.get(given, given.removesuffix("s"))
    if unit not in _DAYS:
        reading.note((*at, "unit"), f"unknown unit of time {given!r}", did_you_mean(given, [*_DAYS, *_SHORT]))
    elif value is not None:
        custom = {item.get("property"): item.get("value") for item in level.get("customProperties") or []}
        severity = reading.severity((*at, "customProperties"), custom.get("severity", "stop"))
        most = value * _DAYS[unit]
        words = f"must have a value of the last {value:g} {unit}{'' if value == 1 else 's'}"
        bands = {"bands": {"age": Range(high=most)}}
        yield Rule(f"{table}.{column}.{level['property']}", table, (column,), "distribution", severity, words, bands, line=reading.line(at))

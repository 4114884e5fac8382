"""The `quality` lists of a contract: the standard's metrics, and custom rules that are Great Expectations' own.

`rowCount`, `nullValues`, `missingValues`, `duplicateValues` and `invalidValues` (with `validValues` or `pattern`, as the standard has it, and
with `minimum` and `maximum`) are read. `per: partition`, among the `arguments` of a metric or the `customProperties` of a custom rule, holds a
rule against each partition instead of the whole table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.contract.rules import Range, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.contract.reading import Reading
    from mlops.spec.source import Keys

COMPARISONS = ("mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween")
ENGINES = ("great-expectations", "greatExpectations")
METRICS = (
    "rowCount; of a column nullValues, missingValues, duplicateValues, and invalidValues with validValues, pattern, minimum or maximum"
)
Body = tuple[str, str, dict[str, Any]]
"""Kind, wording and arguments of a rule."""


def read_quality(reading: Reading, at: Keys, table: str, column: str, body: Mapping[str, Any]) -> Iterator[Rule]:
    """Yield the rules of the `quality` list of a table, or of a column."""
    for index, given in enumerate(body.get("quality") or []):
        keys = (*at, "quality", index)
        if given.get("type") == "text":
            continue
        arguments = given.get("arguments") or {}
        extra = {item.get("property"): item.get("value") for item in given.get("customProperties") or []}
        per = arguments.get("per", extra.get("per"))
        share = _share(reading, keys, given)
        made = _custom(reading, keys, given) if given.get("type") == "custom" else _metric(reading, keys, given, column)
        if made is None:
            continue
        kind, wording, needs = made
        if per not in {None, "partition"}:
            reading.note(keys, f"unknown `per`: {per!r}", "It is `partition`, or not there.")
        yield Rule(
            name=".".join(filter(None, (table, column, str(given.get("name") or kind).replace(" ", "_")))),
            table=table,
            columns=tuple(map(str, arguments.get("properties") or ())) or ((column,) if column else ()),
            kind=kind,
            severity=reading.severity((*keys, "severity"), given.get("severity", "stop")),
            wording=wording + (f" in more than {share:.3g} of the rows" if share else ""),
            arguments=needs,
            share=share,
            per_partition=per == "partition",
            description=str(given.get("description") or ""),
            line=reading.line(keys),
        )


def _metric(reading: Reading, at: Keys, given: Mapping[str, Any], column: str) -> Body | None:
    metric, arguments = given.get("metric") or given.get("rule"), given.get("arguments") or {}
    if metric == "rowCount":
        limits = _limits(reading, at, given)
        return "rows", f"must be {limits}", {"range": limits}
    if metric in {"nullValues", "missingValues"} and column:
        return "required", "must not be missing", {}
    if metric == "duplicateValues" and (column or arguments.get("properties")):
        return "unique", "must differ from row to row", {}
    if metric == "invalidValues" and column and isinstance(arguments.get("validValues"), list):
        return "set", reading.one_of(arguments["validValues"]), {"values": arguments["validValues"]}
    if metric == "invalidValues" and column and "pattern" in arguments:
        return "pattern", f"must match {arguments['pattern']}", {"pattern": str(arguments["pattern"])}
    if metric == "invalidValues" and column and {"minimum", "maximum"} & arguments.keys():
        ends = {key: reading.number((*at, "arguments", key), arguments[key]) for key in ("minimum", "maximum") if key in arguments}
        within = Range(ends.get("minimum"), ends.get("maximum"))
        return "range", f"must be {within}", {"range": within}
    reading.note((*at, "metric"), f"{metric!r} cannot be checked here, with these arguments", f"What can: {METRICS}.")
    return None


def _custom(reading: Reading, at: Keys, given: Mapping[str, Any]) -> Body | None:
    body = given.get("implementation")
    if given.get("engine") not in ENGINES or not isinstance(body, dict) or not body.get("type"):
        hint = "engine: great-expectations, implementation: {type: expect_..., kwargs: {...}}"
        reading.note(at, "a custom rule is one of Great Expectations", hint)
        return None
    kind, kwargs = str(body["type"]), body.get("kwargs") or {}
    words = kind.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    said = ", ".join(f"{key} {value}" for key, value in kwargs.items())
    if kind.endswith("_to_be_between"):
        said, words = str(Range(kwargs.get("min_value"), kwargs.get("max_value"))), words.removesuffix(" to be between") + " must be"
    return "custom", f"{words} {said}", {"type": kind, "kwargs": kwargs}


def _limits(reading: Reading, at: Keys, given: Mapping[str, Any]) -> Range:
    """Return the numbers that a rule's one comparison allows."""
    found = [key for key in COMPARISONS if given.get(key) is not None]
    if len(found) != 1:
        reading.note(at, "a quality rule needs one comparison", f"One of {', '.join(COMPARISONS)}.")
        return Range()
    key, value = found[0], given[found[0]]
    if key == "mustBeBetween":
        return Range(*value)
    number = reading.number((*at, key), value)
    if key == "mustBe":
        return Range(number, number)
    low, strict = key.startswith("mustBeGreater"), key.endswith("Than")
    return Range(number if low else None, None if low else number, strict and low, strict and not low)


def _share(reading: Reading, at: Keys, given: Mapping[str, Any]) -> float:
    """Return the share of rows that may break a rule about rows."""
    if given.get("type") == "custom" or given.get("metric") == "rowCount":
        return 0.0
    limits = _limits(reading, at, given)
    if limits.high is None or (limits.high and given.get("unit") != "percent"):
        reading.note(at, "how many rows may break a rule is `mustBe: 0`, or a limit with `unit: percent`")
        return 0.0
    return limits.high / 100

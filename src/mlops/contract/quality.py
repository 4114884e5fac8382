"""The `quality` lists of a contract: the standard's metrics, and custom rules that are Great Expectations' own.

`rowCount`, `nullValues`, `missingValues`, `duplicateValues` and `invalidValues` (with `validValues` or `pattern`, as the standard has it, and
with `minimum` and `maximum`) are read. `per: partition`, among the `arguments` of a metric or the `customProperties` of a custom rule, holds a
rule against each partition instead of the whole table; `previous: 3` beside it, of a `rowCount` in percent, against the median of the three
partitions before. Of custom rules, any expectation of Great Expectations' can be named, and those of expectations.py; a band of numbers
(`expect_column_to_be_as_before`) may say `stopBeyond: 1`: it warns outside of the band, and stops where a number is further out than the band
is wide. A rule about rows that warns may say `stopBeyond: 0.2`: it stops where more than that share of the rows break it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops.contract.custom import Body, read_custom
from mlops.contract.rules import Range, Rule
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.contract.reading import Reading
    from mlops.spec.source import Keys

BY_ROW = {"required", "set", "pattern", "length", "range", "tidy", "relation", "determined", "unique"}
STRICT = 1e-12
"""Less than a limit, as a share of rows: a table has fewer rows than this could tell apart."""
COMPARISONS = ("mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween")
VALID = ("validValues", "pattern", "minimum", "maximum")
ARGUMENTS = {
    "rowCount": ("per", "previous", "each"),
    "nullValues": ("per",),
    "missingValues": ("per",),
    "duplicateValues": ("per", "properties"),
    "invalidValues": ("per", *VALID),
}
"""Metric -> the arguments that are read of it."""
METRICS = (
    "rowCount; of a column nullValues, missingValues, duplicateValues, and invalidValues with validValues, pattern, minimum or maximum"
)


def read_quality(reading: Reading, at: Keys, table: str, column: str, body: Mapping[str, Any]) -> Iterator[Rule]:
    """Yield the rules of the `quality` list of a table, or of a column."""
    for index, given in enumerate(body.get("quality") or []):
        keys = (*at, "quality", index)
        if given.get("type") == "text":
            continue
        arguments = given.get("arguments") or {}
        extra = {item.get("property"): item.get("value") for item in given.get("customProperties") or []}
        per = arguments.get("per", extra.get("per"))
        made = _one(reading, keys, given, column)
        if made is None:
            continue
        kind, wording, needs = made
        share = needs.pop("share", None) or _share(reading, keys, given)
        if per not in {None, "partition"}:
            reading.note(keys, f"unknown `per`: {per!r}", "It is `partition`, or not there.")
        rule = Rule(
            name=".".join(filter(None, (table, column, str(given.get("name") or kind).replace(" ", "_")))),
            table=table,
            columns=tuple(map(str, needs.pop("columns", None) or arguments.get("properties") or ())) or ((column,) if column else ()),
            kind=kind,
            severity=reading.severity((*keys, "severity"), given.get("severity", "stop")),
            wording=wording + (f" in more than {share:.3g} of the rows" if share else ""),
            arguments=needs,
            share=share,
            per_partition=per == "partition",
            description=str(given.get("description") or ""),
            line=reading.line(keys),
        )
        yield rule
        if "stopBeyond" in extra:
            yield from _far(reading, (*keys, "customProperties"), rule, extra["stopBeyond"])


def _one(reading: Reading, at: Keys, given: Mapping[str, Any], column: str) -> Body | None:
    for key in ("mustNotBe", "mustNotBeBetween", *(COMPARISONS if given.get("type") == "custom" else ())):
        if given.get(key) is not None:
            reading.note((*at, key), f"`{key}` cannot be checked here", f"What can: {METRICS}, with {', '.join(COMPARISONS)}.")
    readable = ARGUMENTS.get(str(given.get("metric") or given.get("rule")), ("per", "properties", *VALID))
    for key in given.get("arguments") or {}:
        if key not in readable:
            hint = "Words for a missing value: a second rule, `expect_column_values_to_be_tidy`." if key == "missingValues" else None
            reading.note((*at, "arguments", key), f"the argument {key!r} cannot be checked", hint or did_you_mean(str(key), readable))
    if given.get("type") == "sql":
        hint = "Write what must hold of a row as `type: custom`: docs/how-to/contract.md, relations between columns."
        reading.note(at, "a rule in SQL cannot be checked here: the tables are files", hint)
        return None
    return read_custom(reading, at, given, column) if given.get("type") == "custom" else _metric(reading, at, given, column)


def _far(reading: Reading, at: Keys, rule: Rule, given: Any) -> Iterator[Rule]:
    """Yield the rule that stops where a rule that warns is far from kept: so many widths outside of a band, or in so large a share of the rows."""
    far = reading.number(at, given) or 0.0
    made = replace(rule, name=f"{rule.name}.far", severity="stop")
    if rule.kind == "distribution":
        bands = {name: band.widened(far) for name, band in rule.arguments["bands"].items()}
        yield replace(made, wording=f"{rule.wording}, nearly", arguments={"bands": bands})
    elif rule.kind in BY_ROW and rule.severity == "warn" and not rule.per_partition and rule.share < far < 1:
        yield replace(made, wording=f"{rule.wording.partition(' in more than ')[0]} in more than {far:.3g} of the rows", share=far)
    else:
        reading.note(
            at, f"`stopBeyond: {given}` says nothing here", "It is for bands, and for rules of severity warn about rows: 0.2 of them."
        )


def _metric(reading: Reading, at: Keys, given: Mapping[str, Any], column: str) -> Body | None:
    metric, arguments = given.get("metric") or given.get("rule"), given.get("arguments") or {}
    if metric == "rowCount":
        limits = _limits(reading, at, given)
        each = arguments.get("each")
        if each is not None and (each != "day" or arguments.get("per") != "partition" or "previous" in arguments):
            reading.note((*at, "arguments", "each"), f"unknown `each`: {each!r}", "It is `day`, of a partition that is a month or a day.")
        if "previous" not in arguments:
            return "rows", f"must be {limits}{' a day' if each else ''}", {"range": limits, **({"each": "day"} if each else {})}
        before = reading.number((*at, "arguments", "previous"), arguments["previous"])
        if given.get("unit") != "percent" or arguments.get("per") != "partition" or not before or before < 1:
            reading.note(
                at, "`previous` compares a partition with those before it", "Write `unit: percent`, `per: partition`, and 1 or more."
            )
        return "rows", f"must be {limits} % of the {before:g} before", {"range": limits, "previous": int(before or 1)}
    if metric in {"nullValues", "missingValues"} and column:
        return "required", "must not be missing", {}
    if metric == "duplicateValues" and (column or arguments.get("properties")):
        return "unique", "must differ from row to row", {}
    if metric == "invalidValues" and len({"minimum" if key == "maximum" else key for key in arguments if key in VALID}) > 1:
        reading.note(
            (*at, "arguments"), "is more than one rule", "Of validValues, pattern, and minimum with maximum, each is a rule of its own."
        )
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
    if limits.low:
        reading.note(at, "how many rows must break a rule at least cannot be checked", "Write `mustBeLessOrEqualTo`, with `unit: percent`.")
    return limits.high / 100 - (STRICT if limits.below else 0)

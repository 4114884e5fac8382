"""A data contract, from the Open Data Contract Standard v3 to frozen values. Nothing here runs a check or knows Great Expectations.

What the standard has no word for stands in its own extension points: `customProperties` of a table (`leakage`: columns that are known only
after the question is asked) and of a column (`severity` of its plain rules), and `arguments` of a quality rule (`per: partition`; for
`invalidValues` also `minimum` and `maximum`). A partition is what the columns marked `partitioned` name together, such as a month.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.errors import Problem, SpecError
from mlops.spec.source import Keys, Source, did_you_mean, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TYPES = ("string", "integer", "number", "boolean", "date", "timestamp")
SEVERITIES = {"stop": "stop", "error": "stop", "critical": "stop", "warn": "warn", "warning": "warn", "info": "warn"}
COMPARISONS = ("mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween")
OPTIONS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "format", "timezone")
ENGINES = ("great-expectations", "greatExpectations")


@dataclass(frozen=True)
class Range:
    """An interval of numbers; None is open to that side."""

    low: float | None = None
    high: float | None = None
    above: bool = False
    """Whether `low` itself is outside."""
    below: bool = False
    """Whether `high` itself is outside."""

    def __str__(self) -> str:
        low, high = _number(self.low), _number(self.high)
        if self.low is not None and self.low == self.high:
            return low
        if self.low is None:
            return f"{'less than' if self.below else 'at most'} {high}"
        if self.high is None:
            return f"{'more than' if self.above else 'at least'} {low}"
        return f"{'more than ' if self.above else ''}{low} to {'less than ' if self.below else ''}{high}"


@dataclass(frozen=True)
class Rule:
    """One thing that must hold, in the contract's own terms."""

    name: str
    """Unique in the contract: table.column.kind."""
    table: str
    columns: tuple[str, ...]
    """Empty where the rule is about the table."""
    kind: str
    """type, required, unique, range, length, set, pattern, rows, or custom."""
    severity: str
    """stop or warn."""
    wording: str
    """What must be, to follow the column's name: `must be 80 to 5,000`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    share: float = 0.0
    """Rows that may break it, as a share of all; above 0 the rule is about the table, and no row of it goes to quarantine."""
    per_partition: bool = False
    description: str = ""
    line: int = 0

    @property
    def subject(self) -> str:
        return ", ".join(self.columns) or "rows"


@dataclass(frozen=True)
class Table:
    """What a contract says of one table."""

    name: str
    types: Mapping[str, str]
    key: tuple[str, ...]
    partition: tuple[str, ...]
    leakage: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Contract:
    """A whole contract, checked."""

    path: Path
    name: str
    version: str
    owner: str
    licence: str
    tables: tuple[Table, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(rule for table in self.tables for rule in table.rules)

    @property
    def leakage(self) -> tuple[str, ...]:
        """Columns of any table that are known only after the question is asked."""
        return tuple(dict.fromkeys(name for table in self.tables for name in table.leakage))


def load(path: Path) -> Contract:
    """Read a contract file.

    Raises:
        SpecError: It is not YAML, not an Open Data Contract, or says something that cannot be checked: each mistake with its line.
    """
    source = read(path)
    _check_form(source)
    reading = _Reading(source)
    value = source.value
    tables = tuple(reading.table(("schema", index), body) for index, body in enumerate(value["schema"]))
    if reading.problems:
        raise SpecError(reading.problems)
    team = value.get("team") or {}
    owner = team.get("name", "") if isinstance(team, dict) else ", ".join(str(m.get("name") or m.get("username")) for m in team)
    licence = str(_custom(value).get("licence", ""))
    return Contract(path, str(value.get("name") or value.get("id", "")), str(value.get("version", "")), owner, licence, tables)


def _check_form(source: Source) -> None:
    """Hold the file against the standard's own model, and name every key that the standard does not know."""
    import pydantic
    from open_data_contract_standard.model import OpenDataContractStandard

    if not isinstance(source.value, dict) or not source.value.get("schema"):
        raise source.fail((), "a data contract needs a `schema`: a list of tables", "See data/flights.odcs.yml for one that works.")
    problems = list(_unknown_keys(source, (), source.value, OpenDataContractStandard))
    try:
        OpenDataContractStandard.model_validate(source.value)
    except pydantic.ValidationError as error:
        known = [e for e in error.errors() if e["type"] != "extra_forbidden"]
        problems += [source.problem(_keys_of(e["loc"], source), f"{e['msg'].lower()}, found {e['input']!r}"[:200]) for e in known]
    if problems:
        raise SpecError(problems)


def _keys_of(location: tuple[str | int, ...], source: Source) -> Keys:
    """Return the part of pydantic's location that are keys of the file: between them stand names of types."""
    keys: Keys = ()
    for part in location:
        if (*keys, part) in source.marks:
            keys = (*keys, part)
    return keys


def _unknown_keys(source: Source, at: Keys, value: Any, model: Any) -> Iterator[Problem]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_keys(source, (*at, index), item, model)
    elif isinstance(value, dict):
        fields = {info.alias or name: info.annotation for name, info in model.model_fields.items()}
        for key, item in value.items():
            if key not in fields:
                yield source.problem((*at, key), f"the standard has no key {key!r} here", did_you_mean(str(key), fields), at_key=True)
                continue
            inner = _model_in(fields[key])
            if inner is not None:
                yield from _unknown_keys(source, (*at, key), item, inner)


def _model_in(annotation: Any) -> Any:
    """Return the pydantic model that an annotation such as `list[Model] | None` is about, or None."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _model_in(part)) is not None), None)


class _Reading:
    """One read of a contract: rules as they are met, and every mistake."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def note(self, keys: Keys, message: str, hint: str | None = None) -> None:
        self.problems.append(self.source.problem(keys, message, hint))

    def line(self, keys: Keys) -> int:
        return self.source.problem(keys, "").line

    def table(self, at: Keys, body: Mapping[str, Any]) -> Table:
        name = str(body.get("name") or "")
        columns = body.get("properties") or []
        if not name or not columns:
            self.note(at, "a table needs a `name` and `properties`")
        types: dict[str, str] = {}
        rules: list[Rule] = []
        for index, column in enumerate(columns):
            keys = (*at, "properties", index)
            label = str(column.get("name") or "")
            if not label or label in types:
                self.note(keys, f"the column {label!r} is there twice" if label else "a column needs a `name`")
            types[label] = self.type(keys, column)
            rules += self.column(keys, name, label, column)
        key = _ordered(columns, "primaryKey", "primaryKeyPosition")
        partition = _ordered(columns, "partitioned", "partitionKeyPosition")
        if key:
            wording = f"no two rows have the same {', '.join(key)}"
            rules.append(Rule(f"{name}.key", name, key, "unique", "stop", wording, line=self.line(at)))
        rules += self.quality(at, name, "", body, partition)
        # Expectations about rows hold for a table without any: that there are rows is a rule of its own (GX #2726).
        rules.append(Rule(f"{name}.rows", name, (), "rows", "stop", "there must be rows", {"range": Range(low=1)}, line=self.line(at)))
        leakage = self.leakage(at, body, types)
        return Table(name, types, key, partition, leakage, tuple(_numbered(rules)))

    def type(self, at: Keys, column: Mapping[str, Any]) -> str:
        kind = column.get("logicalType")
        if kind not in TYPES:
            self.note((*at, "logicalType"), f"the logicalType {kind!r} cannot be checked", did_you_mean(str(kind), TYPES))
        return str(kind)

    def leakage(self, at: Keys, body: Mapping[str, Any], types: Mapping[str, str]) -> tuple[str, ...]:
        names = _custom(body).get("leakage") or []
        for name in names:
            if name not in types:
                self.note((*at, "customProperties"), f"leakage names {name!r}, which is no column", did_you_mean(str(name), types))
        return tuple(map(str, names))

    def column(self, at: Keys, table: str, name: str, body: Mapping[str, Any]) -> Iterator[Rule]:
        """Yield the plain rules of a column, and those of its quality list."""
        severity = self.severity((*at, "customProperties"), _custom(body).get("severity", "stop"))
        about = str(body.get("description") or "")

        def rule(kind: str, wording: str, at_key: str, **arguments: Any) -> Rule:
            line = self.line((*at, at_key))
            return Rule(f"{table}.{name}.{kind}", table, (name,), kind, severity, wording, arguments, description=about, line=line)

        yield rule("type", f"must be there, as {body.get('logicalType')}", "logicalType", type=body.get("logicalType"))
        if body.get("required"):
            yield rule("required", "must not be missing", "required")
        if body.get("unique"):
            yield rule("unique", "must be different in each row", "unique")
        if body.get("enum"):
            values = [item.get("value") for item in body["enum"]]
            yield rule("set", _one_of(values), "enum", values=values)
        for kind, wording, arguments in self.options((*at, "logicalTypeOptions"), body.get("logicalTypeOptions") or {}):
            yield rule(kind, wording, "logicalTypeOptions", **arguments)
        yield from self.quality(at, table, name, body, ())

    def options(self, at: Keys, options: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for key in options:
            if key not in OPTIONS:
                self.note((*at, key), f"the option {key!r} cannot be checked", did_you_mean(str(key), OPTIONS))
        low, high = (options.get(f"exclusive{side}", options.get(side.lower())) for side in ("Minimum", "Maximum"))
        if low is not None or high is not None:
            limits = Range(low, high, "exclusiveMinimum" in options, "exclusiveMaximum" in options)
            yield "range", f"must be {limits}", {"range": limits}
        if options.get("minLength") is not None or options.get("maxLength") is not None:
            limits = Range(options.get("minLength"), options.get("maxLength"))
            yield "length", f"must have {limits} characters", {"range": limits}
        if options.get("pattern"):
            yield "pattern", f"must match {options['pattern']}", {"pattern": options["pattern"]}

    def quality(self, at: Keys, table: str, column: str, body: Mapping[str, Any], partition: tuple[str, ...]) -> Iterator[Rule]:
        """Yield the rules of a `quality` list: the standard's metrics, and custom ones for Great Expectations."""
        for index, given in enumerate(body.get("quality") or []):
            keys = (*at, "quality", index)
            made = self.custom(keys, given) if given.get("type") == "custom" else self.metric(keys, given, column)
            if made is None:
                continue
            kind, wording, arguments, share = made
            columns = tuple((given.get("arguments") or {}).get("properties") or ((column,) if column else ()))
            per = (given.get("arguments") or {}).get("per") == "partition"
            name = ".".join(filter(None, (table, column, str(given.get("name") or kind).replace(" ", "_"))))
            severity = self.severity((*keys, "severity"), given.get("severity", "stop"))
            about = str(given.get("description") or "")
            yield Rule(name, table, columns, kind, severity, wording, arguments, share, per, about, self.line(keys))

    def metric(self, at: Keys, given: Mapping[str, Any], column: str) -> tuple[str, str, dict[str, Any], float] | None:
        """Return kind, wording, arguments and allowed share of one of the standard's metrics."""
        metric = given.get("metric") or given.get("rule")
        limits = self.limits(at, given)
        if metric == "rowCount":
            return "rows", f"must be {limits}", {"range": limits}, 0.0
        share = self.share(at, given, limits)
        arguments = given.get("arguments") or {}
        upto = f" in more than {share:.3g} of the rows" if share else ""
        if metric in {"nullValues", "missingValues"} and column:
            return "required", f"must not be missing{upto}", {}, share
        if metric == "duplicateValues":
            return "unique", f"must be different in each row{upto and ', save' + upto[3:]}", {}, share
        if metric == "invalidValues" and "validValues" in arguments:
            return "set", _one_of(arguments["validValues"]) + upto, {"values": arguments["validValues"]}, share
        if metric == "invalidValues" and "pattern" in arguments:
            return "pattern", f"must match {arguments['pattern']}{upto}", {"pattern": arguments["pattern"]}, share
        if metric == "invalidValues" and {"minimum", "maximum"} & arguments.keys():
            within = Range(arguments.get("minimum"), arguments.get("maximum"))
            return "range", f"must be {within}{upto}", {"range": within}, share
        known = "rowCount, nullValues, missingValues, duplicateValues, invalidValues with validValues, pattern, minimum or maximum"
        self.note((*at, "metric"), f"the metric {metric!r} cannot be checked with these arguments", f"Known: {known}.")
        return None

    def custom(self, at: Keys, given: Mapping[str, Any]) -> tuple[str, str, dict[str, Any], float] | None:
        body = given.get("implementation")
        if given.get("engine") not in ENGINES or not isinstance(body, dict) or not body.get("type"):
            hint = "engine: great-expectations, implementation: {type: expect_..., kwargs: {...}}"
            self.note(at, "a custom rule is one of Great Expectations", hint)
            return None
        kwargs = body.get("kwargs") or {}
        said = ", ".join(f"{key} {value}" for key, value in kwargs.items())
        words = str(body["type"]).removeprefix("expect_").removeprefix("column_").replace("_", " ")
        return "custom", f"{words} ({said})", {"type": str(body["type"]), "kwargs": kwargs}, 0.0

    def limits(self, at: Keys, given: Mapping[str, Any]) -> Range:
        found = [key for key in COMPARISONS if given.get(key) is not None]
        if len(found) != 1:
            self.note(at, "a quality rule needs one comparison", f"One of {', '.join(COMPARISONS)}.")
            return Range()
        key, value = found[0], given[found[0]]
        if key == "mustBeBetween":
            return Range(*value)
        if key == "mustBe":
            return Range(value, value)
        low, strict = key.startswith("mustBeGreater"), key.endswith("Than")
        return Range(value if low else None, None if low else value, strict and low, strict and not low)

    def share(self, at: Keys, given: Mapping[str, Any], limits: Range) -> float:
        """Return the share of rows that may break a rule about rows."""
        if limits.high is None or (limits.high and given.get("unit") != "percent"):
            self.note(at, "how many rows may break a rule is `mustBe: 0`, or a limit with `unit: percent`")
            return 0.0
        return limits.high / 100

    def severity(self, at: Keys, value: Any) -> str:
        if value not in SEVERITIES:
            self.note(at, f"unknown severity {value!r}", did_you_mean(str(value), SEVERITIES))
        return SEVERITIES.get(value, "stop")


def _ordered(columns: list[Mapping[str, Any]], flag: str, position: str) -> tuple[str, ...]:
    marked = [column for column in columns if column.get(flag)]
    return tuple(str(column.get("name")) for column in sorted(marked, key=lambda column: column.get(position) or 0))


def _numbered(rules: list[Rule]) -> Iterator[Rule]:
    """Give a name that is there twice a number, so that every rule can be told from the others."""
    from dataclasses import replace

    seen: dict[str, int] = {}
    for rule in rules:
        seen[rule.name] = seen.get(rule.name, 0) + 1
        yield rule if seen[rule.name] == 1 else replace(rule, name=f"{rule.name}_{seen[rule.name]}")


def _custom(body: Mapping[str, Any]) -> dict[str, Any]:
    return {item.get("property"): item.get("value") for item in body.get("customProperties") or []}


def _one_of(values: list[Any]) -> str:
    shown = ", ".join(map(str, values[:8]))
    return f"must be one of {shown}{f' and {len(values) - 8} more' if len(values) > 8 else ''}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if float(value).is_integer() else f"{value:,.6g}"

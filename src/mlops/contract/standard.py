"""A data contract, from the Open Data Contract Standard v3 (YAML) to frozen values.

What the standard has no word for stands in its own extension points: `customProperties` of a table (`leakage`: columns that are known only
after the question is asked) and of a column (`severity` of its plain rules), and `arguments` of a quality rule (see quality.py). A partition
is what the columns marked `partitioned` name together, such as a month.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops.contract.form import check_form, check_names
from mlops.contract.quality import read_quality
from mlops.contract.reading import Reading
from mlops.contract.rules import Contract, Range, Rule, Table
from mlops.contract.service import read_service
from mlops.errors import SpecError
from mlops.spec.source import Keys, did_you_mean, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

TYPES = ("string", "integer", "number", "boolean", "date", "timestamp")
OPTIONS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern")


def load(path: Path) -> Contract:
    """Read a contract file.

    Raises:
        SpecError: It is not YAML, not an Open Data Contract, or says something that cannot be checked: each mistake with its line.
    """
    source = read(path)
    check_form(source)
    reading = Reading(source)
    value = source.value
    known = {str(body.get("name")): [str(c.get("name")) for c in body.get("properties") or []] for body in value["schema"]}
    tables = tuple(_table(reading, ("schema", index), body, known) for index, body in enumerate(value["schema"]))
    names = [table.name for table in tables]
    for index, name in enumerate(names):
        if name in names[:index]:
            reading.note(("schema", index, "name"), f"the table {name!r} is there twice")
    fresh, described = read_service(reading, value, {table.name: table.types for table in tables})
    tables = tuple(_with(table, [rule for rule in fresh if rule.table == table.name]) for table in tables)
    check_names(reading, (), value)
    if reading.problems:
        raise SpecError(reading.problems)
    team = value.get("team") or {}
    owner = team.get("name") if isinstance(team, dict) else ", ".join(str(m.get("name") or m.get("username")) for m in team)
    licence = str(_custom(value).get("licence") or "")
    return Contract(
        path, str(value.get("name") or value.get("id") or path.name), str(value.get("version", "")), owner or "", licence, tables,
        tuple(described + [f"rule in words: {' '.join(words.split())[:80]}" for words in _texts(value)]),
    )  # fmt: skip


def _with(table: Table, rules: Sequence[Rule]) -> Table:
    return replace(table, rules=tuple(_numbered([*table.rules, *rules]))) if rules else table


def _texts(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rules of type text, which are for people."""
    for table in value["schema"]:
        for body in (table, *(table.get("properties") or [])):
            yield from (str(rule.get("description")) for rule in body.get("quality") or [] if rule.get("type") == "text")


def _table(reading: Reading, at: Keys, body: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> Table:
    name, columns = str(body.get("name") or ""), body.get("properties") or []
    if not name or not columns:
        reading.note(at, "a table needs a `name` and `properties`")
    if body.get("relationships"):
        reading.note(
            (*at, "relationships"), "relationships are read at columns only", "Put it under the column that refers to the other table."
        )
    types: dict[str, str] = {}
    rules: list[Rule] = []
    for index, column in enumerate(columns):
        keys = (*at, "properties", index)
        label = str(column.get("name") or "")
        if not label or label in types:
            reading.note(keys, f"the column {label!r} is there twice" if label else "a column needs a `name`")
        types[label] = str(column.get("logicalType"))
        rules += _column(reading, keys, name, label, column)
    key, partition = _ordered(columns, "primaryKey", "primaryKeyPosition"), _ordered(columns, "partitioned", "partitionKeyPosition")
    if key:
        rules.append(Rule(f"{name}.key", name, key, "unique", "stop", "must differ from row to row", line=reading.line(at)))
    rules += read_quality(reading, at, name, "", body)
    rules += [rule for rule, _ in _references(reading, at, name, columns, known)]
    others = _custom(body).get("otherColumns", "allow")
    if others != "allow":
        severity = reading.severity((*at, "customProperties"), others)
        words = "must be those of the contract, and no others"
        rules.append(Rule(f"{name}.columns", name, (), "columns", severity, words, {"columns": tuple(types)}, line=reading.line(at)))
    # Expectations about rows hold for a table without any: that there are rows is a rule of its own (GX #2726).
    rules.append(Rule(f"{name}.rows", name, (), "rows", "stop", "must be there", {"range": Range(low=1)}, line=reading.line(at)))
    for rule in rules:
        for column in rule.columns:
            reading.known((*at, "quality"), f"{rule.name} is about {column!r}", column, types)
    leakage = tuple(map(str, _custom(body).get("leakage") or ()))
    for column in leakage:
        reading.known((*at, "customProperties"), f"leakage names {column!r}", column, types)
    return Table(name, types, key, partition, leakage, tuple(_numbered(rules)))


def _references(
    reading: Reading, at: Keys, table: str, columns: Sequence[Mapping[str, Any]], known: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Rule, Keys]]:
    """Yield the rule of each foreign key that a column has (`relationships`, as in `to: customers.id`)."""
    for index, column in enumerate(columns):
        for number, link in enumerate(column.get("relationships") or []):
            keys = (*at, "properties", index, "relationships", number)
            extra = _custom(link)
            to = str(link.get("to") or "").split(".")
            if link.get("type", "foreignKey") not in {"foreignKey", "foreign_key"} or len(to) != 2:
                reading.note(keys, "cannot be checked", "As in: {type: foreignKey, to: customers.id}")
                continue
            if to[1] not in known.get(to[0], ()):
                there = [f"{other}.{name}" for other, names in known.items() for name in names]
                reading.note((*keys, "to"), f"{'.'.join(to)!r} is no column of a table here", did_you_mean(".".join(to), there))
            most = reading.number((*keys, "customProperties"), extra.get("mostly", 1)) or 0.0
            name = str(column.get("name"))
            yield (
                Rule(
                    f"{table}.{name}.reference",
                    table,
                    (name,),
                    "reference",
                    reading.severity((*keys, "customProperties"), extra.get("severity", "stop")),
                    f"must be in {to[0]} as {to[1]}" + (f" in {most:.3g} of the rows" if most < 1 else ""),
                    {"to": (to[0], to[1])},
                    share=round(1 - most, 12),
                    line=reading.line(keys),
                ),
                keys,
            )


def _column(reading: Reading, at: Keys, table: str, name: str, body: Mapping[str, Any]) -> Iterator[Rule]:
    """Yield the plain rules of a column, and those of its quality list."""
    severity = reading.severity((*at, "customProperties"), _custom(body).get("severity", "stop"))
    about = str(body.get("description") or "")
    kind = body.get("logicalType")
    if kind not in TYPES:
        reading.note((*at, "logicalType"), f"the logicalType {kind!r} cannot be checked", did_you_mean(str(kind), TYPES))

    for key in ("properties", "items", "map"):
        if body.get(key):
            reading.note((*at, key), f"a column within a column (`{key}`) cannot be checked: tables are flat")

    def rule(kind: str, wording: str, at_key: str, **arguments: Any) -> Rule:
        line = reading.line((*at, at_key))
        return Rule(f"{table}.{name}.{kind}", table, (name,), kind, severity, wording, arguments, description=about, line=line)

    yield rule("type", f"must be there, of type {kind}", "logicalType", type=kind)
    if body.get("required"):
        yield rule("required", "must not be missing", "required")
    if body.get("unique"):
        yield rule("unique", "must differ from row to row", "unique")
    if body.get("enum"):
        values = [item.get("value") for item in body["enum"]]
        yield rule("set", reading.one_of(values), "enum", values=values)
    made = list(_options(reading, (*at, "logicalTypeOptions"), body.get("logicalTypeOptions") or {}))
    if kind == "number" and not any(found == "range" for found, _, _ in made):
        made.append(("finite", "must be a finite number", {}))
    for found, wording, arguments in made:
        yield rule(found, wording, "logicalTypeOptions", **arguments)
    yield from read_quality(reading, at, table, name, body)


def _options(reading: Reading, at: Keys, options: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield kind, wording and arguments of what `logicalTypeOptions` say."""
    for key in options:
        if key not in OPTIONS:
            reading.note((*at, key), f"the option {key!r} cannot be checked", did_you_mean(str(key), OPTIONS))
    numbers = {key: reading.number((*at, key), value) for key, value in options.items() if key in OPTIONS[:6]}
    low, high = (numbers.get(f"exclusive{side}", numbers.get(side.lower())) for side in ("Minimum", "Maximum"))
    if low is not None or high is not None:
        limits = Range(low, high, "exclusiveMinimum" in numbers, "exclusiveMaximum" in numbers)
        yield "range", f"must be {limits}", {"range": limits}
    lengths = Range(numbers.get("minLength"), numbers.get("maxLength"))
    if lengths != Range():
        yield "length", f"must have {lengths} characters", {"range": lengths}
    if "pattern" in options:
        pattern = str(options["pattern"])
        try:
            re.compile(pattern)
        except re.error as error:
            reading.note((*at, "pattern"), f"not a regular expression: {error}")
        yield "pattern", f"must match {pattern}", {"pattern": pattern}


def _ordered(columns: Sequence[Mapping[str, Any]], flag: str, position: str) -> tuple[str, ...]:
    marked = [column for column in columns if column.get(flag)]
    return tuple(str(column.get("name")) for column in sorted(marked, key=lambda column: column.get(position) or 0))


def _numbered(rules: Sequence[Rule]) -> Iterator[Rule]:
    """Give a name that is there twice a number, so that every rule can be told from the others."""
    seen: dict[str, int] = {}
    for rule in rules:
        seen[rule.name] = seen.get(rule.name, 0) + 1
        yield rule if seen[rule.name] == 1 else replace(rule, name=f"{rule.name}_{seen[rule.name]}")


def _custom(body: Mapping[str, Any]) -> dict[str, Any]:
    return {item.get("property"): item.get("value") for item in body.get("customProperties") or []}

"""From the rules of a contract to Great Expectations: which frame each is run on, and as which expectation.

Rules about a column's values are run on the table itself. Two small frames are made beside it, so that Great Expectations judges those rules
as well: the *kinds* (one row that holds the type of each column, where a column may be missing) and the *partitions* (one row per month, say,
with its number of rows and the like).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.contract.rules import Range
from mlops.contract.statistics import Others, measure, needs_rows
from mlops.contract.tables import Chunks
from mlops.errors import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from mlops.contract.rules import Rule, Table

ACCEPTED = {
    "string": ["string", "empty"],
    "integer": ["integer", "empty"],
    "number": ["number", "integer", "empty"],
    "boolean": ["boolean", "empty"],
    "date": ["date", "timestamp", "string", "empty"],
    "timestamp": ["timestamp", "empty"],
}
STATISTICS = {"mean": "mean", "median": "median", "min": "min", "max": "max", "sum": "sum", "stdev": "std"}
_CALENDAR = re.compile(r"(1[89]|2\d)\d\d(-(0[1-9]|1[0-2])(-[0-3]\d)?)?")
LARGEST = 1.7976931348623157e308


@dataclass(frozen=True)
class Check:
    """One rule as Great Expectations gets it."""

    rule: Rule
    frame: str
    """kinds, rows, partitions, or whole (one row, with numbers of the whole table)."""
    expectation: str
    arguments: Mapping[str, Any]


def compile_rule(rule: Rule, path: Path, frames: Mapping[str, pd.DataFrame | Chunks] | None = None) -> Check:
    """Return the expectation that a rule is; a rule about another table needs that table's frame.

    Raises:
        SpecError: The rule is a custom one per partition that has no counterpart there.
    """
    if rule.kind == "distribution":
        bands = {f"{rule.name} {name}": [band.low, band.high, _from(name, band)] for name, band in rule.arguments["bands"].items()}
        where = "partitions" if rule.per_partition else "whole"
        return Check(rule, where, "expect_statistics_to_be_within", {"column_list": ["rows", *bands], "bands": bands})
    frame = "kinds" if rule.kind == "type" else "partitions" if rule.per_partition else "rows"
    if rule.per_partition:
        return Check(rule, frame, "expect_column_values_to_be_between", {"column": rule.name, **_between(_partition_range(rule, path))})
    mostly = {"mostly": 1 - rule.share} if rule.share else {}
    name, arguments = _of_another(rule, frames or {}) if rule.kind == "reference" else _expectation(rule)
    return Check(rule, frame, name, {**arguments, **mostly})


def _expectation(rule: Rule) -> tuple[str, dict[str, Any]]:
    given = rule.arguments
    column = {"column": rule.columns[0]} if len(rule.columns) == 1 else {}
    if rule.kind == "type":
        kinds = list(ACCEPTED[given["type"]])
        return "expect_column_values_to_be_in_set", {"column": f"{rule.table}.{rule.columns[0]}", "value_set": kinds}
    if rule.kind == "rows":
        low, high = _whole(given["range"])
        return "expect_table_row_count_to_be_between", {"min_value": low, "max_value": high}
    if rule.kind == "required":
        return "expect_column_values_to_not_be_null", column
    if rule.kind == "unique" and len(rule.columns) > 1:
        return "expect_compound_columns_to_be_unique", {"column_list": list(rule.columns)}
    if rule.kind == "unique":
        return "expect_column_values_to_be_unique", column
    if rule.kind == "set":
        return "expect_column_values_to_be_in_set", {**column, "value_set": list(given["values"])}
    if rule.kind == "pattern":
        return "expect_column_values_to_match_regex", {**column, "regex": given["pattern"]}
    if rule.kind == "length":
        return "expect_column_value_lengths_to_be_between", {**column, **_between(given["range"])}
    if rule.kind == "finite":
        return "expect_column_values_to_be_between", {**column, **_between(Range(-LARGEST, LARGEST))}
    if rule.kind == "tidy":
        return "expect_column_values_to_be_tidy", {**column, "allow": list(given["allow"])}
    if rule.kind == "relation":
        name, domain = ("expect_column_values_to_keep", column) if column else ("expect_rows_to_keep", {"column_list": list(rule.columns)})
        return name, {**domain, "expression": given["expression"]}
    if rule.kind == "determined":
        return "expect_columns_to_determine_the_last", {"column_list": list(rule.columns)}
    if rule.kind == "columns":
        return "expect_table_columns_to_match_set", {"column_set": list(given["columns"]), "exact_match": True}
    if rule.kind == "custom":
        return given["type"], {**column, **given["kwargs"]}
    return "expect_column_values_to_be_between", {**column, **_between(given["range"])}


def _of_another(rule: Rule, frames: Mapping[str, pd.DataFrame | Chunks]) -> tuple[str, dict[str, Any]]:
    """Return the expectation that a column's values are among those of another table's column."""
    table, column = rule.arguments["to"]
    there = frames[table][column].dropna().unique().tolist() if table in frames and column in frames[table] else []
    return "expect_column_values_to_be_in_set", {"column": rule.columns[0], "value_set": there}


def _between(limits: Range) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if limits.low is not None:
        made |= {"min_value": limits.low, "strict_min": limits.above}
    if limits.high is not None:
        made |= {"max_value": limits.high, "strict_max": limits.below}
    return made


def _whole(limits: Range) -> tuple[int | None, int | None]:
    """Return a range of counts with both ends in it."""
    low = None if limits.low is None else int(limits.low) + limits.above
    high = None if limits.high is None else int(limits.high) - limits.below
    return low, high


def _statistic(rule: Rule) -> str:
    """Return which statistic of a partition a rule is about."""
    if rule.kind == "rows":
        return "change" if "previous" in rule.arguments else "daily" if "each" in rule.arguments else "size"
    if rule.kind == "required":
        return "missing"
    return STATISTICS.get(str(rule.arguments.get("type")).removeprefix("expect_column_").removesuffix("_to_be_between"), "")


def _partition_range(rule: Rule, path: Path) -> Range:
    if not _statistic(rule):
        hint = f"Per partition there are rowCount, nullValues, and expect_column_STATISTIC_to_be_between: {', '.join(STATISTICS)}."
        raise SpecError([Problem(str(path), rule.line, 1, f"{rule.name} cannot be checked per partition", hint)])
    if rule.kind == "required":
        return Range(high=rule.share)
    if rule.kind == "custom":
        kwargs = rule.arguments["kwargs"]
        return Range(kwargs.get("min_value"), kwargs.get("max_value"), kwargs.get("strict_min", False), kwargs.get("strict_max", False))
    limits: Range = rule.arguments["range"]
    return limits


def kinds(found: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Return one row with the kind of every column that the contract names, as `table.column`; they are given by table and column."""
    import pandas as pd

    row = {f"{table}.{name}": kind for table, columns in found.items() for name, kind in columns.items()}
    return pd.DataFrame([list(row.values())], columns=list(row), dtype="object")


def kind_of(frame: pd.DataFrame | Chunks, name: str) -> str:
    """Return what a column holds: one of the contract's types, `empty`, `missing`, or what pandas finds in a mixed one."""
    import pandas as pd

    if name not in frame:
        return "missing"
    if isinstance(frame, Chunks):
        return frame.kinds[name]
    column, types = frame[name], pd.api.types
    if isinstance(column.dtype, pd.CategoricalDtype) and column.notna().any():
        return kind_of(column.cat.categories.to_frame(name=name), name)
    if types.is_complex_dtype(column.dtype):
        return "complex"
    tests = [
        ("boolean", types.is_bool_dtype),
        ("integer", types.is_integer_dtype),
        ("number", types.is_numeric_dtype),
        ("timestamp", types.is_datetime64_any_dtype),
    ]
    found = next((kind for kind, test in tests if test(column.dtype)), "")
    if len(column) and column.isna().all():
        return "empty"
    if found or isinstance(column.dtype, pd.StringDtype):
        return found or "string"
    return str(types.infer_dtype(column, skipna=True))


def combined_kind(one: str | None, other: str) -> str:
    """Return what a column holds of which two parts hold these."""
    if one is None or one in {"empty", other}:
        return other
    if other == "empty":
        return one
    return "number" if {one, other} == {"integer", "number"} else "mixed"


def partition_labels(table: Table, frame: pd.DataFrame | Chunks) -> pd.Series | None:
    """Return the partition of each row as text, such as 2013-08; None where the table has none, or a column of it is missing."""
    if not table.partition or any(name not in frame for name in table.partition):
        return None
    if isinstance(frame, Chunks):
        return _labels_of_chunks(table, frame)
    import numpy as np
    import pandas as pd

    codes, names = _words(frame[table.partition[0]])
    for name in table.partition[1:]:
        more, words = _words(frame[name])
        pairs, codes = np.unique(codes * len(words) + more, return_inverse=True)
        names = np.asarray([f"{names[pair // len(words)]}-{words[pair % len(words)]}" for pair in pairs], dtype=object)
    return pd.Series(names[codes], index=frame.index, dtype="str", name="partition")


def _labels_of_chunks(table: Table, chunks: Chunks) -> pd.Series:
    """Return the same as a category, which takes a byte or two for each row."""
    import pandas as pd

    parts = [pd.Series(partition_labels(table, frame)).astype("category") for frame in chunks.frames(table.partition)]
    return pd.Series(pd.api.types.union_categoricals(parts, sort_categories=True), name="partition")


def _words(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return each value's place among the distinct ones, and these as text of two characters or more, whole numbers without their `.0`."""
    import pandas as pd

    whole = column.dtype.kind == "f" and bool((column.dropna() % 1 == 0).all())
    codes, values = (column.astype("Int64") if whole else column).factorize(use_na_sentinel=False)
    names = pd.Series(values).astype("str").fillna("missing").str.zfill(2)
    return codes, names.to_numpy(dtype=object)


def partitions(frame: pd.DataFrame, labels: pd.Series, rules: Sequence[Rule]) -> pd.DataFrame:
    """Return one row per partition, with the statistic that each of the rules is about under the rule's name."""
    import numpy as np
    import pandas as pd

    grouped = frame.groupby(labels, sort=True)
    made: dict[str, Any] = {}
    for rule in rules:
        if rule.kind == "distribution":
            continue
        statistic = _statistic(rule)
        if statistic == "size":
            made[rule.name] = grouped.size()
        elif statistic == "daily":
            sizes = grouped.size()
            made[rule.name] = sizes / [days_of(str(label)) for label in sizes.index]
        elif statistic == "change":
            sizes = grouped.size()
            made[rule.name] = 100 * sizes / sizes.shift().rolling(rule.arguments["previous"], min_periods=1).median()
        elif statistic == "missing":
            made[rule.name] = frame[rule.columns[0]].isna().groupby(labels).mean()
        else:
            made[rule.name] = grouped[rule.columns[0]].agg(statistic)
    whole = pd.DataFrame(made, index=grouped.size().index)
    names = whole.index
    more = numbers(frame, [np.asarray(grouped.indices[name]) for name in names], [r for r in rules if r.kind == "distribution"])
    return pd.concat([whole, more.set_axis(names)], axis=1).rename_axis("partition").reset_index()


def days_of(label: str) -> float:
    """Return how many days a partition such as 2024-02 has; of one that is no day, month or year nobody knows."""
    import pandas as pd

    if not _CALENDAR.fullmatch(label):
        return math.nan
    period = pd.Period(label)
    return float((period.end_time - period.start_time).round("D").days)


def numbers(frame: pd.DataFrame, pieces: Sequence[np.ndarray], rules: Sequence[Rule]) -> pd.DataFrame:
    """Return one row per piece of a table, with each number that the rules are about as `rule number`; each is measured once."""
    import pandas as pd

    wanted: dict[str, dict[str, None]] = {}
    for rule in rules:
        wanted.setdefault(_of(rule), {}).update(dict.fromkeys(rule.arguments["bands"]))
    others = Others(frame)
    found = {column: measure(frame, column, names, pieces, others) for column, names in wanted.items()}
    made: dict[str, Any] = {"rows": list(map(len, pieces))}
    made |= {f"{rule.name} {name}": found[_of(rule)][name] for rule in rules for name in rule.arguments["bands"]}
    return pd.DataFrame(made, index=range(len(pieces)))


def one_piece(frame: pd.DataFrame, rules: Sequence[Rule]) -> pd.DataFrame:
    """Return one row with each number of the whole table."""
    import numpy as np

    return numbers(frame, [np.arange(len(frame))], rules)


def _of(rule: Rule) -> str:
    """Return the column that a distribution is of; nothing where it is the table."""
    return rule.columns[0] if rule.columns else ""


def _from(name: str, band: Range) -> int | None:
    """Return from how many rows on a piece must have this number; None where it need not."""
    return None if band.or_none else needs_rows(name)


def outside(rule: Rule, values: Mapping[str, float]) -> str:
    """Return which numbers of a piece are not within their bands, as a person reads them."""
    found = []
    for name, band in rule.arguments["bands"].items():
        value = values.get(f"{rule.name} {name}")
        number, least = math.nan if value is None else float(value), _from(name, band)
        if math.isnan(number) and least is not None and values["rows"] >= least:
            found.append(f"{name} has no number (before {band})")
        elif number < (-math.inf if band.low is None else band.low) or number > (math.inf if band.high is None else band.high):
            found.append(f"{name} {number:.4g} (before {band})")
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")

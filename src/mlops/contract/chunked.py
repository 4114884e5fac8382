"""A table in chunks, held against its rules: exactly what a whole one would be told, or a refusal that says why.

Rules about rows are run on each chunk, and their counts added up. Keys and other unique columns cross chunks: every key gets a number of 64
bits, and only rows whose number is there twice are given to Great Expectations, together. What is about a column as a whole (a median, a
distribution, a number for each partition) gets that column whole, and is refused where not even that fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.contract.engine import LISTED, Judged, rule_of
from mlops.contract.suite import combined_kind, kind_of, one_piece, partitions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import pandas as pd
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult as Result

    from mlops.contract.engine import Engine
    from mlops.contract.rules import Rule
    from mlops.contract.suite import Check
    from mlops.contract.tables import Chunks

BY_ROW = frozenset({"required", "set", "pattern", "length", "range", "finite", "tidy", "relation", "reference"})
"""Kinds of rules that a row keeps or breaks by itself."""
TOGETHER = 2_000_000
"""Rows with a key that may be there twice that are looked at together."""


def survey(table: Chunks, columns: Iterable[str]) -> None:
    """Find out what each column holds, in all of the chunks."""
    wanted = [name for name in columns if name in table]
    for frame in table.frames(wanted):
        for name in wanted:
            table.kinds[name] = combined_kind(table.kinds.get(name), kind_of(frame, name))


def run_rows(engine: Engine, name: str, table: Chunks, checks: Sequence[Check]) -> Judged:
    """Run rules about rows and whole columns on a table in chunks; return the results as one."""
    by_row = [check for check in checks if check.rule.kind in BY_ROW]
    unique = [check for check in checks if check.rule.kind == "unique"]
    whole = [check for check in checks if check not in by_row and check not in unique]
    parts = [_by_chunk(engine, name, table, by_row)] if by_row else []
    parts += [_unique(engine, name, table, check) for check in unique]
    parts += [engine.run(name, _of_check(table, check), [check]) for check in whole]
    return _side_by_side(parts)


def _of_check(table: Chunks, check: Check) -> pd.DataFrame:
    """Return what a rule that is not about single rows needs: its columns, or the names of all."""
    if check.rule.kind == "columns":
        first: pd.DataFrame = next(table.frames())
        return first.iloc[:0]
    return table.whole(check.rule.columns, f"the rule {check.rule.name}")


def partition_numbers(table: Chunks, labels: pd.Series, rules: Sequence[Rule]) -> pd.DataFrame:
    """Return what `suite.partitions` returns, with the columns of one rule in memory at a time."""
    import pandas as pd

    found = [partitions(_of_rule(table, rule), labels, [rule]).set_index("partition") for rule in rules]
    whole = pd.concat(found, axis=1)
    return whole.loc[:, ~whole.columns.duplicated()].rename_axis("partition").reset_index().astype({"partition": "str"})


def whole_numbers(table: Chunks, rules: Sequence[Rule]) -> pd.DataFrame:
    """Return what `suite.one_piece` returns, with the columns of one rule in memory at a time."""
    import pandas as pd

    whole = pd.concat([one_piece(_of_rule(table, rule), [rule]) for rule in rules], axis=1)
    return whole.loc[:, ~whole.columns.duplicated()]


def _of_rule(table: Chunks, rule: Rule) -> pd.DataFrame:
    """Return the columns that a rule is about; one about the rows of a table is about all."""
    columns = rule.columns or (table.columns if rule.kind == "distribution" else ())
    return table.whole(columns, f"the rule {rule.name}")


def _by_chunk(engine: Engine, name: str, table: Chunks, checks: Sequence[Check]) -> Judged:
    import numpy as np

    columns = list(dict.fromkeys(column for check in checks for column in check.rule.columns))
    merged: Judged | None = None
    rows: dict[str, list[np.ndarray]] = {}
    for frame in table.frames(columns):
        found = engine.run(name, frame, checks)
        for rule, positions in found.rows.items():
            rows.setdefault(rule, []).append(positions.astype(_smallest(table)))
        merged = found if merged is None else Judged(_added(merged.result, found.result), {})
    if merged is None:
        return engine.run(name, table.whole(columns, name), checks)
    return Judged(_judged_again(merged.result, checks), {rule: np.concatenate(rows.pop(rule)) for rule in list(rows)})


def _smallest(table: Chunks) -> type[np.integer[Any]]:
    """Return the smallest type that positions in a table fit: of a rule that every row breaks, all are kept."""
    import numpy as np

    return np.int32 if table.rows < 2**31 else np.int64


def _unique(engine: Engine, name: str, table: Chunks, check: Check) -> Judged:
    """Run a rule about uniqueness on the rows that could break it, so many at a time."""
    columns = list(check.rule.columns)
    twice, missing = _numbers_twice(table, columns)
    found = [engine.run(name, _rows_numbered(table, columns, part), [check]) for part in twice]
    merged = found[0].result
    for more in found[1:]:
        merged = _added(merged, more.result)
    result = merged.results[0].result
    result |= {"element_count": table.rows} | ({"missing_count": missing} if "missing_count" in result else {})
    rows = _joined([judged.rows.get(check.rule.name, ()) for judged in found])
    rows.sort()
    return Judged(_judged_again(merged, [check]), {check.rule.name: rows})


def _numbers_twice(table: Chunks, columns: list[str]) -> tuple[list[np.ndarray], int]:
    """Return the numbers that more than one row has, in parts that hold so many rows, and how many rows have no value at all."""
    import numpy as np

    numbers, count = np.empty(table.rows, dtype=np.uint64), 0
    for frame in table.frames(columns):
        found = _numbers(frame[frame.notna().any(axis=1)], columns)
        numbers[count : count + len(found)] = found
        count += len(found)
    missing, numbers = table.rows - count, numbers[:count]
    numbers.sort()
    twice, counts = np.unique(_repeated(numbers), return_counts=True)
    ends = np.flatnonzero(np.diff(counts.cumsum() // TOGETHER)) + 1
    return np.split(twice, ends), missing


def _repeated(numbers: np.ndarray) -> np.ndarray:
    """Return of sorted numbers those that are there more than once, each as often as it is."""
    import numpy as np

    same = numbers[1:] == numbers[:-1]
    return numbers[np.append(same, False) | np.insert(same, 0, False)] if len(numbers) else numbers


def _rows_numbered(table: Chunks, columns: list[str], wanted: np.ndarray) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    if not len(wanted):
        first: pd.DataFrame = next(table.frames(columns))
        return first.iloc[:0]
    parts = []
    for frame in table.frames(columns):
        numbers = _numbers(frame, columns)
        place = np.minimum(np.searchsorted(wanted, numbers), len(wanted) - 1)
        parts.append(frame[(wanted[place] == numbers) & frame.notna().any(axis=1)])
    found: pd.DataFrame = pd.concat(parts)
    return found


def _numbers(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Return a number for the values of each row, the same for the same values whatever the chunk made of their type."""
    import pandas as pd

    plain = {name: frame[name].astype("float64") if frame[name].dtype.kind in "iuf" else frame[name] for name in columns}
    numbers: np.ndarray = pd.util.hash_pandas_object(pd.DataFrame(plain), index=False).to_numpy()
    return numbers


def _added(one: Result, other: Result) -> Result:
    """Add the counts of another chunk's result to those of one; an expectation that raised in any of them has raised."""
    later = {rule_of(entry): entry for entry in other.results}
    for entry in one.results:
        more = later[rule_of(entry)]
        if not more.result or not entry.result:
            entry.result, entry.exception_info = {}, entry.exception_info if not entry.result else more.exception_info
            continue
        result, added = entry.result, more.result
        for name in ("element_count", "missing_count", "unexpected_count"):
            if name in result:
                result[name] += added.get(name, 0)
        for name, value in result.items():
            if isinstance(value, list) and name != "partial_unexpected_counts":
                result[name] = (value + added.get(name, []))[:LISTED]
    one.meta["chunks"] = one.meta.get("chunks", 1) + 1
    return one


def _judged_again(result: Result, checks: Sequence[Check]) -> Result:
    """Set what follows from the counts: shares, verdicts and the statistics."""
    mostly = {check.rule.name: float(check.arguments.get("mostly", 1)) for check in checks}
    for entry in result.results:
        found = entry.result
        if not found:
            entry.success = False
            continue
        found.pop("partial_unexpected_counts", None)  # of one chunk only
        count, bad, missing = found["element_count"], found["unexpected_count"], found.get("missing_count", 0)
        among = count - missing
        share = bad / among * 100 if among else None
        known = {"unexpected_percent": share, "unexpected_percent_nonmissing": share}
        known |= {"unexpected_percent_total": bad / max(1, count) * 100, "missing_percent": missing / max(1, count) * 100}
        found |= {name: value for name, value in known.items() if name in found}
        entry.success = not among or (among - bad) / among >= mostly[rule_of(entry)]
    return _counted(result)


def _counted(result: Result) -> Result:
    evaluated, good = len(result.results), sum(bool(entry.success) for entry in result.results)
    percent = good / evaluated * 100 if evaluated else None
    told = {"evaluated_expectations": evaluated, "successful_expectations": good, "unsuccessful_expectations": evaluated - good}
    result.statistics, result.success = {**told, "success_percent": percent}, good == evaluated
    return result


def _side_by_side(parts: Sequence[Judged]) -> Judged:
    result = parts[0].result
    result.results = [entry for part in parts for entry in part.result.results]
    return Judged(_counted(result), {rule: rows for part in parts for rule, rows in part.rows.items()})


def _joined(parts: Sequence[Any]) -> np.ndarray:
    import numpy as np

    return np.concatenate([np.asarray(part, dtype=np.int64) for part in parts])

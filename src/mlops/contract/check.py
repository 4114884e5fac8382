"""Run a contract over tables, and judge: nothing is held to be well that was not evaluated.

The verdict is a frozen value. `held` needs Great Expectations to have evaluated the rule and to have said yes: a rule that raised, that was
left out, or that could not be run because its column is not there, is broken (GX #8548, #2064).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.contract.chunked import partition_numbers, run_rows, survey, whole_numbers
from mlops.contract.engine import Engine, rule_of
from mlops.contract.rules import printable
from mlops.contract.suite import ACCEPTED, Check, compile_rule, kind_of, kinds, one_piece, outside, partition_labels, partitions
from mlops.contract.tables import Chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import pandas as pd

    from mlops.contract.engine import Judged
    from mlops.contract.rules import Contract, Rule, Table


KINDS = {"missing": "there is no such column", "number": "it holds fractions, or some are missing"}


@dataclass(frozen=True)
class Finding:
    """What became of one rule."""

    rule: Rule
    outcome: str
    """held, broken, or not evaluated; the last counts as broken."""
    failed: int = 0
    """Rows (or partitions) that break it."""
    total: int = 0
    observed: str = ""
    """What was found instead, where that is one value or a reason."""
    rows: Sequence[int] | np.ndarray = field(default=(), repr=False, compare=False)
    """Positions of the rows that break it, in order; of partitions where the rule is about them."""

    @property
    def quarantines(self) -> bool:
        """Whether the rows that break this leave the table while the run goes on."""
        return self.outcome == "broken" and self.rule.severity == "warn" and self.rule.by_row and len(self.rows) > 0


@dataclass(frozen=True)
class Verdict:
    """What a contract said of tables."""

    contract: Contract
    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    """Rows of each table."""
    results: Mapping[str, Any] = field(repr=False)
    """Great Expectations' own results, by frame."""

    @property
    def stops(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.outcome != "held" and (f.rule.severity == "stop" or f.outcome == "not evaluated"))

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.outcome == "broken" and f.rule.severity == "warn")

    def leaving(self, table: str) -> int:
        """Return how many rows leave a table."""
        import numpy as np

        parts = [finding.rows for finding in self.findings if finding.rule.table == table and finding.quarantines]
        return len(np.unique(np.concatenate(parts))) if parts else 0

    def quarantined(self, table: str, start: int = 0, stop: int | None = None) -> dict[int, list[str]]:
        """Return position of a row -> the rules that it breaks, of rows from `start` to before `stop` that leave the table."""
        found: dict[int, list[str]] = {}
        for finding in self.findings:
            if finding.rule.table == table and finding.quarantines:
                first = bisect_left(finding.rows, start)
                last = len(finding.rows) if stop is None else bisect_left(finding.rows, stop)
                for row in finding.rows[first:last]:
                    found.setdefault(int(row), []).append(f"{finding.rule.subject} {finding.rule.wording}")
        return dict(sorted(found.items()))


def check(contract: Contract, frames: Mapping[str, pd.DataFrame | Chunks]) -> Verdict:
    """Hold tables against their contract.

    Args:
        contract: What must hold.
        frames: Table -> its rows, with a plain index from 0, or in chunks; every table of the contract.

    Raises:
        SpecError: The contract asks for an expectation that there is not.
        JobFailed: A table in chunks has a rule that needs more of it at once than may be held.
    """
    checks = [compile_rule(rule, contract.path, frames) for rule in contract.rules]
    engine = Engine(contract.path)
    for table in contract.tables:
        if isinstance(chunks := frames[table.name], Chunks):
            survey(chunks, table.types)
    blocked: dict[str, Finding] = {}
    found = {table.name: {name: kind_of(frames[table.name], name) for name in table.types} for table in contract.tables}
    judged = {"kinds": engine.run("kinds", kinds(found), [c for c in checks if c.frame == "kinds"])}
    for table in contract.tables:
        mine = [c for c in checks if c.rule.table == table.name and c.frame != "kinds"]
        blocked |= {c.rule.name: reason for c in mine if (reason := _blocked(c, table, found[table.name], len(frames[table.name])))}
        judged |= _run(engine, table, frames[table.name], [c for c in mine if c.rule.name not in blocked])
    findings = tuple(_findings(checks, blocked, judged.values(), frames))
    counts = {name: len(frame) for name, frame in frames.items()}
    return Verdict(contract, findings, counts, {name: found.result for name, found in judged.items()})


def _run(engine: Engine, table: Table, frame: pd.DataFrame | Chunks, checks: Sequence[Check]) -> dict[str, Judged]:
    rows, parts, whole = ([c for c in checks if c.frame == name] for name in ("rows", "partitions", "whole"))
    name = f"{table.name} rows"
    judged = {name: run_rows(engine, name, frame, rows) if isinstance(frame, Chunks) else engine.run(name, frame, rows)}
    labels = partition_labels(table, frame) if parts else None
    if labels is not None:
        name, rules = f"{table.name} partitions", [c.rule for c in parts]
        numbers = partition_numbers(frame, labels, rules) if isinstance(frame, Chunks) else partitions(frame, labels, rules)
        judged[name] = engine.run(name, numbers, parts)
    if whole:
        name, rules = f"{table.name} whole", [c.rule for c in whole]
        numbers = whole_numbers(frame, rules) if isinstance(frame, Chunks) else one_piece(frame, rules)
        judged[name] = engine.run(name, numbers, whole)
    return judged


def _blocked(check: Check, table: Table, kinds: Mapping[str, str], rows: int) -> Finding | None:
    """Return why a check cannot be run at all: a column of it is not there, or holds no numbers where numbers are compared."""
    needed = check.rule.columns + (table.partition if check.rule.per_partition else ())
    for name in needed:
        kind = kinds[name]
        if kind == "missing":
            return Finding(check.rule, "not evaluated", total=rows, observed=f"there is no column {name}")
        compares = check.rule.kind in {"range", "finite", "custom"} and table.types[name] in {"integer", "number"}
        if kind.startswith("mixed") or (compares and kind not in ACCEPTED["number"]):
            return Finding(check.rule, "not evaluated", total=rows, observed=f"{name} holds {kind} values")
    return None


def _findings(
    checks: Sequence[Check], blocked: Mapping[str, Finding], judged: Iterable[Judged], frames: Mapping[str, pd.DataFrame | Chunks]
) -> list[Finding]:
    """Return one finding per declared rule, in the contract's order."""
    import numpy as np

    entries: dict[str, Any] = {}
    rows: dict[str, np.ndarray] = {}
    for part in judged:
        entries |= {rule_of(entry): entry for entry in part.result.results}
        rows |= part.rows
    found = []
    for item in checks:
        entry = entries.get(item.rule.name)
        if item.rule.name in blocked:
            found.append(blocked[item.rule.name])
        elif entry is None:
            found.append(Finding(item.rule, "not evaluated", observed="Great Expectations gave no result for it"))
        else:
            found.append(_finding(item, entry, len(frames[item.rule.table]), rows.get(item.rule.name, np.empty(0, dtype=np.int64))))
    return found


def _finding(item: Check, entry: Any, count: int, rows: np.ndarray) -> Finding:
    raised = _raised(entry.exception_info or {})
    if raised:
        return Finding(item.rule, "not evaluated", total=count, observed=f"the expectation raised: {printable(raised, 200)}")
    result = entry.result
    total = count if item.frame == "kinds" else int(result.get("element_count", count))
    if item.rule.per_partition and (absent := result.get("missing_count", 0) - ("previous" in item.rule.arguments)) > 0:
        return Finding(item.rule, "broken", absent, total, f"no number in {absent} of {total} partitions", rows)
    if entry.success:
        return Finding(item.rule, "held", int(result.get("unexpected_count", 0)), total)
    if item.frame == "kinds":
        kind = str((result.get("partial_unexpected_list") or ["unknown"])[0])
        return Finding(item.rule, "broken", 0, total, KINDS.get(kind, f"it holds {kind} values"))
    return Finding(item.rule, "broken", int(result.get("unexpected_count", 0)), total, _observed(item.rule, result), rows)


def _observed(rule: Rule, result: Mapping[str, Any]) -> str:
    if rule.kind == "distribution":
        return "; ".join(outside(rule, values) for values in (result.get("unexpected_list") or ())[:3])
    if rule.kind == "columns":
        found = (result.get("details") or {}).get("mismatched") or {}
        return "; ".join(f"{what} {', '.join(map(printable, map(str, names)))}" for what, names in found.items())
    observed = result.get("observed_value")
    return "" if observed is None else f"found {observed:,}" if isinstance(observed, int | float) else f"found {printable(str(observed))}"


def _raised(info: Mapping[str, Any]) -> str:
    """Return the message of an expectation's exception; Great Expectations nests it by metric, or not."""
    inner = [info, *(value for value in info.values() if isinstance(value, dict))]
    return next((str(part.get("exception_message")) for part in inner if part.get("raised_exception")), "")

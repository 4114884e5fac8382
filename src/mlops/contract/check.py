"""Run a contract over tables, and judge: nothing is held to be well that was not evaluated.

The verdict is a frozen value. `held` needs Great Expectations to have evaluated the rule and to have said yes: a rule that raised, that was
left out, or that could not be run because its column is not there, is broken (GX #8548, #2064).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.contract.rules import printable
from mlops.contract.suite import ACCEPTED, Check, Engine, compile_rule, kind_of, kinds, numbers, outside, partition_labels, partitions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

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
    rows: tuple[int, ...] = field(default=(), repr=False)
    """Positions of the rows that break it; of partitions where the rule is about them."""

    @property
    def quarantines(self) -> bool:
        """Whether the rows that break this leave the table while the run goes on."""
        return self.outcome == "broken" and self.rule.severity == "warn" and self.rule.by_row and bool(self.rows)


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

    def quarantined(self, table: str) -> dict[int, list[str]]:
        """Return position of a row -> the rules that it breaks, of rows that leave the table."""
        found: dict[int, list[str]] = {}
        for finding in self.findings:
            if finding.rule.table == table and finding.quarantines:
                for row in finding.rows:
                    found.setdefault(row, []).append(f"{finding.rule.subject} {finding.rule.wording}")
        return dict(sorted(found.items()))


def check(contract: Contract, frames: Mapping[str, pd.DataFrame]) -> Verdict:
    """Hold tables against their contract.

    Args:
        contract: What must hold.
        frames: Table -> its rows, with a plain index from 0; every table of the contract.

    Raises:
        SpecError: The contract asks for an expectation that there is not.
    """
    checks = [compile_rule(rule, contract.path, frames) for rule in contract.rules]
    engine = Engine(contract.path)
    blocked: dict[str, Finding] = {}
    results = {"kinds": engine.run("kinds", kinds(contract.tables, frames), [c for c in checks if c.frame == "kinds"])}
    for table in contract.tables:
        mine = [c for c in checks if c.rule.table == table.name and c.frame != "kinds"]
        blocked |= {c.rule.name: found for c in mine if (found := _blocked(c, table, frames[table.name]))}
        results |= _run(engine, table, frames[table.name], [c for c in mine if c.rule.name not in blocked])
    findings = tuple(_findings(checks, blocked, results, frames))
    return Verdict(contract, findings, {name: len(frame) for name, frame in frames.items()}, results)


def _run(engine: Engine, table: Table, frame: pd.DataFrame, checks: Sequence[Check]) -> dict[str, Any]:
    import numpy as np

    rows = [c for c in checks if c.frame == "rows"]
    results = {f"{table.name} rows": engine.run(f"{table.name} rows", frame, rows)}
    parts = [c for c in checks if c.frame == "partitions"]
    labels = partition_labels(table, frame) if parts else None
    if labels is not None:
        results[f"{table.name} partitions"] = engine.run(
            f"{table.name} partitions", partitions(frame, labels, [c.rule for c in parts]), parts
        )
    whole = [c for c in checks if c.frame == "whole"]
    if whole:
        piece = [np.arange(len(frame))]
        results[f"{table.name} whole"] = engine.run(f"{table.name} whole", numbers(frame, piece, [c.rule for c in whole]), whole)
    return results


def _blocked(check: Check, table: Table, frame: pd.DataFrame) -> Finding | None:
    """Return why a check cannot be run at all: a column of it is not there, or holds no numbers where numbers are compared."""
    needed = check.rule.columns + (table.partition if check.rule.per_partition else ())
    for name in needed:
        kind = kind_of(frame, name)
        if kind == "missing":
            return Finding(check.rule, "not evaluated", total=len(frame), observed=f"there is no column {name}")
        compares = check.rule.kind in {"range", "finite", "custom"} and table.types[name] in {"integer", "number"}
        if kind.startswith("mixed") or (compares and kind not in ACCEPTED["number"]):
            return Finding(check.rule, "not evaluated", total=len(frame), observed=f"{name} holds {kind} values")
    return None


def _findings(
    checks: Sequence[Check], blocked: Mapping[str, Finding], results: Mapping[str, Any], frames: Mapping[str, pd.DataFrame]
) -> list[Finding]:
    """Return one finding per declared rule, in the contract's order."""
    evaluated = {entry["expectation_config"]["meta"]["rule"]: entry for result in results.values() for entry in result["results"]}
    found = []
    for item in checks:
        entry = evaluated.get(item.rule.name)
        if item.rule.name in blocked:
            found.append(blocked[item.rule.name])
        elif entry is None:
            found.append(Finding(item.rule, "not evaluated", observed="Great Expectations gave no result for it"))
        else:
            found.append(_finding(item, entry, len(frames[item.rule.table])))
    return found


def _finding(item: Check, entry: Mapping[str, Any], count: int) -> Finding:
    raised = _raised(entry.get("exception_info") or {})
    if raised:
        return Finding(item.rule, "not evaluated", total=count, observed=f"the expectation raised: {printable(raised, 200)}")
    result = entry["result"]
    total = count if item.frame == "kinds" else int(result.get("element_count", count))
    if entry["success"]:
        return Finding(item.rule, "held", int(result.get("unexpected_count", 0)), total)
    rows = tuple(int(row) for row in result.get("unexpected_index_list") or ())
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

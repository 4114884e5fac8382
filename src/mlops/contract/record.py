"""What is kept of a verdict: Great Expectations' own results, and what became of every rule. Strict JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.contract.check import Finding, Verdict
    from mlops.contract.detail import Detail


def record(verdict: Verdict, details: Mapping[str, Detail], quarantined: int) -> dict[str, Any]:
    """Return what is kept, as JSON.

    Args:
        verdict: What the contract said.
        details: Of each broken rule, by its name.
        quarantined: Rows that leave their tables.

    Returns:
        `success`, `contract` and `owner`, the number of `declared` rules, `rows` by table, rows `quarantined`, the `rules`, and Great Expectations' `results` by frame.
    """
    rules = [_rule(finding) | _detail(details.get(finding.rule.name)) for finding in verdict.findings]
    results = {name: _strict(result.to_json_dict()) for name, result in verdict.results.items()}
    whose = {"contract": verdict.contract.name, "owner": verdict.contract.owner}
    counts = {"declared": len(rules), "rows": dict(verdict.counts), "quarantined": quarantined}
    return {"success": not verdict.stops, **whose, **counts, "rules": rules, "results": results}


def _rule(finding: Finding) -> dict[str, Any]:
    rule = finding.rule
    said = {"rule": rule.name, "table": rule.table, "columns": list(rule.columns), "severity": rule.severity, "wording": rule.wording}
    found = {"outcome": finding.outcome, "failed": finding.failed, "total": finding.total, "observed": finding.observed}
    return {**said, **found, "examples": []}


def _detail(item: Detail | None) -> dict[str, Any]:
    """Return its history drawn, rows that break it and all rows of each partition where it is broken, and the first of the rows with their keys."""
    if item is None:
        return {}
    return {
        "drawn": item.drawn,
        "since": item.broken_in[0] if item.broken_in else "",
        "remark": item.remark,
        "broken_in": {s.partition: [s.failed, s.rows] for s in item.history if s.failed},
        "examples": [": ".join(filter(None, example)) for example in item.examples],
    }


def _strict(value: Any) -> Any:
    """Return a value without the numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

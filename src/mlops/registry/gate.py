"""The gate: evidence and rules in, frozen verdicts with reasons out. A plain function; it reads nothing and writes nothing.

Two kinds of rule. A *limit* (thresholds, leakage, budgets) stops: the build is red. A *comparison* with the champion decides: a challenger
that does not win stays a challenger, and nothing is red. What cannot be computed is not passed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.settings import CompareRule, GateRules, Limit, SlicesRule

TITLES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "latency_ms": "latency, p95 of one row",
    "size_mb": "size",
}
UNITS = {"latency_ms": " ms", "size_mb": " MB"}


@dataclass(frozen=True)
class RuleVerdict:
    """What one rule says: `passed` is None where it is off."""

    name: str
    kind: str
    mode: str
    passed: bool | None
    reason: str
    value: float | None = None
    limit: str = ""


@dataclass(frozen=True)
class Verdict:
    """What all rules say together: `outcome` is promote, keep or stop."""

    outcome: str
    reason: str
    rules: tuple[RuleVerdict, ...]


def judge(evidence: Mapping[str, Any], rules: GateRules) -> Verdict:
    """Return the verdict on a candidate.

    Args:
        evidence: What `registry/compare.py` measured.
        rules: The `gate` section of an environment.
    """
    told = [*(_limit(limit, evidence) for limit in rules.limits), _compare(rules.compare, evidence)]
    told += [_slices(rules.slices, evidence)] if rules.slices else []
    counted = [rule for rule in told if rule.mode == "on" and not rule.passed]
    limits = [rule for rule in counted if rule.kind == "limit"]
    lost = [rule for rule in counted if rule.kind == "comparison"]
    if limits:
        return Verdict("stop", "; ".join(rule.reason for rule in limits), tuple(told))
    if lost:
        return Verdict("keep", "; ".join(rule.reason for rule in lost), tuple(told))
    won = next(rule for rule in told if rule.name == "compare")
    return Verdict("promote", won.reason if won.mode == "on" else "all limits hold, and no comparison is asked for", tuple(told))


def _limit(limit: Limit, evidence: Mapping[str, Any]) -> RuleVerdict:
    if limit.mode == "off":
        return RuleVerdict(limit.name, "limit", "off", None, "off")
    if limit.name == "leakage":
        return _leakage(limit, evidence)
    value, bound = _value(limit.name, evidence), _bound(limit)
    title, unit = TITLES.get(limit.name, limit.name), UNITS.get(limit.name, "")
    if value is None:
        return RuleVerdict(limit.name, "limit", limit.mode, False, f"{title} could not be computed", None, bound)
    low = limit.at_least is None or value >= limit.at_least
    high = limit.at_most is None or value <= limit.at_most
    broken = f"is below {limit.at_least:g}" if not low else f"is above {limit.at_most:g}" if not high else f"is {bound}"
    return RuleVerdict(limit.name, "limit", limit.mode, low and high, f"{title} {_number(value)}{unit} {broken}{unit}", value, bound)


def _bound(limit: Limit) -> str:
    parts = [
        f"at least {limit.at_least:g}" if limit.at_least is not None else "",
        f"at most {limit.at_most:g}" if limit.at_most is not None else "",
    ]
    return " and ".join(part for part in parts if part)


def _leakage(limit: Limit, evidence: Mapping[str, Any]) -> RuleVerdict:
    found = evidence.get("leakage")
    if not isinstance(found, dict) or not isinstance(found.get("used"), list):
        return RuleVerdict(limit.name, "limit", limit.mode, False, "leakage could not be checked")
    if found["used"]:
        return RuleVerdict(limit.name, "limit", limit.mode, False, f"the model uses leakage: {', '.join(map(str, found['used']))}")
    return RuleVerdict(limit.name, "limit", limit.mode, True, f"none of the {len(found.get('declared', []))} leakage columns is used")


def _value(name: str, evidence: Mapping[str, Any]) -> float | None:
    """Return the evidence's number of that name, or None where there is none that is finite."""
    found: Any = None
    if name == "latency_ms":
        found = (evidence.get("latency_ms") or {}).get("p95")
    elif name == "size_mb":
        found = (evidence.get("model") or {}).get("size_mb")
    else:
        found = (_metric(name, evidence) or {}).get("candidate")
    return _finite(found)


def _metric(name: str, evidence: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((metric for metric in evidence.get("metrics") or [] if metric.get("name") == name), None)


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _compare(rule: CompareRule, evidence: Mapping[str, Any]) -> RuleVerdict:
    if rule.mode == "off":
        return RuleVerdict("compare", "comparison", "off", None, "off")
    other = (evidence.get("against") or {}).get("name", "the champion")
    against = f"the champion {other}" if (evidence.get("against") or {}).get("kind") == "champion" else f"the baseline “{other}”"
    metric = _metric(rule.metric, evidence)
    numbers = {key: _finite((metric or {}).get(key)) for key in ("candidate", "other", "difference", "low", "high")}
    limit = f"lower end above {rule.must_gain:g}"
    if metric is None or any(value is None for value in numbers.values()):
        why = metric.get("reason") if metric else None
        reason = f"{rule.metric} could not be compared with {against}{f': {why}' if why else ''}"
        return RuleVerdict("compare", "comparison", rule.mode, False, reason, None, limit)
    candidate, beside, difference, low, high = (number or 0.0 for number in numbers.values())
    sign = 1.0 if metric.get("better", "higher") == "higher" else -1.0
    gain = low if sign > 0 else -high
    title = TITLES.get(rule.metric, rule.metric)
    told = f"{title} {candidate:.3f} against {beside:.3f}, difference {_signed(difference)} [{_signed(low)}, {_signed(high)}]"
    if difference == low == high == 0:
        return RuleVerdict(
            "compare", "comparison", rule.mode, rule.must_gain < 0, f"{told}: its predictions are those of {against}", 0.0, limit
        )
    better = gain > rule.must_gain
    words = "is better than" if better else "is worse than" if (high if sign > 0 else -low) < 0 else "is not better than"
    return RuleVerdict("compare", "comparison", rule.mode, better, f"{told} {words} {against}", difference, limit)


def _slices(rule: SlicesRule, evidence: Mapping[str, Any]) -> RuleVerdict:
    limit = f"no slice of {rule.min_rows} rows falls by more than {rule.may_fall_by:g}"
    if rule.mode == "off":
        return RuleVerdict("slices", "comparison", "off", None, "off", None, limit)
    if (evidence.get("against") or {}).get("kind") != "champion":
        return RuleVerdict("slices", "comparison", rule.mode, True, "there is no champion whose slices could fall", None, limit)
    looked = [one for one in evidence.get("slices") or [] if one.get("rows", 0) >= rule.min_rows and one.get("column") in rule.columns]
    if not looked:
        return RuleVerdict("slices", "comparison", rule.mode, False, "no slice could be compared", None, limit)
    fallen = list(_fallen(rule, looked))
    if fallen:
        return RuleVerdict("slices", "comparison", rule.mode, False, "; ".join(fallen[:3]), None, limit)
    return RuleVerdict(
        "slices", "comparison", rule.mode, True, f"none of {len(looked)} slices fell by more than {rule.may_fall_by:g}", None, limit
    )


def _fallen(rule: SlicesRule, slices: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the slices that fell too far: the point estimate beyond the allowance, and its interval wholly below zero."""
    for one in slices:
        difference, high = _finite(one.get("difference")), _finite(one.get("high"))
        named = f"{one.get('column')}={one.get('value')}"
        if difference is None or high is None:
            if one.get("other") is not None:
                yield f"{named} could not be compared"
        elif difference < -rule.may_fall_by and high < 0:
            yield f"{named} ({one['rows']:,} rows) falls by {-difference:.3f}, from {one['other']:.3f} to {one['candidate']:.3f}"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")

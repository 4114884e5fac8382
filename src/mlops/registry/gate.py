"""The gate: evidence and rules in, frozen verdicts with reasons out. A plain function; it reads nothing and writes nothing.

Two kinds of rule. A *limit* (thresholds, leakage, budgets) stops: the build is red. A *comparison* with the champion decides: a challenger
that does not win stays a challenger, and nothing is red. What cannot be computed is not passed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops.report import figures
from mlops.settings import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.settings import CompareRule, GateRules, Limit, SlicesRule

TITLES = figures.METRIC_NAMES | {"latency_ms": "latency, p95 of one row", "size_mb": "size"}
WORSE = "is worse than"
MINUS = "\N{MINUS SIGN}"
UNITS = {"latency_ms": " ms", "size_mb": " MB"}
PROVING = 30
"""Rows below which an interval is no proof: a bootstrap draws from them as if they were all there is."""


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
    return Verdict("promote", won.reason if won.mode == "on" else f"all limits hold; the comparison is {won.mode}", tuple(told))


def on_a_sample(rules: GateRules) -> GateRules:
    """Return the rules for a model that was trained on a sample: what the whole data makes possible is told, and stops nothing."""
    limits = tuple(replace(limit, mode="dry-run") if limit.mode == "on" and limit.name in METRICS else limit for limit in rules.limits)
    return replace(rules, limits=limits)


def is_worse(verdict: Verdict) -> bool:
    """Return whether the candidate lost: the whole interval of the difference is on the worse side."""
    return any(rule.name == "compare" and rule.mode == "on" and rule.passed is False and WORSE in rule.reason for rule in verdict.rules)


def read_verdict(facts: Mapping[str, Any]) -> Verdict:
    """Return the verdict that gate.json holds (`dataclasses.asdict` of one)."""
    return Verdict(facts["outcome"], facts["reason"], tuple(RuleVerdict(**rule) for rule in facts["rules"]))


def _limit(limit: Limit, evidence: Mapping[str, Any]) -> RuleVerdict:
    bound = _bound(limit)
    told = RuleVerdict(limit.name, "limit", limit.mode, None, "off", None, bound)
    if limit.mode == "off":
        return told
    if limit.name == "leakage":
        return _leakage(told, _mapping(evidence.get("leakage")))
    value = _value(limit.name, evidence)
    title, unit = TITLES.get(limit.name, limit.name), UNITS.get(limit.name, "")
    if value is None:
        return replace(told, passed=False, reason=f"{title} could not be computed")
    if not bound:
        return replace(told, passed=False, value=value, reason=f"{title} {figures.measured(value)}{unit} has no limit to hold it against")
    low = limit.at_least is None or value >= limit.at_least
    high = limit.at_most is None or value <= limit.at_most
    words = (
        f"is below {figures.bound(limit.at_least)}"
        if not low
        else f"is above {figures.bound(limit.at_most)}"
        if not high
        else f"is {bound}"
    )
    return replace(told, passed=low and high, value=value, reason=f"{title} {figures.measured(value)}{unit} {words}{unit}")


def _bound(limit: Limit) -> str:
    parts = [
        f"at least {figures.bound(limit.at_least)}" if limit.at_least is not None else "",
        f"at most {figures.bound(limit.at_most)}" if limit.at_most is not None else "",
    ]
    return " and ".join(part for part in parts if part)


def _leakage(told: RuleVerdict, found: Mapping[str, Any]) -> RuleVerdict:
    used, declared = found.get("used"), found.get("declared")
    if not isinstance(used, list) or not isinstance(declared, list):
        return replace(told, passed=False, reason="leakage could not be checked")
    if used:
        return replace(told, passed=False, reason=f"the model uses leakage: {', '.join(map(str, used))}")
    count = f"none of the {len(declared)} leakage columns is used" if declared else "the contract names no leakage columns"
    return replace(told, passed=True, reason=count)


def _value(name: str, evidence: Mapping[str, Any]) -> float | None:
    """Return the evidence's number of that name, or None where there is none that is finite."""
    if name == "latency_ms":
        return _finite(_mapping(evidence.get("latency_ms")).get("p95"))
    if name == "size_mb":
        return _finite(_mapping(evidence.get("model")).get("size_mb"))
    return _finite(_metric(name, evidence).get("candidate"))


def _metric(name: str, evidence: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((metric for metric in _mappings(evidence.get("metrics")) if metric.get("name") == name), {})


def _compare(rule: CompareRule, evidence: Mapping[str, Any]) -> RuleVerdict:
    told = RuleVerdict("compare", "comparison", rule.mode, None, "off", None, f"lower end above {figures.bound(rule.must_gain)}")
    if rule.mode == "off":
        return told
    facts, metric, few = _mapping(evidence.get("against")), _metric(rule.metric, evidence), _few(evidence)
    if rule.without_champion == "limits" and facts.get("kind") == "baseline":
        return replace(
            told,
            passed=True,
            reason=f"there is no champion yet: the limits alone decide about a first version, {_proven(metric, rule, few)}",
        )
    name = facts.get("name") or "nothing"
    kinds = {"champion": f"the champion {name}", "base": f"the model of {name}"}
    against = kinds.get(str(facts.get("kind")), f"the baseline “{name}”")
    numbers = _numbers(metric)
    if numbers is None or metric.get("better") != METRICS.get(rule.metric):
        why = f": {metric['reason']}" if metric.get("reason") else ""
        title = TITLES.get(rule.metric, rule.metric)
        return replace(told, passed=False, reason=f"{title} could not be compared with {against}{why}")
    words = _sentence(rule.metric, numbers)
    if all(_mapping(one).get("difference") == 0 for one in evidence["metrics"]) and numbers.low == numbers.high == 0:
        return replace(told, passed=rule.must_gain < 0, value=0.0, reason=f"{words}: its predictions are identical to those of {against}")
    worst, best = numbers.gains(rule.metric)
    how = "is better than" if worst > rule.must_gain else WORSE if best < 0 else "is not better than"
    return replace(told, passed=worst > rule.must_gain, value=numbers.difference, reason=f"{words} {how} {against}{few}")


def _few(evidence: Mapping[str, Any]) -> str:
    """Return a word about a comparison on so few rows that its interval proves nothing; else nothing."""
    count = _finite(_mapping(evidence.get("rows")).get("count"))
    return f", on {count:.0f} rows, which prove nothing" if count is not None and count < PROVING else ""


def _proven(metric: Mapping[str, Any], rule: CompareRule, few: str) -> str:
    """Return whether a first version is known to be better than the baseline, in words."""
    numbers = _numbers(metric)
    if numbers is None:
        return "which is unproven: it could not be compared with the baseline"
    words = _sentence(rule.metric, numbers)
    return f"whose gain over the baseline is {'proven' if numbers.gains(rule.metric)[0] > 0 and not few else 'unproven'} ({words}{few})"


@dataclass(frozen=True)
class _Numbers:
    """A metric of the candidate and of the other, and their difference with its interval: all of them known."""

    candidate: float
    other: float
    difference: float
    low: float
    high: float

    def gains(self, metric: str) -> tuple[float, float]:
        """Return the ends of the interval as gains: above zero the candidate is better, whichever way the metric goes."""
        return (self.low, self.high) if METRICS[metric] == "higher" else (-self.high, -self.low)


def _numbers(facts: Mapping[str, Any]) -> _Numbers | None:
    found = [_finite(facts.get(name)) for name in _Numbers.__dataclass_fields__]
    known = [number for number in found if number is not None]
    return _Numbers(*known) if len(known) == len(found) and known[3] <= known[4] else None


def _sentence(metric: str, numbers: _Numbers) -> str:
    digits = figures.scale(numbers.candidate, numbers.other)
    fine = digits
    while fine < digits + 3 and any(value and not round(value, fine) for value in (numbers.difference, numbers.low, numbers.high)):
        fine += 1
    values = " against ".join(f"{value:,.{digits}f}".replace("-", MINUS) for value in (numbers.candidate, numbers.other))
    ends = f"[{_signed(numbers.low, fine)}, {_signed(numbers.high, fine)}]"
    return f"{TITLES.get(metric, metric)} {values}, difference {_signed(numbers.difference, fine)} {ends}"


def _slices(rule: SlicesRule, evidence: Mapping[str, Any]) -> RuleVerdict:
    limit = f"no slice of {rule.min_rows:,} rows falls by more than {figures.bound(rule.may_fall_by)}"
    told = RuleVerdict("slices", "comparison", rule.mode, None, "off", None, limit)
    if rule.mode == "off":
        return told
    if _mapping(evidence.get("against")).get("kind") == "baseline":
        return replace(told, passed=True, reason="there is no champion whose slices could fall")
    slices = [one for one in _mappings(evidence.get("slices")) if one.get("metric") == rule.metric]
    missing = [column for column in rule.columns if not any(one.get("column") == column for one in slices)]
    if missing:
        return replace(told, passed=False, reason=f"no slice by {', '.join(missing)} could be compared")
    looked = [one for one in slices if one.get("column") in rule.columns and (_finite(one.get("rows")) or 0) >= rule.min_rows]
    fallen = list(_fallen(rule, looked))
    if fallen:
        more = f"; and {len(fallen) - 3} more" if len(fallen) > 3 else ""
        return replace(told, passed=False, reason="; ".join(fallen[:3]) + more)
    return replace(told, passed=True, reason=f"none of {len(looked)} slices falls by more than {figures.bound(rule.may_fall_by)}")


def _fallen(rule: SlicesRule, slices: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the slices that fell too far: the point estimate beyond the allowance, and its interval wholly on the worse side of zero."""
    way = METRICS.get(rule.metric)
    for one in slices:
        numbers, named = _numbers(one), f"{one.get('column')}={one.get('value')} ({one['rows']:,} rows)"
        if numbers is None or way is None:
            yield f"{named} could not be compared"
            continue
        fall = -numbers.difference if way == "higher" else numbers.difference
        if fall > rule.may_fall_by and numbers.gains(rule.metric)[1] < 0:
            yield f"{named} falls by more than {figures.bound(rule.may_fall_by)}: {_sentence(rule.metric, numbers)}"


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _signed(value: float, digits: int) -> str:
    return f"{value:+,.{digits}f}".replace("-", MINUS)

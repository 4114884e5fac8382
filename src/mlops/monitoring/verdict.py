"""From measures and settings to findings, and whether to train again: plain functions over frozen values.

A finding is `ok` (looked at, and well), `attention` (a person should know; nothing is broken yet) or `bad` (production is not what it should
be). Drift alone is never bad: rows that differ may be predicted as well as before. What could not be computed is a finding too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops.report import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops.settings import DriftRule, FallRule, MonitorSettings

STATUSES = ("ok", "attention", "bad")
NAMED = 4
"""Columns that a sentence names; the tables have all of them."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `evidence` is a path, or what was seen, for a person."""

    kind: str
    """data, contract, drift, performance or endpoint."""
    status: str
    subject: str
    said: str
    window: Any = None
    value: float | None = None
    limit: float | None = None
    evidence: str = ""


@dataclass(frozen=True)
class Verdict:
    """What all findings say together."""

    status: str
    findings: tuple[Finding, ...]
    """The worst first."""
    retrain: bool
    why: str


def judge(findings: Iterable[Finding], measures: Mapping[str, Any] | None, settings: MonitorSettings) -> Verdict:
    """Return the verdict.

    Args:
        findings: What was found about data, contract and endpoint.
        measures: What `measure.py` wrote; None where nothing could be measured, which must then be among the findings.
        settings: The `monitor` section of production.
    """
    told, asking = list(findings), []
    if measures is not None:
        for found, confirmed in (drift(measures, settings), performance(measures, settings)):
            told += found
            asking += confirmed
    ordered = tuple(sorted(told, key=lambda one: -STATUSES.index(one.status)))
    wanted = "; ".join(asking)
    if settings.retrain != "on" and wanted:
        how = "retraining is off" if settings.retrain == "off" else "dry run: nothing is started"
        wanted = f"{wanted} ({how})"
    status = ordered[0].status if ordered else "ok"
    return Verdict(status, ordered, bool(asking) and settings.retrain == "on", wanted or "nothing asks for it")


def drift(measures: Mapping[str, Any], settings: MonitorSettings) -> tuple[list[Finding], list[str]]:
    """Return the findings about drift, and the sentence that asks for a new training where the rule's mode is on."""
    rule, windows = settings.drift, measures["windows"]
    if rule.mode == "off":
        return [Finding("drift", "ok", "columns", "not looked at: monitor.drift is off")], []
    if not windows:
        return [_nothing_newer(measures)], []
    judged = [one for one in windows if drifted(one, rule) is not None][-rule.of_last :]
    found = [_drift_of(one, rule) for one in judged]
    found += [finding for one in judged for finding in (*_unheard(one), *_score(one, rule))]
    found += [_too_few(one, alone=not judged) for one in windows[-rule.of_last :] if drifted(one, rule) is None]
    return _together("drift", found, [drifted(one, rule) is True for one in judged], rule, "drifted")


def drifted(window: Mapping[str, Any], rule: DriftRule) -> bool | None:
    """Return whether a window drifted; None where not one of its columns could be compared."""
    known = [one["psi"] for one in window["columns"].values() if one["psi"] is not None]
    beyond = sum(psi > rule.at_most for psi in known)
    return beyond / len(known) >= rule.share_of_columns if known else None


def _drift_of(window: Mapping[str, Any], rule: DriftRule) -> Finding:
    known = {name: one["psi"] for name, one in window["columns"].items() if one["psi"] is not None}
    beyond = sorted((name for name in known if known[name] > rule.at_most), key=lambda name: -known[name])
    named = ", ".join(f"{name} {known[name]:.2f}" for name in beyond[:NAMED])
    more = f" and {len(beyond) - NAMED} more" if len(beyond) > NAMED else ""
    said = f"{len(beyond)} of {len(known)} columns are above {rule.at_most:g}{f': {named}{more}' if beyond else ''}"
    status = "attention" if drifted(window, rule) else "ok"
    return Finding("drift", status, "columns", said, window["window"], len(beyond) / len(known), rule.share_of_columns)


def _too_few(window: Mapping[str, Any], *, alone: bool) -> Finding:
    """Tell of a window that nothing can be said about. Where others could be judged it is told and no more: the newest is often not full."""
    why = next((one["why"] for one in window["columns"].values()), "there are no columns")
    said = f"insufficient data: not one of {len(window['columns'])} columns could be compared ({why})"
    return Finding("drift", "attention" if alone else "ok", "columns", said, window["window"])


def _unheard(window: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the columns that could be compared before and cannot now: neither drift nor the lack of it."""
    for name, one in window["columns"].items():
        if one["why"] and one["told"]:
            yield Finding("drift", "attention", name, f"insufficient data: {one['why']}", window["window"], one["missing"])


def _score(window: Mapping[str, Any], rule: DriftRule) -> Iterator[Finding]:
    psi = window["score"]["psi"]
    if psi is not None and psi > rule.at_most:
        said = f"the predictions moved: stability index {psi:.2f}, at most {rule.at_most:g}"
        yield Finding("drift", "attention", "score", said, window["window"], psi, rule.at_most)


def performance(measures: Mapping[str, Any], settings: MonitorSettings) -> tuple[list[Finding], list[str]]:
    """Return the findings about the metric, and the sentence that asks for a new training where the rule's mode is on."""
    rule, metric, windows = settings.performance, measures["metric"], measures["windows"]
    if rule.mode == "off":
        return [Finding("performance", "ok", rule.metric, "not looked at: monitor.performance is off")], []
    if metric["value"] is None:
        said = f"{figures.metric(rule.metric)} of the held-out rows is not known: nothing can be held against it"
        return [Finding("performance", "attention", rule.metric, said)], []
    measured = [one for one in windows if one["performance"] and one["performance"]["gain"] is not None][-rule.of_last :]
    lacking = [one for one in windows[-rule.of_last :] if not one["performance"] or one["performance"]["gain"] is None]
    found = [_performance_of(one, metric, rule) for one in (*measured, *lacking)]
    verb = f"fell by more than {figures.bound(rule.may_fall_by)}"
    return _together("performance", found, [fell(one["performance"], rule) for one in measured], rule, verb)


def fell(performance: Mapping[str, Any], rule: FallRule) -> bool:
    """Return whether a metric fell too far: the estimate beyond the allowance, and its interval wholly on the worse side of zero."""
    gain, high = performance["gain"], performance["gain_high"]
    return gain is not None and high is not None and -gain > rule.may_fall_by and high < 0


def _performance_of(window: Mapping[str, Any], metric: Mapping[str, Any], rule: FallRule) -> Finding:
    name, now = figures.metric(rule.metric), window["performance"]
    made = Finding("performance", "ok", rule.metric, "", window["window"], now and now["value"], rule.may_fall_by)
    if now is None:
        return replace(made, said=f"insufficient data: {window['unmeasured']}")
    if now["gain"] is None:
        return replace(made, status="attention", said=f"{name} could not be computed: {window['unmeasured']}")
    words = f"{name} {figures.measured(now['value'])}, and {figures.measured(metric['value'])} on the held-out rows: {_signed(now['gain'])}"
    if now["gain_high"] is None:
        return replace(made, status="attention", said=f"{words}, without an interval: too few rows that tell")
    words += f" {figures.interval(now['gain_low'], now['gain_high'], figures.places(now['gain'], now['gain_low'], now['gain_high']))}"
    return replace(made, status="attention" if fell(now, rule) else "ok", said=words)


def _signed(gain: float) -> str:
    return f"{'better' if gain > 0 else 'worse'} by {figures.decimal(abs(gain), figures.places(gain))}"


def _together(kind: str, found: list[Finding], known: list[bool], rule: DriftRule | FallRule, verb: str) -> tuple[list[Finding], list[str]]:
    """Add what the last windows say together; where enough of them agree it is confirmed, and a fall is then bad."""
    count, seen = sum(known), len(known)
    if not count:
        return found, []
    said = f"{count} of the last {seen} window{'s' * (seen != 1)} {verb}"
    subject = "windows"
    if count < rule.windows:
        return [*found, Finding(kind, "attention", subject, f"{said}; {rule.windows} are needed", None, count, rule.windows)], []
    if rule.mode == "dry-run":
        return [*found, Finding(kind, "attention", subject, f"{said} (dry run: told only)", None, count, rule.windows)], []
    status = "bad" if kind == "performance" else "attention"
    return [*found, Finding(kind, status, subject, said, None, count, rule.windows)], [f"{kind}: {said}"]


def _nothing_newer(measures: Mapping[str, Any]) -> Finding:
    last = measures["reference"]["last"]
    return Finding("drift", "ok", "columns", f"there are no rows newer than {last}, the last that the version was tested on")

"""How it ended, in one sentence, and why: said here once, and shown by the page and by the closing screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.report.comparison import mapping, mappings
from mlops.report.figures import line

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKS = {"good": "✔", "neutral": "=", "bad": "✘", "busy": "…"}


@dataclass(frozen=True)
class Headline:
    """`tone` is good, neutral, bad or busy; `kicker` the outcome in a word or two."""

    tone: str
    kicker: str
    title: str
    reason: str

    @property
    def mark(self) -> str:
        return MARKS[self.tone]


def headline(run: Mapping[str, Any], delivery: Mapping[str, Any]) -> Headline:
    """Return how a run and its delivery ended; either may be empty."""
    state = str(run.get("state") or "completed")
    if state != "completed":
        return _unfinished(run, state)
    if not delivery:
        return Headline("neutral", "completed", f"Run {run.get('run')} completed; no model was delivered", "It was run as a pipeline only.")
    known = {"promote": _promoted, "keep": _kept, "stop": _stopped, "unchanged": _unchanged}
    return known.get(str(delivery.get("outcome")), _failed)(delivery)


def _unfinished(run: Mapping[str, Any], state: str) -> Headline:
    number = f"Run {run.get('run')}"
    if state == "running":
        return Headline("busy", "running", f"{number} is still running", "This page shows how far it has come.")
    ends = {"canceled": "was canceled", "killed": "was killed"}
    step = failed_step(run)
    end = f"stopped at {step[0]}" if step else ends.get(state, "failed")
    reason = line(step[1].get("reason")) if step else line(run.get("error"))
    return Headline("bad", state, f"{number} {end}", reason or "No reason was recorded.")


def failed_step(run: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the first step that failed and its record, or None."""
    steps = mapping(run.get("steps")).items()
    return next(((line(name), mapping(facts)) for name, facts in steps if mapping(facts).get("state") == "failed"), None)


def _reason(delivery: Mapping[str, Any]) -> str:
    return line(delivery.get("reason") or mapping(delivery.get("verdict")).get("reason")) or "No reason was recorded."


def name(delivery: Mapping[str, Any]) -> str:
    """Return the model with its version, `flights v4`."""
    version = delivery.get("version")
    return f"{line(delivery.get('model')) or 'the model'}{f' v{version}' if version else ''}"


def champion(delivery: Mapping[str, Any]) -> str | None:
    """Return the champion of before the run, `v3`, or None."""
    version = mapping(delivery.get("champion")).get("version")
    return f"v{version}" if version else None


def _promoted(delivery: Mapping[str, Any]) -> Headline:
    if delivery.get("error"):
        return Headline("bad", "stopped", f"{name(delivery)} passed the gate, and did not get into production", line(delivery["error"]))
    if delivery.get("production"):
        return Headline("good", "promoted", f"{name(delivery)} is in production", _reason(delivery))
    broken = [rule for rule in mappings(mapping(delivery.get("staging")).get("rules")) if rule.get("passed") is False]
    if broken:
        reason = "; ".join(f"{line(rule.get('name'))}: {line(rule.get('reason'))}" for rule in broken)
        return Headline("bad", "stopped", f"{name(delivery)} did not pass staging", reason)
    where = "is in staging" if delivery.get("staging") else f"passed the gate{' and is registered' * bool(delivery.get('version'))}"
    return Headline("good", "promoted", f"{name(delivery)} {where}; production was not touched", _reason(delivery))


def _kept(delivery: Mapping[str, Any]) -> Headline:
    stays = champion(delivery)
    if not delivery.get("version"):  # it was only tried
        return Headline(
            "neutral", "not better", f"{name(delivery)} would not take over{f': {stays} would stay' if stays else ''}", _reason(delivery)
        )
    title = f"{name(delivery)} stays a challenger{f'; {stays} remains the champion' if stays else ''}"
    return Headline("neutral", "not promoted", title, _reason(delivery))


def _stopped(delivery: Mapping[str, Any]) -> Headline:
    stays = champion(delivery)
    after = f"; production stays with {stays}" if stays else "; nothing was put into production"
    return Headline("bad", "stopped", f"The gate stopped {name(delivery)}{after}", _reason(delivery))


def _unchanged(delivery: Mapping[str, Any]) -> Headline:
    serving = mapping(delivery.get("production")).get("version")
    version = serving or delivery.get("version")
    what = f"{line(delivery.get('model'))}{f' v{version}' if version else ''}"
    return Headline("neutral", "nothing to do", f"{what} is {'in production' if serving else 'registered'} already", _reason(delivery))


def _failed(delivery: Mapping[str, Any]) -> Headline:
    return Headline("bad", "failed", f"The delivery of {name(delivery)} failed", _reason(delivery))

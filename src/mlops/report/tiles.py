"""The few numbers at the top of a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.report import comparison, figures
from mlops.report.comparison import mapping
from mlops.report.pieces import rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops.report.gantt import Bar
    from mlops.report.pieces import Pieces


@dataclass(frozen=True)
class Tile:
    """A number, what it is, and one remark; `tone` is good, bad or empty."""

    label: str
    value: str
    note: str
    tone: str = ""


def tiles(found: Pieces, steps: Sequence[Bar]) -> list[Tile]:
    """Return the tiles that this run has numbers for."""
    parts = [_metric(found), _gate(found), _rows(found), _load(found), _time(found, steps)]
    return [tile for tile in parts if tile is not None]


def _metric(found: Pieces) -> Tile | None:
    measured = comparison.metrics(found.evidence.value)
    if not measured or measured[0].candidate is None:
        return None
    first, met = measured[0], comparison.opponent(found.evidence.value)
    tone = {"▲": "good", "▼": "bad"}.get(first.mark, "")
    return Tile(first.label, figures.measured(first.candidate), f"{first.mark} {first.shown} against {met.short}", tone)


def _gate(found: Pieces) -> Tile | None:
    judged = [rule for rule in rules(found.verdict.value) if rule.get("mode") != "off"]
    if not judged:
        return None
    passed = sum(rule.get("passed") is True for rule in judged)
    return Tile("gate", f"{passed} of {len(judged)}", "rules hold", "good" if passed == len(judged) else "")


def _rows(found: Pieces) -> Tile | None:
    rows = mapping(mapping(found.evidence.value).get("rows"))
    if figures.real(rows.get("count")) is None:
        return None
    return Tile("judged on", figures.count(rows["count"]), f"rows{_target(rows)}")


def _target(rows: Mapping[str, Any]) -> str:
    """Return what is told of the target, by what the task has."""
    if figures.real(rows.get("positive_share")) is not None:
        return f", {figures.percent(rows['positive_share'])} positive"
    if figures.real(rows.get("mean_target")) is not None:
        return f", mean {figures.measured(rows['mean_target'])}"
    largest = mapping(rows.get("largest"))
    most = f", {figures.percent(largest.get('share'))} {figures.line(largest.get('class'))}" if largest else ""
    return f" of {figures.count(rows['classes'])} classes{most}" if figures.real(rows.get("classes")) is not None else ""


def _load(found: Pieces) -> Tile | None:
    load = mapping(mapping(found.delivery.get("staging")).get("load"))
    if figures.real(load.get("p95_ms")) is None:
        return None
    return Tile(
        "answer, p95", f"{figures.decimal(load['p95_ms'], 1)} ms", f"at {figures.count(load.get('requests_per_second'))} requests a second"
    )


def _time(found: Pieces, steps: Sequence[Bar]) -> Tile:
    took = figures.real(found.delivery.get("seconds")) or figures.real(found.run.get("seconds"))
    reused = sum(step.state == "reused" for step in steps)
    own = sum(not step.station for step in steps)
    return Tile("time", figures.seconds(took), f"{reused} of {own} steps reused" if reused else f"{own} steps, all run anew")

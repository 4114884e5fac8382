"""When each step ran, as bars over seconds: where the time of a run went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.report.comparison import mapping
from mlops.report.figures import line, real, seconds
from mlops.report.svg import Frame, Scale, Svg, box, dot, fit, join, picture, text, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARKS = {"finished": "✔", "reused": "=", "failed": "✘", "skipped": "-", "canceled": "-", "running": "…"}
_ROW = 26.0


@dataclass(frozen=True)
class Bar:
    """One step of a run, or one station of its delivery; `at` and `seconds` are missing where nothing ran."""

    name: str
    state: str
    at: float | None
    seconds: float | None
    summary: str
    reason: str
    station: bool = False

    @property
    def mark(self) -> str:
        return MARKS.get(self.state, " ")

    @property
    def words(self) -> str:
        """What became of it: a summary of what it made, or why it did not run."""
        if self.state == "reused":
            return f"reused: {self.reason}"
        if self.state in {"skipped", "canceled", "failed"}:
            return f"{self.state}: {self.reason}" if self.reason else self.state
        return self.summary


def bars(run: Mapping[str, Any], delivery: Mapping[str, Any]) -> list[Bar]:
    """Return the steps in the order of the run, and after them the stations of the delivery."""
    steps = [_step(line(name), mapping(facts)) for name, facts in mapping(run.get("steps")).items()]
    end = max([(b.at or 0.0) + (b.seconds or 0.0) for b in steps], default=0.0)
    end = max(end, real(run.get("seconds")) or 0.0)
    for name in ("staging", "production"):
        facts = mapping(delivery.get(name))
        took = real(facts.get("seconds"))
        if took is not None:
            at = real(facts.get("at")) or end
            steps.append(Bar(name, "finished", at, took, "", "", station=True))
            end = at + took
    return steps


def _step(name: str, facts: Mapping[str, Any]) -> Bar:
    state = line(facts.get("state")) or "waiting"
    return Bar(name, state, real(facts.get("at")), real(facts.get("seconds")), line(facts.get("summary")), line(facts.get("reason")))


def gantt(steps: Sequence[Bar], width: float) -> Svg | None:
    """Return the bars over a common axis of seconds, `width` in pixels."""
    if not steps:
        return None
    longest = max(width_of(bar.name) * 1.15 for bar in steps) + 36
    gutter = min(longest, width * 0.36)
    bottom = 10 + _ROW * len(steps)
    total = max([(bar.at or 0.0) + (bar.seconds or 0.0) for bar in steps] + [0.0])
    frame = Frame(Scale(0, total or 1.0, gutter, width - (64 if width >= 500 else 52)), Scale(0, 1, bottom, 8))
    axis = [frame.level(frame.x.ticks(4 if width < 500 else 8), lambda v: f"{v:g}")] if total else []
    unit = [text(((frame.x.start + frame.x.end) / 2, bottom + 32), "seconds since the start", "axis", "middle")] if total else []
    rows = [_row(frame, 10 + _ROW * n, bar, width) for n, bar in enumerate(steps)]
    return picture((width, bottom + (40 if total else 8)), _title(steps, total), *axis, *unit, *rows)


def _title(steps: Sequence[Bar], total: float) -> str:
    ran = [bar for bar in steps if bar.seconds and bar.at is not None]
    if not ran:
        return f"{len(steps)} steps, none of which had to run"
    longest = max(ran, key=lambda bar: bar.seconds or 0.0)
    return f"{len(steps)} steps in {seconds(total)}; the longest is {longest.name}, {seconds(longest.seconds)}"


def _row(frame: Frame, top: float, bar: Bar, width: float) -> Svg:
    middle = top + _ROW / 2
    kind = {"failed": "bad", "canceled": "even"}.get(bar.state, "station" if bar.station else "candidate")
    ink = {"failed": "bad-ink", "finished": "good-ink"}.get(bar.state, "even-ink")
    parts: list[str] = [
        text((6, middle + 4), bar.mark, f"label {ink}"),
        text((22, middle + 4), fit(bar.name, (frame.x.start - 28) / 1.1), "label strong"),
    ]
    if bar.at is None or bar.seconds is None:
        words = fit(bar.words or bar.state, width - frame.x.start - 14)
        return join(
            [*parts, dot((frame.x.start + 3, middle), "even mark", bar.words), text((frame.x.start + 12, middle + 4), words, "tick")]
        )
    left, right = frame.x(bar.at), frame.x(bar.at + bar.seconds)
    hover = f"{bar.name}: {seconds(bar.seconds)} from {seconds(bar.at)}. {bar.words}".strip()
    parts.append(box((left, top + 5), (max(right - left, 2.5), _ROW - 10), f"{kind} fill", hover, 3))
    return join([*parts, text((max(right, left + 2.5) + 6, middle + 4), seconds(bar.seconds), "value"), *_inside(left, right, middle, bar)])


def _inside(left: float, right: float, middle: float, bar: Bar) -> list[Svg]:
    """What the step made, in its own bar, where that is wide enough to read it."""
    room = right - left - 14
    return [text((left + 7, middle + 4), fit(bar.words, room), "on-fill")] if bar.words and room > 90 else []

"""The pictures of a model: curves, months, importance, slices. Each returns None where its data cannot be drawn."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.report.comparison import Difference, mapping, mappings
from mlops.report.figures import NONE, count, decimal, line, measured, real, short_number
from mlops.report.svg import Frame, Point, Scale, Svg, around, box, dot, fit, join, picture, segment, tag, text, trail, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.report.task import Told

_SIDE = (360.0, 330.0)
_MOST_FEATURES = 14


def _square(most: float = 1.0) -> Frame:
    high = around([0.0, most])[1] if most < 0.75 else 1.0
    return Frame(Scale(0, high, 42, 348), Scale(0, high, 284, 28))


def _radius(share: float, *, even: bool) -> float:
    return 4.5 if even else 2.5 + 6 * share**0.5


def _pairs(curve: Any, across: str, up: str) -> list[Point]:
    xs, ys = mapping(curve).get(across), mapping(curve).get(up)
    if not isinstance(xs, list) or not isinstance(ys, list):
        return []
    pairs = [(real(x), real(y)) for x, y in zip(xs, ys, strict=False)]
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _plot(frame: Frame, title: str, axes: tuple[str, str], *content: str) -> Svg:
    ticks = frame.x.ticks(5)
    grid = [frame.upright(ticks, short_number), frame.level(ticks, short_number), frame.names(*axes)]
    return picture(_SIDE, title, *grid, *content)


def roc(curves: Any, auc: float | None, name: str) -> Svg | None:
    """Return the receiver operating characteristic, with chance as its diagonal."""
    points = _pairs(mapping(curves).get("roc"), "fpr", "tpr")
    if len(points) < 2:
        return None
    frame = _square()
    drawn = [frame.at(point) for point in points]
    chance = segment(frame.at((0, 0)), frame.at((1, 1)), "other dashed")
    labels = [
        text(frame.at((0.97, 0.12)), f"{name}: AUC {decimal(auc)}", "label candidate-ink", "end"),
        text(frame.at((0.97, 0.04)), "dashed: chance, 0.500", "label other-ink", "end"),
    ]
    title = f"ROC curve of {name}: AUC {decimal(auc)}, where chance is 0.5"
    return _plot(frame, title, ("false positive rate", "true positive rate"), chance, trail(drawn, "candidate line"), *labels)


def precision_recall(curves: Any, average: float | None, share: float | None, name: str) -> Svg | None:
    """Return precision against recall, with the share of positives as what a guess has."""
    points = _pairs(mapping(curves).get("pr"), "recall", "precision")
    if len(points) < 2:
        return None
    frame = _square()
    content = [trail([frame.at(point) for point in points], "candidate line")]
    content.append(text(frame.at((0.97, 0.93)), f"{name}: average precision {decimal(average)}", "label candidate-ink", "end"))
    if share is not None:
        content.append(segment(frame.at((0, share)), frame.at((1, share)), "other dashed"))
        content.append(text(frame.at((0.97, 0.85)), f"dashed: a guess, {decimal(share)}", "label other-ink", "end"))
    title = f"Precision and recall of {name}: average precision {decimal(average)}"
    return _plot(frame, title, ("recall", "precision"), *content)


def calibration(curves: Any, error: float | None, name: str) -> Svg | None:
    """Return observed against predicted shares; a point's area follows its number of rows."""
    curve = mapping(mapping(curves).get("calibration"))
    points = _pairs(curve, "predicted", "observed")
    if not points:
        return None
    given = curve.get("rows")
    rows = [real(n) or 0.0 for n in given] if isinstance(given, list) and len(given) == len(points) else [1.0] * len(points)
    frame, most = _square(max(max(p) for p in points)), max(*rows, 1.0)
    even = min(rows) > 0.9 * most
    marks = [
        dot(
            frame.at(p),
            "candidate mark",
            f"predicted {decimal(p[0])}, observed {decimal(p[1])}, {count(n)} rows",
            _radius(n / most, even=even),
        )
        for p, n in zip(points, rows, strict=True)
    ]
    far, step = frame.x.high * 0.97, frame.x.high * 0.08
    labels = [
        text(frame.at((far, 1.5 * step)), f"{name}: mean gap {decimal(error)}", "label candidate-ink", "end"),
        text(frame.at((far, 0.5 * step)), "dashed: perfect" if even else "dashed: perfect · area: rows", "label other-ink", "end"),
    ]
    content = [
        segment(frame.at((0, 0)), frame.at((1, 1)), "other dashed"),
        trail([frame.at(p) for p in points], "candidate thin"),
        *marks,
        *labels,
    ]
    title = f"Calibration of {name}: observed share against predicted probability, mean gap {decimal(error)}"
    return _plot(frame, title, ("predicted probability", "observed share"), *content)


def confusion(curves: Any, name: str, most: int = 12) -> Svg | None:
    """Return how often each class was taken for each: a row is a true class, and as dark as its share of the row. The largest classes first."""
    found = mapping(mapping(curves).get("confusion"))
    names, counts = found.get("classes"), found.get("counts")
    if not isinstance(names, list) or not isinstance(counts, list) or not _is_square(counts, len(names)):
        return None
    order = sorted(range(len(names)), key=lambda at: -sum(counts[at]))[:most]
    right = sum(counts[at][at] for at in range(len(names))) / (sum(map(sum, counts)) or 1)
    width, side, corner = min(76.0, 240.0 / len(order)), min(30.0, 230.0 / len(order)), (106.0, 34.0)
    parts: list[str] = [text((4, 16), "true class, down; predicted, across; % of the true class", "axis")]
    for row, true in enumerate(order):
        middle = corner[1] + (row + 0.5) * side + 4
        parts.append(text((corner[0] - 6, middle), fit(line(names[true]), 96), "tick strong", "end"))
        total = sum(counts[true]) or 1
        for at, said in enumerate(order):
            hover = f"{line(names[true])} taken for {line(names[said])}: {count(counts[true][said])} of {count(total)}"
            parts.append(_cell((corner[0] + at * width, corner[1] + row * side), (width, side), counts[true][said] / total, hover))
    bottom = corner[1] + side * len(order)
    parts += [
        text((corner[0] + (at + 0.5) * width, bottom + 14), fit(line(names[said]), width), "tick", "middle")
        for at, said in enumerate(order)
    ]
    more = f"; the {len(order)} largest of {len(names)} classes" if len(order) < len(names) else ""
    parts.append(text((4, bottom + 36), f"{name}: {decimal(right)} on the diagonal{more}", "label candidate-ink"))
    return picture((360, bottom + 44), f"Confusion matrix of {name}: accuracy {decimal(right)}{more}", *parts)


def _is_square(counts: list[Any], size: int) -> bool:
    rows = all(isinstance(row, list) and len(row) == size and all(real(n) is not None for n in row) for row in counts)
    return bool(counts) and len(counts) == size and rows


def _cell(corner: Point, size: tuple[float, float], share: float, hover: str) -> Svg:
    width, height = size
    place = {"x": corner[0], "y": corner[1], "width": width - 1, "height": height - 1}
    shade = tag("rect", tag("title", hover), **place, class_="candidate fill", fill_opacity=f"{0.06 + 0.94 * share:.2f}")
    kind = "value on-fill" if share > 0.5 else "value"
    middle = (corner[0] + width / 2, corner[1] + height / 2 + 4)
    number = [text(middle, f"{share:.0%}".rstrip("%"), kind, "middle")] if min(size) >= 20 else []
    return join([shade, *number])


def predicted_actual(curves: Any, r2: float | None, name: str) -> Svg | None:
    """Return what was true against what was predicted, row by row, with the diagonal of a perfect model."""
    points = _pairs(mapping(curves).get("predicted_actual"), "predicted", "actual")
    if len(points) < 2:
        return None
    low, high = around([value for point in points for value in point], least=0.0)
    frame = Frame(Scale(low, high, 52, 348), Scale(low, high, 284, 28))
    marks = [dot(frame.at(point), "candidate mark", f"predicted {measured(point[0])}, was {measured(point[1])}", 2.5) for point in points]
    perfect = segment(frame.at((low, low)), frame.at((high, high)), "other dashed")
    words = text((346, 276), f"{name}: R² {measured(r2)} · dashed: perfect", "label candidate-ink", "end")
    return _plot(frame, f"Actual against predicted of {name}: R² {measured(r2)}", ("predicted", "actual"), *marks, perfect, words)


def residuals(curves: Any, name: str) -> Svg | None:
    """Return how often the prediction was off by how much, actual less predicted."""
    found = mapping(mapping(curves).get("residuals"))
    edges, counts = found.get("edges"), found.get("counts")
    if not isinstance(edges, list) or not isinstance(counts, list) or len(edges) != len(counts) + 1 or not counts:
        return None
    ends, rows = [real(edge) for edge in edges], [real(number) or 0.0 for number in counts]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends) or not any(rows):
        return None
    frame = Frame(Scale(known[0], known[-1], 52, 348), Scale(0, max(rows) * 1.08, 284, 28))
    bars = [
        box(
            frame.at((left, number)),
            (frame.x(right) - frame.x(left) - 1, frame.y(0) - frame.y(number)),
            "candidate fill",
            _between(left, right, number),
            0,
        )
        for left, right, number in zip(known, known[1:], rows, strict=False)
    ]
    zero = [segment((frame.x(0), 28), (frame.x(0), 284), "zero")] if known[0] < 0 < known[-1] else []
    return _plot(frame, f"Residuals of {name}: actual less predicted", ("actual less predicted", "rows"), *bars, *zero)


def _between(left: float, right: float, number: float) -> str:
    return f"{measured(left)} to {measured(right)}: {count(number)} rows"


def importance(items: Any, lost: str) -> Svg | None:
    """Return the permutation importance of each feature as bars with one standard deviation, the greatest first; `lost` says what it measures."""
    known = [
        (line(i.get("feature")), mean, real(i.get("std")) or 0.0) for i in mappings(items) if (mean := real(i.get("mean"))) is not None
    ]
    known.sort(key=lambda item: -item[1])
    shown = known[:_MOST_FEATURES]
    if not shown:
        return None
    low, high = min(0.0, *(m - s for _, m, s in shown)), max(m + s for _, m, s in shown) or 1e-9
    bottom = 28 + 19.0 * len(shown)
    frame = Frame(Scale(low, high * 1.16, 122, 352), Scale(0, 1, bottom, 24))
    rows = [_bar(frame, 28 + 19.0 * n, *item) for n, item in enumerate(shown)]
    ticks = frame.x.ticks(3)
    across = text(((frame.x.start + frame.x.end) / 2, bottom + 32), lost, "axis", "middle")
    more = [text((4, bottom + 32), f"and {len(known) - len(shown)} more", "tick")] if len(known) > len(shown) else []
    first = f"{shown[0][0]} matters most, {measured(shown[0][1])}"
    return picture((360, bottom + 42), f"Permutation importance: {first}", frame.level(ticks, short_number), across, *rows, *more)


def _bar(frame: Frame, top: float, name: str, mean: float, std: float) -> Svg:
    zero, end, middle = frame.x(0), frame.x(mean), top + 7.5
    bar = box((min(zero, end), top), (abs(end - zero), 13), "candidate fill", f"{name}: {measured(mean)} ± {measured(std)}")
    whisker = segment((frame.x(mean - std), middle), (frame.x(mean + std), middle), "whisker")
    value = text((max(zero, frame.x(mean + std)) + 5, middle + 4), decimal(mean) if 0.001 <= abs(mean) < 10 else measured(mean), "value")
    return join([text((116, middle + 4), fit(name, 112), "tick strong", "end"), bar, whisker, value])


@dataclass(frozen=True)
class Month:
    """One month's rows, the metric that decides, what is told of the target, and the phase it belongs to: train, test or later."""

    name: str
    phase: str
    rows: float | None
    value: float | None
    target: float | None

    @property
    def label(self) -> str:
        """The month's short name where it is a date or a number, else as it stands."""
        found = re.fullmatch(r"(?:\d{4}-)?(\d{1,2})", self.name)
        number = int(found[1]) if found else 0
        return calendar.month_abbr[number] if 1 <= number <= 12 else self.name


def months(entries: Any, told: Told) -> list[Month]:
    """Return the entries of monthly.json, in their order."""
    return [
        Month(line(e.get("month")), line(e.get("phase")), real(e.get("rows")), real(e.get(told.metric)), told.target_of(e))
        for e in mappings(entries)
    ]


def monthly(entries: Sequence[Month], width: float, told: Told) -> Svg | None:
    """Return the metric that decides, and below it the target where it has one number, by month, the phases shaded: what drift looks like.

    Args:
        entries: The months in order.
        width: In pixels; labels thin out where it is narrow.
        told: What the metric and the target are called.
    """
    if len(entries) < 2 or not any(e.value is not None or e.target is not None for e in entries):
        return None
    x = Scale(-0.5, len(entries) - 0.5, 46, width - 8)
    upper = Frame(x, Scale(*_span([e.value for e in entries]), 170, 50))
    content = [_phases(x, entries), _series(upper, [e.value for e in entries], entries, measured), text((4, 40), told.title, "axis")]
    what = told.title
    if told.beside:
        lower = Frame(x, Scale(*_span([e.target for e in entries], zero=told.task == "binary"), 312, 214))
        content += [_series(lower, [e.target for e in entries], entries, told.number), text((4, 204), told.beside, "axis")]
        what = f"{told.title} and {told.beside}"
    content.append(_month_names(x, entries))
    return picture((width, 352), f"{what} by month: {_drift(entries, told.title)}", *content)


def _span(values: Sequence[float | None], *, zero: bool = False) -> tuple[float, float]:
    """Return a range that holds the values: of shares from nothing on and never very narrow, of other numbers as they are."""
    known = [value for value in values if value is not None]
    if zero:
        return 0, around([0.0, *known])[1]
    return around(known, least=0.02 if max(map(abs, known), default=1.0) <= 1 else 0.0)


def _drift(entries: Sequence[Month], title: str) -> str:
    spans = []
    for phase in dict.fromkeys(e.phase for e in entries):
        values = [e.value for e in entries if e.phase == phase and e.value is not None]
        if values:
            spans.append(f"{phase} {measured(min(values))} to {measured(max(values))}")
    return ", ".join(spans) or f"no {title}"


def _phase_name(phase: str, entries: Sequence[Month]) -> str:
    values = [e.value for e in entries if e.value is not None]
    shown = [decimal(value, 2) if 0.1 <= abs(value) < 10 else measured(value) for value in (min(values), max(values))] if values else []
    return f"{phase}: {' to '.join(shown)}" if shown else phase


def _phases(x: Scale, entries: Sequence[Month]) -> Svg:
    """Shade each stretch of months of one phase over both plots, and name it on top."""
    parts: list[str] = []
    first = 0
    for n, entry in enumerate(entries):
        if n + 1 < len(entries) and entries[n + 1].phase == entry.phase:
            continue
        left, right = x(first - 0.5), x(n + 0.5)
        kind = entry.phase if entry.phase in {"train", "test", "later"} else "later"
        parts.append(box((left, 4), (right - left, 308), f"phase {kind}", radius=0))
        words = _phase_name(entry.phase, entries[first : n + 1])
        words = words if width_of(words) < right - left - 6 else entry.phase
        parts.append(text(((left + right) / 2, 19), fit(words, right - left), "label strong", "middle"))
        first = n + 1
    return join(parts)


def _series(frame: Frame, values: Sequence[float | None], entries: Sequence[Month], shown: Any) -> Svg:
    parts: list[str] = [frame.upright(frame.y.ticks(4), lambda v: f"{v:.0%}" if "%" in shown(v) else short_number(v))]
    stretch: list[Point] = []
    for n, value in enumerate([*values, None]):
        if value is not None:
            stretch.append(frame.at((n, value)))
        elif stretch:
            parts.append(trail(stretch, "candidate line"))
            stretch = []
    known = [(n, value) for n, value in enumerate(values) if value is not None]
    parts += [
        dot(frame.at((n, v)), "candidate mark", f"{entries[n].name} ({entries[n].phase}): {shown(v)}, {count(entries[n].rows)} rows", 3.5)
        for n, v in known
    ]
    return join([*parts, *_ends(frame, known, shown)])


def _ends(frame: Frame, known: Sequence[tuple[int, float]], shown: Any) -> list[Svg]:
    """Name the highest and the lowest value where they stand."""
    if not known:
        return []
    named = {max(known, key=lambda p: p[1]): -8, min(known, key=lambda p: p[1]): 17}
    parts = []
    for point, above in named.items():
        words = shown(point[1])
        half = width_of(words) / 2
        x = min(max(frame.x(point[0]), frame.x.start + half), frame.x.end - half)
        parts.append(text((x, frame.y(point[1]) + above), words, "value", "middle"))
    return parts


def _month_names(x: Scale, entries: Sequence[Month]) -> Svg:
    widest = max(width_of(e.label) for e in entries) + 6
    every = max(1, -(-int(widest) // max(int(x(1) - x(0)), 1)))
    years = list(dict.fromkeys(found[0] for e in entries if (found := re.match(r"\d{4}(?=-)", e.name))))
    below = "month" + (f" of {years[0]}" if len(years) == 1 else f", {years[0]} to {years[-1]}" if years else "")
    names = [text((x(n), 328), e.label, "tick", "middle") for n, e in enumerate(entries) if n % every == 0]
    return join([*names, text(((x.start + x.end) / 2, 346), below, "axis", "middle")])


def whiskers(slices: Sequence[Difference], width: float, against: str, metric: str, most: int = 40) -> Svg | None:
    """Return the difference on each slice with its interval, grouped by column, those that fall the furthest first."""
    drawable = [s for s in slices if s.difference is not None][:most]
    if not drawable:
        return None
    ordered = sorted(drawable, key=lambda s: (list(dict.fromkeys(d.group for d in drawable)).index(s.group), s.gain))
    lower = drawable[0].better == "lower"
    gutter = 118.0 if width < 500 else 176.0
    bottom = 22.0 + 20 * len(ordered)
    ends = [0.0, *_ends_of(ordered)]
    frame = Frame(Scale(*around(ends, least=min(0.02, max(map(abs, ends)))), gutter, width - 60), Scale(0, 1, bottom, 14))
    parts: list[str] = [
        frame.level(frame.x.ticks(3 if width < 500 else 6), short_number),
        segment((frame.x(0), 14), (frame.x(0), bottom), "zero"),
    ]
    left, right = ("better", "worse") if lower else ("worse", "better")
    parts += [text((frame.x(0) - 6, 9), f"◀ {left}", "tick", "end"), text((frame.x(0) + 6, 9), f"{right} ▶", "tick")]
    parts += [_whisker(frame, 26 + 20.0 * n, s, gutter, width) for n, s in enumerate(ordered)]
    parts.append(
        text(((frame.x.start + frame.x.end) / 2, bottom + 32), f"difference of {metric} to {against}, 95 % interval", "axis", "middle")
    )
    worse = sum(s.mark == "▼" for s in ordered)
    return picture((width, bottom + 42), f"Difference of {metric} to {against} on {len(ordered)} slices; clearly worse on {worse}", *parts)


def _ends_of(slices: Sequence[Difference]) -> list[float]:
    """The values to scale by: every difference, and the intervals but for a few very wide ones, which would press all others together."""
    spans = sorted(s.high - s.low for s in slices if s.low is not None and s.high is not None)
    most = 4 * spans[len(spans) // 2] if spans else 0.0
    kept = [s for s in slices if s.low is not None and s.high is not None and s.high - s.low <= most]
    return [end for s in kept for end in (s.low, s.high) if end is not None] + [s.difference or 0.0 for s in slices]


def _cut_off(frame: Frame, y: float, low: float, high: float) -> list[Svg]:
    """A sign at either edge that an interval goes on beyond it."""
    left = (
        [text((frame.x.start - 1, y + 4), "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}", "value", "middle")] if low < frame.x.low else []
    )
    right = (
        [text((frame.x.end + 1, y + 4), "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}", "value", "middle")] if high > frame.x.high else []
    )
    return left + right


def _whisker(frame: Frame, y: float, item: Difference, gutter: float, width: float) -> Svg:
    kind = {"▲": "good", "▼": "bad"}.get(item.mark, "even")
    hover = f"{item.label}: {item.shown or NONE}, {count(item.rows)} rows"
    parts: list[str] = [text((gutter - 8, y + 4), fit(item.label, gutter - 10), "tick strong", "end")]
    if item.low is not None and item.high is not None:
        parts += [segment((frame.x(item.low), y), (frame.x(item.high), y), f"{kind} whisker"), *_cut_off(frame, y, item.low, item.high)]
    parts.append(dot((frame.x(item.difference or 0.0), y), f"{kind} mark", hover, 4))
    value = f"{item.mark or ' '} {measured(item.candidate)}"
    return join([*parts, text((width - 4, y + 4), value, f"value {kind}-ink", "end")])

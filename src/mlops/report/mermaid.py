"""Charts in Mermaid's language, which GitHub draws inside of a comment.

Its chart has no place for a point across: values stand evenly, or over words. It has no legend everywhere either, so that the colours are
named in words above the chart, with the squares that look like them.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from mlops.report.figures import real

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BLUE, ORANGE, GREY = "#2f81f7", "#e8912d", "#8c959f"
_LABEL = re.compile(r"[^\w .,=+/()\N{MINUS SIGN}\N{EN DASH}-]")


def label(words: Any, most: int = 40) -> str:
    """Return words between quotes; what could mean something to Mermaid is left out."""
    kept = " ".join(_LABEL.sub(" ", str(words)).split())
    return f'"{kept[:most].rstrip() or "-"}"'


def roc(curves: Mapping[str, Any]) -> str:
    """Return the share of positives that is found against the share of false alarms, and the diagonal of a guess."""
    mine, theirs = _evenly(curves.get("candidate")), _evenly(curves.get("other"))
    if not mine:
        return ""
    lines = [(ORANGE, theirs)] if len(theirs) == len(mine) else []
    guess = [n / (len(mine) - 1) for n in range(len(mine))]
    return _chart(("false alarms, share", 0.0, 1.0), ("found, share", 0.0, 1.0), [(GREY, guess), *lines, (BLUE, mine)])


def calibration(curves: Mapping[str, Any]) -> str:
    """Return what was seen beside what was predicted, group by group of equal size, from the lowest prediction to the highest."""
    mine, theirs = _points(curves.get("candidate")), _points(curves.get("other"))
    if len(mine) < 2:
        return ""
    top = _round_up(max(max(pair) for pair in mine))
    seen, said = [pair[1] for pair in mine], [pair[0] for pair in mine]
    lines = [(ORANGE, [pair[1] for pair in theirs])] if len(theirs) == len(mine) else []
    names = [f"{value:.2f}" for value in said]
    return _chart(("predicted, mean of each group", names), ("observed, share", 0.0, top), [(GREY, said), *lines, (BLUE, seen)])


def _chart(x: tuple[Any, ...], y: tuple[str, float, float], lines: Sequence[tuple[str, Sequence[float]]]) -> str:
    palette = ", ".join(colour for colour, _ in lines)
    settings = {
        "themeVariables": {"xyChart": {"plotColorPalette": palette}},
        "xyChart": {"width": 560, "height": 320},
    }
    across = f"[{', '.join(map(label, x[1]))}]" if len(x) == 2 else f"{x[1]:g} --> {x[2]:g}"
    drawn = [f"  line [{', '.join(f'{value:.4f}' for value in values)}]" for _, values in lines]
    parts = [f"%%{{init: {json.dumps(settings)}}}%%", "xychart-beta", f"  x-axis {label(x[0])} {across}"]
    return "\n".join(["```mermaid", *parts, f"  y-axis {label(y[0])} {y[1]:g} --> {y[2]:g}", *drawn, "```"])


def _points(curve: Any) -> list[tuple[float, float]]:
    """The pairs of a curve; values are shares, so what is outside of 0 to 1 is none."""
    pairs = [(real(point[0]), real(point[1])) for point in curve or () if isinstance(point, list) and len(point) == 2]
    return [(x, y) for x, y in pairs if x is not None and y is not None and 0 <= x <= 1 and 0 <= y <= 1]


def _evenly(curve: Any) -> list[float]:
    """The heights of a curve whose places are even, from 0 to 1; nothing where they are not."""
    points = _points(curve)
    if len(points) < 3 or any(abs(x - n / (len(points) - 1)) > 0.001 for n, (x, _) in enumerate(points)):
        return []
    return [y for _, y in points]


def _round_up(value: float) -> float:
    return max(0.1, math.ceil(value * 10) / 10)

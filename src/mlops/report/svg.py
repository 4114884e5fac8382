"""Pictures as SVG inside a page: elements, scales and axes.

Text and attributes are escaped here, and only here: an `Svg` is markup that has been, any other string is data. Colours come from the
page's style sheet through classes, so that one picture serves light, dark and paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from mlops.report.figures import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Svg(str):
    """Markup that is escaped already."""

    __slots__ = ()


Point = tuple[float, float]
_GLYPH = 6.1  # the mean width of a character at 11 px


def tag(name: str, *content: str, **attributes: float | str) -> Svg:
    """Return an element; `stroke_width` is written as `stroke-width`, `class_` as `class`."""
    written = "".join(f' {key.strip("_").replace("_", "-")}="{_attribute(value)}"' for key, value in attributes.items())
    return Svg(f"<{name}{written}>{join(content)}</{name}>")


def join(content: Iterable[str]) -> Svg:
    """Return parts as one piece of markup, escaping those that are not."""
    return Svg("".join(part if isinstance(part, Svg) else escape(part) for part in content))


def _attribute(value: float | str) -> str:
    return escape(value) if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def picture(size: Point, title: str, *content: str) -> Svg:
    """Return the whole picture, `size` in CSS pixels, with a title for those who cannot see it."""
    width, height = size
    return tag("svg", tag("title", title), *content, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=title, class_="chart")


def text(at: Point, words: str, kind: str = "", anchor: str = "start") -> Svg:
    """Return words at a point: their start, middle or end stands there."""
    return tag("text", words, x=at[0], y=at[1], class_=kind, text_anchor=anchor)


def segment(start: Point, end: Point, kind: str) -> Svg:
    """Return a straight line."""
    return tag("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=kind)


def trail(points: Sequence[Point], kind: str) -> Svg:
    """Return a line through points."""
    return tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), class_=kind)


def box(corner: Point, size: Point, kind: str, hover: str = "", radius: float = 2) -> Svg:
    """Return a rectangle with the words that a pointer resting on it shows."""
    return tag("rect", *_hover(hover), x=corner[0], y=corner[1], width=max(size[0], 0), height=max(size[1], 0), rx=radius, class_=kind)


def dot(at: Point, kind: str, hover: str = "", radius: float = 3) -> Svg:
    """Return a point with the words that a pointer resting on it shows."""
    return tag("circle", *_hover(hover), cx=at[0], cy=at[1], r=radius, class_=kind)


def _hover(words: str) -> list[str]:
    return [tag("title", words)] if words else []


def fit(words: str, width: float) -> str:
    """Return words cut to a width in pixels, with a mark where they were."""
    return cut(words, max(int(width / _GLYPH), 1))


def width_of(words: str) -> float:
    """Return about how wide words are, in pixels."""
    return len(words) * _GLYPH


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high`, drawn from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values inside the scale, about that many."""
        step = round_step((self.high - self.low) / max(about, 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [n * step for n in range(first, last + 1)]

    @property
    def step(self) -> float:
        return round_step((self.high - self.low) / 5)


def round_step(rough: float) -> float:
    """Return the 1, 2 or 5 times a power of ten next above `rough`."""
    if rough <= 0 or not math.isfinite(rough):
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))


def around(values: Iterable[float], *, least: float = 0.02) -> tuple[float, float]:
    """Return a range that holds all values, rounded outwards, and never narrower than `least`."""
    known = list(values) or [0.0, 1.0]
    low, high = min(known), max(known)
    spare = max((least - (high - low)) / 2, (high - low) * 0.08)
    step = round_step((high - low + 2 * spare) / 5)
    return math.floor((low - spare) / step + 1e-9) * step, math.ceil((high + spare) / step - 1e-9) * step


@dataclass(frozen=True)
class Frame:
    """A plot's two scales, and the axes around it."""

    x: Scale
    y: Scale

    def at(self, point: Point) -> Point:
        """Return where a pair of values is drawn."""
        return self.x(point[0]), self.y(point[1])

    def upright(self, ticks: Iterable[float], name: Callable[[float], str]) -> Svg:
        """Return the horizontal grid lines, each named at its left."""
        rows = [(self.y(tick), name(tick)) for tick in ticks]
        lines = [segment((self.x.start, y), (self.x.end, y), "grid") for y, _ in rows]
        return join([*lines, *(text((self.x.start - 6, y + 4), words, "tick", "end") for y, words in rows)])

    def level(self, ticks: Iterable[float], name: Callable[[float], str], *, grid: bool = True) -> Svg:
        """Return the vertical grid lines, each named below."""
        columns = [(self.x(tick), name(tick)) for tick in ticks]
        lines = [segment((x, self.y.start), (x, self.y.end), "grid") for x, _ in columns if grid]
        return join([*lines, *(text((x, self.y.start + 15), words, "tick", "middle") for x, words in columns)])

    def names(self, across: str, up: str) -> Svg:
        """Return what the axes are, the upright one's above its top end."""
        below = text(((self.x.start + self.x.end) / 2, self.y.start + 32), across, "axis", "middle")
        return join([below, text((4, self.y.end - 10), up, "axis")])

"""A pipeline as a picture: its steps as boxes, what one hands to the next as lines, what it is given and what it makes at the ends.

The places of the boxes are found by Sugiyama's method: layers by need, then the order in each by the mean place of its neighbours, which
leaves few crossings. (The packages that do so are under the GPL, or need a program that is not from a package.)
Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures", IEEE Trans. SMC 11(2), 1981.
"""

from __future__ import annotations

import graphlib
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops.report.svg import Svg, box, picture, tag, text, trail, width_of
from mlops.spec.component import python_script
from mlops.spec.values import ASSET_TYPES, Each, FromLoop, FromPipeline, FromStep, Loop, Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops.report.svg import Point
    from mlops.spec.values import Binding, Branch, Step

_HEIGHT, _MARGIN, _GAP, _BETWEEN = 40.0, 20.0, 34.0, 24.0
_STYLE = """
svg { background: #fff } text { font: 11px system-ui, sans-serif; fill: #566273; text-anchor: middle } .name { font-weight: 600; fill: #182230 }
.step { fill: #eaf1f9; stroke: #0b66b0 } .end { fill: #f4f6f9; stroke: #c5ccd6 } .line { fill: none; stroke: #8b96a5 }
@media (prefers-color-scheme: dark) { svg { background: #0e131a } text { fill: #a0adbd } .name { fill: #e7ecf3 }
  .step { fill: #17283b; stroke: #62b3f2 } .end { fill: #161d27; stroke: #3b4757 } .line { stroke: #6a7686 } }
"""


@dataclass(frozen=True)
class Node:
    """A step, or what a pipeline is given or makes."""

    key: str
    name: str
    about: str
    step: bool = True

    @property
    def width(self) -> float:
        return max(width_of(self.name) * 1.1, width_of(self.about)) + 24


@dataclass(frozen=True)
class Line:
    """`end` needs `start`; `words` say what is handed over."""

    start: str
    end: str
    words: str


@dataclass(frozen=True)
class Graph:
    """A pipeline's steps, in an order in which they can run, and what connects them."""

    title: str
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]

    @property
    def depths(self) -> dict[str, int]:
        """Step -> how many steps must have run one after the other before it."""
        steps = {node.key for node in self.nodes if node.step}
        return _depths(steps, [line for line in self.lines if line.start in steps and line.end in steps])

    def into(self) -> dict[str, list[Line]]:
        """Node -> the lines that end at it."""
        return _by(self.lines, "end", self.nodes)

    def out_of(self) -> dict[str, list[Line]]:
        """Node -> the lines that start at it."""
        return _by(self.lines, "start", self.nodes)


def _by(lines: Iterable[Line], side: str, nodes: Iterable[Node]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {node.key: [] for node in nodes}
    for line in lines:
        found[getattr(line, side)].append(line)
    return found


def _depths(keys: Iterable[str], lines: Iterable[Line]) -> dict[str, int]:
    """Return how many come one after the other before each."""
    needs: dict[str, list[str]] = {key: [] for key in keys}
    for line in lines:
        needs[line.end].append(line.start)
    found: dict[str, int] = {}
    for key in graphlib.TopologicalSorter(needs).static_order():
        found[key] = max((found[need] + 1 for need in needs[key]), default=0)
    return found


def graph(pipeline: Pipeline) -> Graph:
    """Return a pipeline's graph: only files and folders are shown at its ends, not parameters."""
    pipeline = replace(pipeline, steps=_opened(pipeline.steps))
    nodes = [Node(f"in {name}", name, "input", step=False) for name in _given(pipeline)]
    nodes += [Node(step, step, _about(pipeline, step)) for step in _order(pipeline)]
    nodes += [Node(f"out {name}", name, "output", step=False) for name in pipeline.outputs]
    return Graph(pipeline.display_name, tuple(nodes), tuple(dict.fromkeys(_lines(pipeline))))


def _opened(steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return the steps with those that a loop repeats, once, before the loop that they end in: they read what the loop does."""
    found: dict[str, Step] = {}
    for name, step in steps.items():
        if isinstance(step.flow, Loop | Each):
            inside = _opened(step.flow.body.steps)
            for one in inside.values():
                inputs = {key: _outside(bound, step) for key, bound in one.inputs.items()}
                found[one.name] = replace(
                    one, inputs={key: bound for key, bound in inputs.items() if bound is not None}, when=(*one.when, *step.when)
                )
            step = replace(step, inputs={}, after=tuple(inside))  # noqa: PLW2901
        found[name] = step
    return found


def _outside(bound: Binding, loop: Step) -> Binding | None:
    return loop.inputs.get(bound.name) if isinstance(bound, FromLoop) and bound.loop == loop.name else bound


def _given(pipeline: Pipeline) -> list[str]:
    used = {bound.name for step in pipeline.steps.values() for bound in step.inputs.values() if isinstance(bound, FromPipeline)}
    return [name for name, declared in pipeline.inputs.items() if name in used and declared.type in ASSET_TYPES]


def _order(pipeline: Pipeline) -> list[str]:
    return list(graphlib.TopologicalSorter({name: step.needs for name, step in pipeline.steps.items()}).static_order())


def _about(pipeline: Pipeline, step: str) -> str:
    component, flow = pipeline.steps[step].component, pipeline.steps[step].flow
    kind = component.kind
    if isinstance(flow, Loop):
        return f"again while {flow.condition}, at most {flow.limit}" if flow.condition else f"{flow.limit} iterations"
    if isinstance(flow, Each):
        return f"for each of {len(flow.items)} items" if isinstance(flow.items, tuple) else "for each item"
    if flow is not None:
        return kind
    words = component.display_name if component.display_name.lower() != step.lower() else python_script(component.command) or kind
    return words if kind in {"command", words} else f"{words} ({kind})"


def _lines(pipeline: Pipeline) -> Iterator[Line]:
    given = _given(pipeline)
    for name, step in pipeline.steps.items():
        for input_name, bound in step.inputs.items():
            if isinstance(bound, FromStep):
                yield Line(bound.step, name, f"{bound.output} -> {input_name}")
            elif isinstance(bound, FromPipeline) and bound.name in given:
                yield Line(f"in {bound.name}", name, f"{bound.name} -> {input_name}")
        branches = dict(step.when)
        for need in step.needs:
            if not any(isinstance(bound, FromStep) and bound.step == need for bound in step.inputs.values()):
                yield Line(need, name, f"if {str(branches[need]).lower()}" if need in branches else _handed(step.flow))
    for name, made in pipeline.outputs.items():
        yield Line(made.step, f"out {name}", made.output)


def _handed(flow: Branch | Loop | Each | None) -> str:
    """Return the words on a line along which a step reads nothing as an input."""
    return {"Branch": "condition", "Loop": "iteration", "Each": "iterations"}.get(type(flow).__name__, "after")


def rows(drawn: Graph) -> list[str]:
    """Return the steps as lines of text: how deep, the name, what it takes from whom."""
    depths, wide = drawn.depths, max((len(node.name) for node in drawn.nodes), default=0)
    names = {node.key: node.name for node in drawn.nodes}
    into, out_of = drawn.into(), drawn.out_of()
    found = []
    for node in drawn.nodes:
        if node.step:
            needs = dict.fromkeys(names[line.start] for line in into[node.key])
            makes = [names[line.end] for line in out_of[node.key] if line.end.startswith("out ")]
            row = f"  {depths[node.key] + 1:>3}  {node.name:<{wide}}  {'← ' + ', '.join(needs) if needs else ''}"
            found.append((row + (f"  → {', '.join(makes)}" if makes else "")).rstrip())
    return found


def svg(drawn: Graph) -> Svg:
    """Return the picture as a document of its own, for light and dark."""
    places, bends, size = _laid_out(drawn)
    shapes = [trail(points, "line") for points in bends]
    into = drawn.into()
    shapes += [tag("g", _hover(node, into[node.key]), *_box(node, places[node.key])) for node in drawn.nodes]
    inside = picture(size, drawn.title, tag("style", Svg(_STYLE)), *shapes)
    return Svg(inside.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]:g}" height="{size[1]:g}" ', 1))


def _hover(node: Node, into: Iterable[Line]) -> Svg:
    takes = [f"{line.start.removeprefix('in ')}: {line.words}" for line in into]
    return tag("title", "\n".join([node.about, *takes]))


def _box(node: Node, at: Point) -> list[Svg]:
    x, y = at
    shape = box((x - node.width / 2, y - _HEIGHT / 2), (node.width, _HEIGHT), "step" if node.step else "end", radius=6 if node.step else 20)
    return [shape, text((x, y - 2), node.name, "name", "middle"), text((x, y + 13), node.about, "", "middle")]


def _laid_out(drawn: Graph) -> tuple[dict[str, Point], list[list[Point]], Point]:
    """Return where each box stands (its middle), how each line goes, and the size of the whole."""
    layers = _layers(drawn)
    ties = list(dict.fromkeys((line.start, line.end) for line in drawn.lines))  # two lines between the same boxes are one
    chains = [[start, *(f"{start}>{end}>{at}" for at in range(layers[start] + 1, layers[end])), end] for start, end in ties]
    rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=0) + 1)]
    for key, layer in layers.items():
        rows[layer].append(key)
    for chain in chains:  # where a line passes a layer it has a place of its own, so that it passes beside the boxes
        for layer, key in enumerate(chain[1:-1], layers[chain[0]] + 1):
            rows[layer].append(key)
    _untangle(rows, [pair for chain in chains for pair in itertools.pairwise(chain)])
    widths = {node.key: node.width for node in drawn.nodes}
    wide = [sum(widths.get(key, 0.0) for key in row) + _BETWEEN * (len(row) - 1) for row in rows]
    across = max(wide, default=0.0) + 2 * _MARGIN
    places: dict[str, Point] = {}
    for layer, row in enumerate(rows):
        x = (across - wide[layer]) / 2
        for key in row:
            places[key] = (x + widths.get(key, 0.0) / 2, _MARGIN + _HEIGHT / 2 + layer * (_HEIGHT + _GAP))
            x += widths.get(key, 0.0) + _BETWEEN
    return places, [_trail(chain, places) for chain in chains], (across, len(rows) * (_HEIGHT + _GAP) - _GAP + 2 * _MARGIN)


def _layers(drawn: Graph) -> dict[str, int]:
    """Return how far down each box stands: below all that it needs; what is given stands right above the first that takes it."""
    found, out_of = _depths((node.key for node in drawn.nodes), drawn.lines), drawn.out_of()
    for node in drawn.nodes:
        takers = [found[line.end] for line in out_of[node.key]]
        if not node.step and takers:
            found[node.key] = min(takers) - 1
    return found


def _untangle(rows: list[list[str]], pairs: list[tuple[str, str]]) -> None:
    """Order each layer by the mean place of its neighbours in the layer before, downwards and upwards in turn."""
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for start, end in pairs:
        below.setdefault(start, []).append(end)
        above.setdefault(end, []).append(start)
    for turn in range(6):
        down = turn % 2 == 0
        for row, other in itertools.pairwise(rows if down else rows[::-1]):
            at = {key: place / max(len(row) - 1, 1) for place, key in enumerate(row)}
            sides = above if down else below
            means = {key: [at[near] for near in sides.get(key, []) if near in at] for key in other}
            now = {key: place / max(len(other) - 1, 1) for place, key in enumerate(other)}
            other.sort(key=lambda key: sum(means[key]) / len(means[key]) if means[key] else now[key])


def _trail(chain: list[str], places: dict[str, Point]) -> list[Point]:
    (first, top), *between, (last, bottom) = [places[key] for key in chain]
    return [(first, top + _HEIGHT / 2), *between, (last, bottom - _HEIGHT / 2)]

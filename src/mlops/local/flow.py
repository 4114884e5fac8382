"""What control steps decide while a run goes on: which block is taken, whether there is another iteration, what all iterations made.

A control step runs nothing itself. It grows the graph by steps like any other (`train-1`, `train-2`), so that each has a folder, a log and a
recipe of its own, is reused by itself, and is found again by a run that resumes; then it ends with what they made.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from mlops.engine.events import Failed, Finished, Product, Skipped
from mlops.engine.freshness import Fresh, Recipe, Stale
from mlops.errors import JobFailed
from mlops.files import link_or_copy, write_protect
from mlops.records import dataclass, field
from mlops.spec.flow import values_of
from mlops.spec.iteration import Iteration, first, following
from mlops.spec.values import LITERAL_TYPES, TRUTHS, Branch, Each, FromStep, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mlops.engine.loop import Products
    from mlops.local.digests import Digests
    from mlops.local.store import Store
    from mlops.spec.values import Binding, Output, Step


@dataclass(frozen=True)
class Grown:
    """The steps that a control step needs now, and which others each must wait for, whatever became of them."""

    steps: Mapping[str, Step]
    reason: str
    waits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class Flows:
    """The decisions of one run.

    Args:
        resolve: Returns the value of a binding, given what was made so far and the type that is wanted.
        store: Keeps what was gathered.
        digests: Digests it.
        folder: Returns the folder of a step.
        dry: Nothing is written: what was not gathered before is not gathered now.
    """

    resolve: Callable[[Binding, Products, str], Any]
    store: Store
    digests: Digests
    folder: Callable[[str], Path]
    dry: bool = False
    _taken: dict[str, bool] = field(default_factory=dict)
    _iterations: dict[str, list[Iteration]] = field(default_factory=dict)
    _began: dict[str, float] = field(default_factory=dict)

    def unwanted(self, step: Step, products: Products) -> Skipped | None:
        """Return that a step does not run, because of a branch or because what it reads was not made."""
        for branch, truth in step.when:
            if self._taken[branch] != truth:
                return Skipped(step.name, f"{branch} is {str(not truth).lower()}: its {str(truth).lower()}_block is not taken")
        for name, bound in step.inputs.items():
            lost = isinstance(bound, FromStep) and bound.step in products and bound.output not in products[bound.step]
            if lost and isinstance(bound, FromStep) and not step.component.inputs[name].optional:
                return Skipped(step.name, f"needs output {bound.output!r} of {bound.step}, which was not made")
        return None

    def decide(self, step: Step, products: Products) -> Grown | Fresh | Stale | Finished | Failed:
        """Return what comes next of a control step whose needs, and the steps that it grew, have ended well."""
        began = self._began.setdefault(step.name, time.monotonic())
        try:
            if isinstance(step.flow, Branch):
                return self._branch(step, step.flow, products)
            if isinstance(step.flow, Loop):
                return self._loop(step, step.flow, products)
            return self._each(step, products)
        except JobFailed as error:
            return Failed(step.name, time.monotonic() - began, f"{error.message}. {error.hint or ''}".strip())

    def grown(self, step: Step) -> list[str]:
        """Return the steps that a control step grew last."""
        iterations = self._iterations.get(step.name, [])
        return [name for iteration in (iterations[-1:] if isinstance(step.flow, Loop) else iterations) for name in iteration.steps]

    def _finished(self, step: Step, outputs: Mapping[str, Product], summary: str) -> Finished:
        return Finished(step.name, time.monotonic() - self._began[step.name], outputs, summary)

    def _branch(self, step: Step, flow: Branch, products: Products) -> Finished:
        truth = self._truth(flow.condition, products, "its condition")
        self._taken[step.name] = truth
        return self._finished(step, {}, f"{str(truth).lower()}: the {str(truth).lower()}_block is taken")

    def _truth(self, bound: Binding, products: Products, what: str) -> bool:
        value = self.resolve(bound, products, "boolean")
        if value is None:
            raise JobFailed(f"{what} has no value", hint="Is what writes it in a block that was not taken?")
        return TRUTHS[str(value).lower()]

    def _loop(self, step: Step, flow: Loop, products: Products) -> Grown | Finished:
        rounds = self._iterations.setdefault(step.name, [])
        outputs = made(rounds[-1], products) if rounds else {}
        more = (
            not rounds or flow.condition is None or self._truth(rounds[-1].outputs[flow.condition], products, f"output {flow.condition!r}")
        )
        if more and len(rounds) < flow.limit:
            rounds.append(following(step, flow, len(rounds) + 1))
            return Grown(rounds[-1].steps, f"iteration {len(rounds)} of at most {flow.limit}")
        end = f"max_iteration_count is {flow.limit}" if more else f"{flow.condition} is false"
        return self._finished(step, outputs, f"{len(rounds)} iteration{'s' * (len(rounds) != 1)}: {end}")

    def _each(self, step: Step, products: Products) -> Grown | Fresh | Stale | Finished:
        if step.name not in self._iterations:
            iterations = self._iterations[step.name] = self._listed(step, products)
            if iterations:
                steps = {name: one for iteration in iterations for name, one in iteration.steps.items()}
                most = step.flow.at_once if isinstance(step.flow, Each) else None
                return Grown(steps, f"{len(iterations)} iterations", lanes(iterations, most))
        return self._gathered(step, self._iterations[step.name], products)

    def _listed(self, step: Step, products: Products) -> list[Iteration]:
        flow = step.flow
        if not isinstance(flow, Each) or isinstance(flow.items, tuple):
            return list(first(step))
        text = self.resolve(flow.items, products, "string")
        try:
            items = values_of(str(text), step.component.inputs)
        except ValueError as error:
            raise JobFailed(f"its items are no list of items: {error}", hint='Write JSON: [{"n": 1}, {"n": 2}]') from error
        return [Iteration(step.name, flow.body, label, {**step.inputs, **given}) for label, given in items.items()]

    def _gathered(self, step: Step, iterations: list[Iteration], products: Products) -> Fresh | Stale | Finished:
        """Return what all iterations made: of each output a table of their files, or a list of their values."""
        all_made = {iteration.label: made(iteration, products) for iteration in iterations}
        declared = step.component.outputs
        recipe = Recipe(
            {f"output {name}": output.type for name, output in declared.items()}
            | {f"item {label}, {name}": product.digest for label, one in all_made.items() for name, product in one.items()}
        )
        known = self.store.judge(step.name, recipe)
        if isinstance(known, Fresh) or self.dry:
            return known
        outputs = {}
        for name, output in declared.items():
            path = self.folder(step.name) / "outputs" / name
            gather(path, output, {label: one[name] for label, one in all_made.items() if name in one})
            outputs[name] = Product(str(path), self.digests.of(path))
        event = self._finished(step, outputs, f"{len(iterations)} iteration{'s' * (len(iterations) != 1)}")
        self.store.keep(step.name, recipe, outputs, event.summary)
        return event


def made(iteration: Iteration, products: Products) -> dict[str, Product]:
    """Return what one iteration wrote, by the outputs of the body."""
    found = {name: products.get(writer.step, {}).get(writer.output) for name, writer in iteration.outputs.items()}
    return {name: product for name, product in found.items() if product is not None}


def lanes(iterations: list[Iteration], most: int | None) -> dict[str, tuple[str, ...]]:
    """Return what the steps of each iteration wait for, so that at most so many iterations are on their way: the one so many places before."""
    names = [tuple(iteration.steps) for iteration in iterations]
    return {name: names[at - most] for at in range(most, len(names)) for name in names[at]} if most else {}


def gather(path: Path, output: Output, products: Mapping[str, Product]) -> None:
    """Write the one output that stands for those of all iterations: values as a JSON list, files and folders as an mltable that names them."""
    import shutil

    shutil.rmtree(path, ignore_errors=True)
    if output.type in LITERAL_TYPES:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([_value(Path(product.path)) for product in products.values()]), encoding="utf-8")
    else:
        path.mkdir(parents=True)
        entries = [_placed(path / label, Path(product.path)) for label, product in products.items()]
        (path / "MLTable").write_text(
            f"type: mltable\npaths:\n{''.join(entries)}" if entries else "type: mltable\npaths: []\n", encoding="utf-8"
        )
    write_protect(path)


def _value(path: Path) -> Any:
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    try:
        return TRUTHS[text.lower()] if text.lower() in TRUTHS else json.loads(text)
    except ValueError:
        return text


def _placed(folder: Path, product: Path) -> str:
    """Give a product a second name in `folder`, and return the line of the MLTable that names it there."""
    if product.is_file():
        folder.mkdir()
        link_or_copy(str(product), str(folder / product.name))
        return f"- file: ./{folder.name}/{product.name}\n"
    import shutil

    shutil.copytree(product, folder, copy_function=link_or_copy)
    return f"- folder: ./{folder.name}\n"

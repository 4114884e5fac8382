"""One iteration of a loop: the steps of its body under names of their own, bound to what that iteration is given."""

from __future__ import annotations

from mlops.records import dataclass, replace
from mlops.spec.values import Branch, Each, FromLoop, FromStep, Item, Literal, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.spec.values import Binding, Body, Step


@dataclass(frozen=True)
class Iteration:
    """The iteration `label` of the loop `loop` over `body`; `inputs` are what it is given."""

    loop: str
    body: Body
    label: str
    inputs: Mapping[str, Binding]

    @property
    def steps(self) -> dict[str, Step]:
        """The steps of this iteration: `train` is `train-1`, `outer.train` is `outer-1.train`."""
        return self._placed(self.body.steps)

    @property
    def outputs(self) -> dict[str, FromStep]:
        """Which step of this iteration writes each output of the body."""
        return {name: FromStep(self._named(made.step), made.output) for name, made in self.body.outputs.items()}

    def _named(self, step: str) -> str:
        own = step == self.body.name or step.startswith(f"{self.body.name}.")
        return f"{self.body.name}-{self.label}{step[len(self.body.name) :]}" if own else step

    def _placed(self, steps: Mapping[str, Step]) -> dict[str, Step]:
        return {self._named(name): self._step(step) for name, step in steps.items()}

    def _step(self, step: Step) -> Step:
        return replace(
            step,
            name=self._named(step.name),
            inputs=self._inputs(step),
            after=tuple(map(self._named, step.after)),
            when=tuple((self._named(branch), truth) for branch, truth in step.when),
            flow=self._flow(step.flow),
        )

    def _inputs(self, step: Step) -> dict[str, Binding]:
        """Return what each input is bound to; one that this iteration is not given has its default, or is left out."""
        bound = {name: self._bound(binding) for name, binding in step.inputs.items()}
        defaults = {name: step.component.inputs[name].default for name, binding in bound.items() if binding is None}
        bound |= {name: Literal(default) for name, default in defaults.items() if default is not None}
        return {name: binding for name, binding in bound.items() if binding is not None}

    def _bound(self, binding: Binding) -> Binding | None:
        if isinstance(binding, FromLoop):  # of this loop, or of one in its body
            return self.inputs.get(binding.name) if binding.loop == self.loop else replace(binding, loop=self._named(binding.loop))
        return replace(binding, step=self._named(binding.step)) if isinstance(binding, FromStep) else binding

    def _flow(self, flow: Branch | Loop | Each | None) -> Branch | Loop | Each | None:
        if flow is None or isinstance(flow, Branch):
            return flow and Branch(self._bound(flow.condition) or Literal(value=False))
        outputs = {name: FromStep(self._named(made.step), made.output) for name, made in flow.body.outputs.items()}
        body = replace(flow.body, name=self._named(flow.body.name), steps=self._placed(flow.body.steps), outputs=outputs)
        if isinstance(flow, Loop):
            return replace(flow, body=body)
        items = flow.items
        if isinstance(items, tuple):
            return replace(flow, body=body, items=tuple(Item(item.label, self._given(item)) for item in items))
        return replace(flow, body=body, items=self._bound(items) or Literal("[]"))

    def _given(self, item: Item) -> dict[str, Binding]:
        found = {name: self._bound(binding) for name, binding in item.inputs.items()}
        return {name: binding for name, binding in found.items() if binding is not None}


def first(step: Step) -> tuple[Iteration, ...]:
    """Return the iterations of a loop that are known before anything has run: the first of a `do_while`, every listed item's."""
    flow = step.flow
    if isinstance(flow, Loop):
        return (Iteration(step.name, flow.body, "1", step.inputs),)
    if isinstance(flow, Each) and isinstance(flow.items, tuple):
        return tuple(Iteration(step.name, flow.body, item.label, {**step.inputs, **item.inputs}) for item in flow.items)
    return ()


def following(step: Step, flow: Loop, number: int) -> Iteration:
    """Return an iteration of a `do_while`: what the mapping names is taken from the one before."""
    if number == 1:
        return first(step)[0]
    before = Iteration(step.name, flow.body, str(number - 1), {}).outputs
    taken = {name: before[output] for name, output in flow.mapping.items()}
    return Iteration(step.name, flow.body, str(number), {**step.inputs, **taken})

"""The jobs of a pipeline as one flat graph of steps, bound to each other.

A pipeline component is laid out in place: its steps are named `outer.inner`, what they read of its inputs is what the job around them binds,
and what others read of its outputs is what its steps write. So whoever runs a pipeline never meets a nested one.
"""

from __future__ import annotations

import re

from mlops.records import dataclass, field, replace
from mlops.spec import automl, expressions, keys
from mlops.spec.bindings import Scope, bind, filled, outputs_of
from mlops.spec.component import component_source, named_component, parse_component, sweep_of
from mlops.spec.flow import FLOWS, Control, add_control, bodies, is_control, mark_blocks, not_saying
from mlops.spec.ports import GIVEN_INPUT, Ports, check_mode, declared_ports, given_input, given_output
from mlops.spec.reading import Here, Reading
from mlops.spec.schemas import NODES, OTHER_TYPES, OVER
from mlops.spec.source import did_you_mean, nearest
from mlops.spec.values import (
    ASSET_TYPES,
    LITERAL_TYPES,
    Binding,
    Body,
    Branch,
    Component,
    Each,
    FromLoop,
    FromStep,
    Input,
    Item,
    Literal,
    Loop,
    Output,
    Place,
    Step,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


_NAME = re.compile(r"[a-z_][a-z\d_]*")
_FILLED = frozenset({"condition", "items"})
"""Keys of a control job whose expressions may be known before the run; its other keys take none, on Azure ML neither."""


@dataclass(frozen=True)
class Laid:
    """The job that a loop repeats, laid out: what is outside of it, and the steps that it is."""

    name: str
    ports: Ports
    inputs: Mapping[str, Binding]
    body: Body
    written: Mapping[str, str]
    """The pipeline's outputs that the job says it writes -> its own."""
    steps: tuple[str, ...]


@dataclass
class Graph:
    """The steps gathered so far, by their full names."""

    steps: dict[str, Step] = field(default_factory=dict)
    outputs: dict[str, FromStep] = field(default_factory=dict)
    """The outermost pipeline's outputs that a step writes."""
    _aliases: dict[FromStep, FromStep] = field(default_factory=dict)
    """Output of a job that is a pipeline -> output of the step in it that writes it."""
    _jobs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Every job's full name -> its outputs: what a binding can name."""
    _references: list[tuple[Here, FromStep]] = field(default_factory=list)
    _inferred: list[tuple[str, str]] = field(default_factory=list)
    """Step and input whose type is that of the output it is bound to."""
    branches: dict[str, tuple[Here, Mapping[bool, tuple[str, ...]]]] = field(default_factory=dict)
    """Every if_else -> the jobs of its blocks."""
    _loops: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Every loop -> the steps of its body, inner loops first."""
    _instead: dict[str, str] = field(default_factory=dict)
    """Jobs whose outputs nothing can be bound to -> what to bind to instead."""
    _saying: list[tuple[Here, FromStep, frozenset[str]]] = field(default_factory=list)
    """Outputs that must be of one of these types."""

    def add(self, here: Here, jobs: Mapping[str, Any], scope: Scope) -> dict[str, FromStep]:
        """Add the jobs of one pipeline, and return which of its outputs they write."""
        written: dict[str, FromStep] = {}
        repeated = bodies(jobs)
        self._jobs |= {scope.prefix + name: {} for name in repeated}
        for name, job in jobs.items():
            place = here.at(name)
            if not isinstance(job, dict):
                place.note(f"job {name!r} is a mapping of keys")
                continue
            if not _NAME.fullmatch(str(name)):
                place.note(f"{name!r} cannot name a step", "Lower-case letters, digits and _ only, as on Azure ML.", at_key=True)
            if is_control(job):
                body = {key: filled(place.at(key), item, scope) if key in _FILLED else item for key, item in job.items()}
                written |= add_control(self, Control(place, here, str(name), body, scope), jobs)
            elif name not in repeated:
                body = _filled(place, job, scope)
                if isinstance(body.get("inputs"), dict):
                    body["inputs"] = {key: _as_beside(place.at("inputs", key), item, jobs) for key, item in body["inputs"].items()}
                written |= self._add_job(place, str(name), body, scope)
        mark_blocks(self, scope, jobs)
        return written

    def _add_job(self, here: Here, name: str, job: Mapping[str, Any], scope: Scope) -> dict[str, FromStep]:
        """Add one job, and return which outputs of the pipeline around it it writes."""
        full = scope.prefix + name
        self._jobs[full] = {}
        kind = keys.plain(job["type"], NODES) if "type" in job else _kind_of_component(here, job)
        if kind not in NODES:
            hint = OTHER_TYPES.get(kind, did_you_mean(kind, [*NODES, *FLOWS], label="types"))
            here.at("type").note(f"a step of type {job.get('type')!r} is not run on this machine", hint)
            return {}
        if kind == "automl" and automl.refused_task(here, job):
            return {}
        here.judge(job, NODES[kind], f"job {name!r}")
        if kind == "automl":
            here, job = automl.as_inputs(here, job)
        if kind == "pipeline":
            return self._add_pipeline(here, name, job, scope)
        component = _component(here, name, kind, job, scope)
        if component is None:
            return {}
        inputs = self._bindings(here, job, component, scope)
        outputs, written = outputs_of(here.at("outputs"), job.get("outputs"), component.name, component.outputs, scope)
        self._jobs[full] = outputs
        own = component if outputs is component.outputs else replace(component, outputs=outputs)
        self.steps[full] = Step(full, own, inputs, Place(here.source, here.keys))
        if "component" not in job:
            self._inferred += [(full, key) for key, bound in inputs.items() if isinstance(bound, FromStep)]
        return {output: FromStep(full, name) for output, name in written.items()}

    def _add_pipeline(self, here: Here, name: str, job: Mapping[str, Any], scope: Scope) -> dict[str, FromStep]:
        """Lay the steps of a pipeline component out, and return the outputs of the pipeline around it that they write."""
        full, found = scope.prefix + name, self._inside(here, name, job, scope)
        if found is None:
            return {}
        place, body, owner = found
        given = self._bindings(here, job, owner, scope)
        own, written = outputs_of(here.at("outputs"), job.get("outputs"), owner.name, owner.outputs, scope)
        made = self.add(
            place.at("jobs"), place.at("jobs").mapping(body.get("jobs")), scope.inner(full, owner.inputs, own, given, place.source.path)
        )
        self._jobs[full] = owner.outputs
        self._aliases |= {FromStep(full, output): bound for output, bound in made.items()}
        return {output: FromStep(full, key) for output, key in written.items()}

    def _inside(self, here: Here, name: str, job: Mapping[str, Any], scope: Scope) -> tuple[Here, Mapping[str, Any], _Ports] | None:
        """Return the pipeline component that a job is, and its ports."""
        here.judge(job, NODES["pipeline"], f"job {name!r}")
        found = component_source(here.at("component"), job.get("component"), "pipeline")
        if found is None:
            return None
        place, body = found
        if place.source.path in scope.within:
            here.at("component").note("a pipeline that holds itself has no end", "Leave this step out.")
            return None
        declared = declared_ports(place, body)
        return place, body, _Ports(str(body.get("name", name)), declared.inputs, declared.outputs)

    def add_body(self, here: Here, name: str, job: Any, control: Control, varying: frozenset[str] | None) -> Laid | None:
        """Lay out the job that a loop repeats: its steps are bound to the loop, and what the job itself gives is the loop's.

        Args:
            here: The job's place.
            name: Its name.
            job: What it says.
            control: The loop.
            varying: The inputs that differ from iteration to iteration; None where that is not known yet.
        """
        if not isinstance(job, dict):
            here.note(f"job {name!r} is a mapping of keys")
            return None
        job, scope, before = _filled(here, job, control.scope), control.scope, set(self.steps)
        kind = keys.plain(job["type"], NODES) if "type" in job else _kind_of_component(here, job)
        later = varying if control.job["type"] == "parallel_for" else frozenset()
        if kind == "pipeline":
            found = self._pipeline_body(here, name, job, control, varying, later)
        else:
            found = self._command_body(here, name, job, control, later)
        if found is None:
            return None
        ports, inputs, outputs, written = found
        self._jobs[scope.prefix + name] = ports.outputs
        added = tuple(step for step in self.steps if step not in before)
        return Laid(name, ports, inputs, Body(scope.prefix + name, {}, outputs), written, added)

    def _command_body(
        self, here: Here, name: str, job: Mapping[str, Any], control: Control, later: frozenset[str] | None
    ) -> tuple[Ports, dict[str, Binding], dict[str, FromStep], dict[str, str]] | None:
        here.judge(job, NODES["command"], f"job {name!r}")
        full, component = control.scope.prefix + name, _component(here, name, "command", job, control.scope)
        if component is None:
            return None
        inputs = self._bindings(here, job, component, control.scope, later)
        outputs, written = outputs_of(here.at("outputs"), job.get("outputs"), component.name, component.outputs, control.scope)
        bound = {key: FromLoop(control.full, key) for key in component.inputs}
        self.steps[full] = Step(full, replace(component, outputs=outputs), bound, Place(here.source, here.keys))
        if "component" not in job:
            self._inferred += [(control.full, key) for key, one in inputs.items() if isinstance(one, FromStep)]
        return Ports(component.inputs, outputs), inputs, {key: FromStep(full, key) for key in outputs}, written

    def _pipeline_body(
        self, here: Here, name: str, job: Mapping[str, Any], control: Control, varying: frozenset[str] | None, later: frozenset[str] | None
    ) -> tuple[Ports, dict[str, Binding], dict[str, FromStep], dict[str, str]] | None:
        full, scope, found = control.scope.prefix + name, control.scope, self._inside(here, name, job, control.scope)
        if found is None:
            return None
        place, body, owner = found
        inputs = self._bindings(here, job, owner, scope, later)
        own, written = outputs_of(here.at("outputs"), job.get("outputs"), owner.name, owner.outputs, scope)
        inner = scope.inner(full, owner.inputs, own, inputs, place.source.path)
        known = {} if varying is None else {key: value for key, value in inner.known.items() if key not in varying}
        bound = {key: FromLoop(control.full, key) for key in owner.inputs}
        made = self.add(place.at("jobs"), place.at("jobs").mapping(body.get("jobs")), replace(inner, given=bound, known=known))
        return Ports(owner.inputs, own), inputs, made, written

    def add_loop(self, step: Step, laid: Laid) -> None:
        """Add the step that repeats what was laid out."""
        self.steps[step.name] = step
        self._loops[step.name] = laid.steps

    def know(self, job: str, outputs: Mapping[str, Any]) -> None:
        """Let bindings name a job and its outputs."""
        self._jobs[job] = outputs

    def instead(self, job: str, hint: str) -> None:
        """Say what to bind to instead of a job's outputs."""
        self._instead[job] = hint

    def alias(self, job: str, step: str, outputs: Mapping[str, Any]) -> None:
        """Let the outputs of a job be those of a step."""
        self._aliases |= {FromStep(job, output): FromStep(step, output) for output in outputs}

    def refer(self, here: Here, bound: FromStep) -> None:
        """Note that a binding names another step, to be checked when all are known."""
        self._references.append((here, bound))

    def must_say(self, here: Here, bound: FromStep, kinds: frozenset[str]) -> None:
        """Note that an output must be of one of these types."""
        self._saying.append((here, bound, kinds))

    def mark(self, job: str, branch: str, *, truth: bool) -> None:
        """Let the steps of a job run only where a branch found `truth`."""
        for name, step in self.steps.items():
            if name == job or name.startswith(f"{job}."):
                self.steps[name] = replace(step, after=(*step.after, branch), when=(*step.when, (branch, truth)))

    def _bindings(
        self, here: Here, job: Mapping[str, Any], owner: Component | _Ports, scope: Scope, later: frozenset[str] | None = frozenset()
    ) -> dict[str, Binding]:
        """Return what a job binds each input of its component to; those that a loop gives `later` may be missing, all of them where it is None."""
        given = {str(name): item for name, item in here.at("inputs").mapping(job.get("inputs")).items() if item is not None}
        result = {}
        for name, value in given.items():
            bound = self._bound(here.at("inputs", name), owner, name, value, scope)
            if bound:
                result[name] = bound
        unknown = given.keys() - owner.inputs.keys()
        for name, declared in owner.inputs.items():
            if name not in result and declared.default is not None:
                result[name] = Literal(declared.default)
            elif (
                name not in given and declared.required and not unknown and later is not None and name not in later
            ):  # most often the unknown one is this one misspelt
                here.note(f"{owner.name} needs the input {name!r} ({declared.type})", f"In this job: inputs: {{{name}: ...}}", at_key=True)
        return result

    def _bound(self, here: Here, owner: Component | _Ports, name: str, value: Any, scope: Scope) -> Binding | None:
        declared = owner.inputs.get(name)
        if declared is None:
            if isinstance(owner, _Ports) and not nearest(name, owner.inputs):
                here.without_effect(f"({owner.name} has no such input, and the service says nothing of it)")
            else:
                hint = did_you_mean(name, owner.inputs, label=f"{owner.name} takes")
                here.note(f"{owner.name} has no input called {name!r}", hint, at_key=True)
            return None
        if isinstance(value, dict):
            here.judge(value, GIVEN_INPUT, f"input {name!r}")
            check_mode(here, value, declared.type)
        bound = bind(here, declared, value, scope)
        if isinstance(bound, FromStep):
            self._references.append((here, bound))
        return bound

    def finish(self, outputs: Mapping[str, FromStep], reading: Reading) -> None:
        """Check what names other steps, and bind every step to the steps that really write what it reads."""
        for place, bound in self._references:
            self._check(place, bound)
        self.outputs = {name: self._written(bound) for name, bound in outputs.items()}
        for name, step in self.steps.items() if self._aliases else ():
            inputs = {key: self._resolved(bound) for key, bound in step.inputs.items()}
            self.steps[name] = replace(step, inputs=inputs, flow=self._resolved_flow(step.flow))
        for name, key in self._inferred:
            self._infer(name, key)
        for step in self.steps.values():
            check_types(step, self.steps, Here(step.place.source, (), reading))
        for place, bound, kinds in self._saying:
            self._check_saying(place, bound, kinds)
        for loop, names in self._loops.items():
            self._fold(loop, names)

    def _resolved(self, bound: Binding) -> Binding:
        return self._written(bound) if isinstance(bound, FromStep) else bound

    def _resolved_flow(self, flow: Branch | Loop | Each | None) -> Branch | Loop | Each | None:
        if flow is None or isinstance(flow, Branch):
            return flow and Branch(self._resolved(flow.condition))
        own = flow.body.name
        body = replace(flow.body, outputs={key: b if b.step == own else self._written(b) for key, b in flow.body.outputs.items()})
        if isinstance(flow, Loop):
            return replace(flow, body=body)
        if not isinstance(flow.items, tuple):
            return replace(flow, body=body, items=self._resolved(flow.items))
        items = tuple(Item(item.label, {key: self._resolved(b) for key, b in item.inputs.items()}) for item in flow.items)
        return replace(flow, body=body, items=items)

    def _fold(self, loop: str, names: tuple[str, ...]) -> None:
        """Take the steps that a loop repeats out of the graph, and into the loop."""
        step = self.steps[loop]
        inside = {name: self.steps.pop(name) for name in names if name in self.steps}
        if isinstance(step.flow, Loop | Each):
            own = inside.get(step.flow.body.name)  # a command: its inputs are of the types that the loop's are
            if own is not None:
                inside[own.name] = replace(own, component=replace(own.component, inputs=step.component.inputs))
            self.steps[loop] = replace(step, flow=replace(step.flow, body=replace(step.flow.body, steps=inside)))

    def _check_saying(self, place: Here, bound: FromStep, kinds: frozenset[str]) -> None:
        real = self._written(bound)
        made = self.steps[real.step].component.outputs.get(real.output) if real.step in self.steps else None
        if made is None or made.type in kinds:
            return
        if "boolean" in kinds:
            place.note(*not_saying(bound.step, made))
        else:
            place.note(f"{bound.step} writes {made.name!r} as a {made.type}", "Items are read from an output of type string, as JSON.")

    def _check(self, place: Here, bound: FromStep) -> None:
        outputs = self._jobs.get(bound.step)
        scope, _, name = bound.step.rpartition(".")
        if bound.step in self._instead:
            place.note(f"{name} has no output that could be bound", self._instead[bound.step])
        elif outputs is not None and bound.output in outputs:
            return
        elif outputs is None:
            beside = [job.rpartition(".")[2] for job in self._jobs if job.rpartition(".")[0] == scope]
            place.note(f"there is no step called {name!r}", did_you_mean(name, beside, label="steps"))
        elif outputs or bound.step in self.steps:  # a job that could not be read says nothing of its outputs
            place.note(f"{name} has no output called {bound.output!r}", did_you_mean(bound.output, outputs, label=f"outputs of {name}"))

    def _written(self, bound: FromStep) -> FromStep:
        while bound in self._aliases:
            bound = self._aliases[bound]
        return bound

    def _infer(self, name: str, key: str) -> None:
        step = self.steps[name]
        bound = step.inputs[key]
        maker = self.steps.get(bound.step) if isinstance(bound, FromStep) else None
        if maker and isinstance(bound, FromStep) and bound.output in maker.component.outputs:
            kind = maker.component.outputs[bound.output].type
            if step.component.inputs[key].type == kind:
                return
            inputs = {**step.component.inputs, key: replace(step.component.inputs[key], type=kind)}
            self.steps[name] = replace(step, component=replace(step.component, inputs=inputs))


_OWN = frozenset({"inputs", "outputs", "component", "trial", "type", "command"})
"""Keys of a job whose expressions are no plain text to be filled in."""


def _filled(here: Here, job: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Return a job with what is known of the pipeline's inputs filled in."""
    return {key: item if key in _OWN else filled(here.at(key), item, scope) for key, item in job.items()}


@dataclass(frozen=True)
class _Ports:
    """A pipeline component from outside."""

    name: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]


def _as_beside(here: Here, value: Any, jobs: Mapping[str, Any]) -> Any:
    """Return what an input is given; where that is an input of a job beside it, `${{parent.jobs.NAME.inputs.NAME}}`, what that one is given."""
    seen: set[tuple[str, ...]] = set()
    while True:
        parts = expressions.whole(value.get("path", value.get("value")) if isinstance(value, dict) else value)
        if parts is None or parts[:2] != ("parent", "jobs") or len(parts) < 5 or parts[3] != "inputs":
            return value
        job, name = jobs.get(parts[2]), ".".join(parts[4:])
        given = job.get("inputs") if isinstance(job, dict) else None
        if not isinstance(given, dict) or given.get(name) is None or parts in seen:
            hint = (
                did_you_mean(parts[2], jobs, label="steps")
                if job is None
                else did_you_mean(name, given or {}, label=f"given to {parts[2]}")
            )
            here.note(f"{parts[2]} is given no input {name!r} that this one could be", hint)
            return None
        seen.add(parts)
        value = given[name]


def _component(here: Here, name: str, kind: str, job: Mapping[str, Any], scope: Scope) -> Component | None:
    """Return what a job runs: a component that it names, with what the job sets over it, or the job itself."""
    if kind == "sweep":
        return sweep(here, name, job, job_ports(here, job, scope))
    if kind == "automl":
        return automl.parse_automl(here, name, job, job_ports(here, job, scope))
    if "component" not in job:
        if job.get("comment") is not None:
            here.at("comment").note("a comment goes with a component", "Write a YAML comment, or a description.", at_key=True)
        return parse_component(here, job, fallback=name, ports=job_ports(here, job, scope))
    for key in ("code", "command"):
        if job.get(key) is not None:
            here.at(key).note(
                f"{name!r} has a `{key}` beside its component, which has its own", "Leave it out, or leave `component` out.", at_key=True
            )
    over = {key: item for key, item in job.items() if key in OVER[kind] and item is not None}
    return _overlaid(here, name, kind, job, over) if over else named_component(here.at("component"), job["component"], kind, fallback=name)


def _overlaid(here: Here, name: str, kind: str, job: Mapping[str, Any], over: Mapping[str, Any]) -> Component | None:
    """Return the component that a job names, with what the job sets over it."""
    found = component_source(here.at("component"), job["component"], kind)
    if found is None:
        return None
    place, body = found
    place = replace(place, overlay={key: here.at(key) for key in over})
    merged = {**body, **over}
    if isinstance(over.get("environment_variables"), dict) and isinstance(body.get("environment_variables"), dict):
        merged["environment_variables"] = {**body["environment_variables"], **over["environment_variables"]}
    return parse_component(place, merged, fallback=name)


def sweep(here: Here, name: str, job: Mapping[str, Any], ports: Ports) -> Component | None:
    """Return a sweep; a trial in place has the inputs and outputs of the job around it."""
    trial = job.get("trial")
    found = component_source(here.at("trial"), trial, "command") if trial is not None else None
    if found is None:
        return None
    place, body = found
    made = parse_component(place, body, fallback=name, ports=ports if place.source is here.source else None)
    return sweep_of(here, job, made) if made else None


def job_ports(here: Here, job: Mapping[str, Any], scope: Scope) -> Ports:
    """Return the inputs and outputs of a job in place: they are declared by what they are bound to."""
    inputs = {
        str(name): _job_input(here.at("inputs", name), str(name), item, scope)
        for name, item in here.at("inputs").mapping(job.get("inputs")).items()
    }
    outputs = {
        str(name): _job_output(here.at("outputs", name), str(name), item, scope)
        for name, item in here.at("outputs").mapping(job.get("outputs")).items()
    }
    return Ports({name: one for name, one in inputs.items() if one}, outputs)


def _job_input(here: Here, name: str, value: Any, scope: Scope) -> Input | None:
    """Return the declaration of an input that is bound to `value`; where that is another step's output, its type is found out later."""
    body = value if isinstance(value, dict) else {}
    parts = expressions.whole(body.get("path", body.get("value")) if body else value)
    if parts is None:
        return given_input(here, name, filled(here, value, scope))
    outer = scope.inputs.get(".".join(parts[2:])) if parts[:2] == ("parent", "inputs") else None
    kind = str(body.get("type") or (outer.type if outer else "uri_folder"))
    return Input(name, kind, optional=outer.optional if outer else False)


def _job_output(here: Here, name: str, value: Any, scope: Scope) -> Output:
    parts = expressions.whole(value.get("path") if isinstance(value, dict) else value)
    outer = scope.outputs.get(".".join(parts[2:])) if parts else None
    made = given_output(here, name, filled(here, value, scope))
    says_type = isinstance(value, dict) and "type" in value
    return replace(made, type=outer.type) if outer and not says_type else made


def _kind_of_component(here: Here, job: Mapping[str, Any]) -> str:
    """Return the type of a job that names none: its component's."""
    quiet = replace(here, reading=Reading(assets=here.reading.assets))
    found = component_source(quiet.at("component"), job["component"], None) if job.get("component") is not None else None
    return keys.plain(found[1].get("type", "command"), NODES) if found else "command"


def check_types(step: Step, steps: Mapping[str, Step], here: Here) -> None:
    """Note an input that takes a number or a boolean, and is bound to a file or folder."""
    for name, bound in step.inputs.items():
        if not isinstance(bound, FromStep) or bound.step not in steps:
            continue
        made = steps[bound.step].component.outputs.get(bound.output)
        kind = step.component.inputs[name].type
        if made and made.type in ASSET_TYPES and kind in LITERAL_TYPES - {"string"}:
            message = f"input {name!r} takes a value of type {kind}, and {bound.step} writes {bound.output!r} as a {made.type}"
            here.at(*step.place.keys, "inputs", name).note(message, "Bind it to an output of that type, or declare it as a file.")

"""The jobs of a pipeline as one flat graph of steps, bound to each other.

A pipeline component is laid out in place: its steps are named `outer.inner`, what they read of its inputs is what the job around them binds,
and what others read of its outputs is what its steps write. So whoever runs a pipeline never meets a nested one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops.spec import expressions, keys
from mlops.spec.bindings import Scope, bind, filled
from mlops.spec.component import component_source, named_component, parse_component, sweep_of
from mlops.spec.ports import GIVEN_INPUT, Ports, check_mode, declared_ports, given_input, given_output
from mlops.spec.reading import Reading
from mlops.spec.schemas import NODES, OTHER_TYPES, OVER
from mlops.spec.source import did_you_mean, nearest
from mlops.spec.values import ASSET_TYPES, LITERAL_TYPES, Binding, Component, FromStep, Input, Literal, Output, Place, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.spec.reading import Here

_NAME = re.compile(r"[a-z_][a-z\d_]*")


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

    def add(self, here: Here, jobs: Mapping[str, Any], scope: Scope) -> dict[str, FromStep]:
        """Add the jobs of one pipeline, and return which of its outputs they write."""
        written: dict[str, FromStep] = {}
        for name, job in jobs.items():
            place = here.at(name)
            if not isinstance(job, dict):
                place.note(f"job {name!r} is a mapping of keys")
                continue
            if not _NAME.fullmatch(str(name)):
                place.note(f"{name!r} cannot name a step", "Lower-case letters, digits and _ only, as on Azure ML.", at_key=True)
            body = {key: item if key in _OWN else filled(place.at(key), item, scope) for key, item in job.items()}
            if isinstance(body.get("inputs"), dict):
                body["inputs"] = {key: _as_beside(place.at("inputs", key), item, jobs) for key, item in body["inputs"].items()}
            written |= self._add_job(place, str(name), body, scope)
        return written

    def _add_job(self, here: Here, name: str, job: Mapping[str, Any], scope: Scope) -> dict[str, FromStep]:
        """Add one job, and return which outputs of the pipeline around it it writes."""
        full = scope.prefix + name
        self._jobs[full] = {}
        kind = keys.plain(job["type"], NODES) if "type" in job else _kind_of_component(here, job)
        if kind not in NODES:
            hint = OTHER_TYPES.get(kind, did_you_mean(kind, NODES, label="types"))
            here.at("type").note(f"a step of type {job.get('type')!r} is not run on this machine", hint)
            return {}
        here.judge(job, NODES[kind], f"job {name!r}")
        if kind == "pipeline":
            return self._add_pipeline(here, name, job, scope)
        component = _component(here, name, kind, job, scope)
        if component is None:
            return {}
        inputs = self._bindings(here, job, component, scope)
        outputs, written = _outputs(here.at("outputs"), job.get("outputs"), component, scope)
        self._jobs[full] = outputs
        own = component if outputs is component.outputs else replace(component, outputs=outputs)
        self.steps[full] = Step(full, own, inputs, Place(here.source, here.keys))
        if "component" not in job:
            self._inferred += [(full, key) for key, bound in inputs.items() if isinstance(bound, FromStep)]
        return {output: FromStep(full, name) for output, name in written.items()}

    def _add_pipeline(self, here: Here, name: str, job: Mapping[str, Any], scope: Scope) -> dict[str, FromStep]:
        """Lay the steps of a pipeline component out, and return the outputs of the pipeline around it that they write."""
        found = component_source(here.at("component"), job.get("component"), "pipeline")
        if found is None:
            return {}
        place, body = found
        if place.source.path in scope.within:
            here.at("component").note("a pipeline that holds itself has no end", "Leave this step out.")
            return {}
        full, owner = scope.prefix + name, _Ports(str(body.get("name", name)), *declared_ports(place, body))
        given = self._bindings(here, job, owner, scope)
        own, written = _outputs(here.at("outputs"), job.get("outputs"), owner, scope)
        made = self.add(
            place.at("jobs"), place.at("jobs").mapping(body.get("jobs")), scope.inner(full, owner.inputs, own, given, place.source.path)
        )
        self._jobs[full] = owner.outputs
        self._aliases |= {FromStep(full, output): bound for output, bound in made.items()}
        return {output: FromStep(full, key) for output, key in written.items()}

    def _bindings(self, here: Here, job: Mapping[str, Any], owner: Component | _Ports, scope: Scope) -> dict[str, Binding]:
        """Return what a job binds each input of its component to."""
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
            elif name not in given and declared.required and not unknown:  # most often the unknown one is this one misspelt
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

    def finish(self, outputs: Mapping[str, FromStep]) -> None:
        """Check what names other steps, and bind every step to the steps that really write what it reads."""
        for place, bound in self._references:
            self._check(place, bound)
        self.outputs = {name: self._written(bound) for name, bound in outputs.items()}
        for name, step in self.steps.items() if self._aliases else ():
            inputs = {key: self._written(bound) if isinstance(bound, FromStep) else bound for key, bound in step.inputs.items()}
            self.steps[name] = replace(step, inputs=inputs)
        for name, key in self._inferred:
            self._infer(name, key)

    def _check(self, place: Here, bound: FromStep) -> None:
        outputs = self._jobs.get(bound.step)
        if outputs is not None and bound.output in outputs:
            return
        scope, _, name = bound.step.rpartition(".")
        if outputs is None:
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
    place = place._replace(overlay={key: here.at(key) for key in over})
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
    quiet = here._replace(reading=Reading(assets=here.reading.assets))
    found = component_source(quiet.at("component"), job["component"], None) if job.get("component") is not None else None
    return keys.plain(found[1].get("type", "command"), NODES) if found else "command"


def _outputs(here: Here, given: Any, owner: Component | _Ports, scope: Scope) -> tuple[Mapping[str, Output], dict[str, str]]:
    """Return a component's outputs with what a job says of each, and the pipeline's outputs that they are bound to."""
    if given is None:
        return owner.outputs, {}
    outputs, written = dict(owner.outputs), {}
    for name, value in here.mapping(given).items():
        if str(name) not in outputs:
            hint = did_you_mean(str(name), outputs, label=f"{owner.name} writes")
            here.at(name).note(f"{owner.name} has no output called {str(name)!r}", hint, at_key=True)
            continue
        if isinstance(value, dict):
            outputs[str(name)] = _over(outputs[str(name)], given_output(here.at(name), str(name), filled(here.at(name), value, scope)))
        parts = expressions.whole(value.get("path") if isinstance(value, dict) else value)
        if parts is None and isinstance(value, str):
            here.at(name).note(f"{value!r} is no binding of an output", "Write ${{parent.outputs.NAME}}, or a mapping with a path.")
        elif parts is not None and (parts[:2] != ("parent", "outputs") or ".".join(parts[2:]) not in scope.outputs):
            hint = did_you_mean(parts[-1], scope.outputs, label="the pipeline's outputs")
            here.at(name).note(f"unknown output binding {value!r}", hint)
        elif parts is not None:
            outer = scope.outputs[".".join(parts[2:])]
            outputs[str(name)] = _over(outer, outputs[str(name)], own=True)
            written[outer.name] = str(name)
    return outputs, written


def _over(under: Output, over: Output, *, own: bool = False) -> Output:
    """Return the output `under` with what `over` says of it; its name and type are those of the component's own."""
    port = over if own else under
    return Output(
        name=port.name,
        type=port.type,
        description=port.description,
        mode=over.mode or under.mode,
        path=over.path or under.path,
        asset_name=over.asset_name or under.asset_name,
        asset_version=over.asset_version or under.asset_version,
    )


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

"""Control flow: jobs of a pipeline that decide about other jobs of it (`if_else`, `do_while`, `parallel_for`).

azure-ai-ml has no page about them: what it takes in YAML stands in its `_schema/pipeline/control_flow_job.py` and `condition_node.py`, what it
checks in `entities/_builders/`, behind the switch of its private preview. Each becomes a step that runs no command: see `Branch`, `Loop`, `Each`.
"""

from __future__ import annotations

import json
import re

from mlops.records import dataclass, replace
from mlops.spec import expressions, keys
from mlops.spec.bindings import bind, outputs_of
from mlops.spec.keys import Key
from mlops.spec.ports import GIVEN_INPUT, Ports
from mlops.spec.references import is_reference
from mlops.spec.source import did_you_mean
from mlops.spec.values import (
    ASSET_TYPES,
    LITERAL_TYPES,
    Binding,
    Branch,
    Component,
    Each,
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

    from mlops.spec.bindings import Scope
    from mlops.spec.graph import Graph, Laid
    from mlops.spec.reading import Here

MOST_ITERATIONS = 1000  # as azure-ai-ml's DO_WHILE_MAX_ITERATION
_LABEL = re.compile(r"\w+")
_SAYS = frozenset({"boolean", "string"})
"""Types of outputs that can say true or false."""


def iterations(value: Any) -> str | None:
    """A number of iterations."""
    return keys.whole(value) or (None if 1 <= int(value) <= MOST_ITERATIONS else f"{value!r} is not from 1 to {MOST_ITERATIONS}")


_LIMITS = {"max_iteration_count": Key(iterations, required=True)}
FLOWS: Mapping[str, Mapping[str, Key]] = {
    "if_else": {"type": Key(keys.text), "condition": Key(required=True), "true_block": Key(), "false_block": Key()},
    "do_while": {
        "type": Key(keys.text),
        "body": Key(keys.text, required=True),
        "condition": Key(),
        "mapping": Key(keys.mapping, required=True),
        "limits": Key(keys.mapping, inner=_LIMITS, required=True),
    },
    "parallel_for": {
        "type": Key(keys.text),
        "body": Key(keys.text, required=True),
        "items": Key(required=True),
        "max_concurrency": Key(keys.counted),
        "outputs": Key(keys.mapping),
    },
}
"""Control flow by its type."""


@dataclass(frozen=True)
class Control:
    """One control job while it is read: its place and that of all jobs, its name, what it says, and what it can be bound to."""

    here: Here
    around: Here
    name: str
    job: Mapping[str, Any]
    scope: Scope

    @property
    def full(self) -> str:
        return self.scope.prefix + self.name

    def step(self, ports: Ports, inputs: Mapping[str, Binding], flow: Branch | Loop | Each) -> Step:
        """Return the step that this job is."""
        component = Component(
            name=self.name,
            version="1",
            display_name=self.name,
            command="",
            inputs=ports.inputs,
            outputs=ports.outputs,
            code=None,
            environment=None,
            environment_variables={},
            is_deterministic=True,
            timeout=None,
            place=Place(self.here.source, self.here.keys),
            kind=str(self.job["type"]),
        )
        return Step(self.full, component, inputs, component.place, flow=flow)


def is_control(job: object) -> bool:
    """Return whether a job decides about others."""
    return isinstance(job, dict) and job.get("type") in FLOWS


def bodies(jobs: Mapping[str, Any]) -> dict[str, str]:
    """Return the jobs that a loop repeats, each with the first loop that does: they are run by it, and not for themselves."""
    found: dict[str, str] = {}
    for name, job in jobs.items():
        body = _job_of(job.get("body")) if is_control(job) else None
        if body is not None and body in jobs:
            found.setdefault(body, str(name))
    return found


def _job_of(text: object) -> str | None:
    """Return the job that `${{parent.jobs.NAME}}` names."""
    parts = expressions.whole(text)
    return parts[2] if parts and parts[:2] == ("parent", "jobs") and len(parts) == 3 else None


def add_control(graph: Graph, control: Control, jobs: Mapping[str, Any]) -> dict[str, FromStep]:
    """Add a control job and what it repeats, and return the outputs of the pipeline around it that it writes."""
    here, job = control.here, control.job
    here.judge(job, FLOWS[job["type"]], f"job {control.name!r}")
    graph.know(control.full, {})
    if job["type"] == "if_else":
        _add_branch(graph, control)
        return {}
    body = _body_of(control, jobs)
    laid = graph.add_body(control.around.at(body), body, jobs[body], control, _varying(control)) if body else None
    if laid is None:
        return {}
    return _add_loop(graph, control, laid) if job["type"] == "do_while" else _add_each(graph, control, laid)


def _body_of(control: Control, jobs: Mapping[str, Any]) -> str | None:
    """Return the name of the job that a loop repeats; None, and a note, where it cannot be repeated."""
    here, text = control.here.at("body"), control.job.get("body")
    name = _job_of(text)
    if text is None:
        return None
    if name is None:
        here.note(f"{text!r} names no job", "Write ${{parent.jobs.NAME}}")
    elif name not in jobs:
        here.note(f"there is no job called {name!r}", did_you_mean(name, jobs, label="jobs"))
    elif (owner := bodies(jobs).get(name)) != control.name:
        here.note(f"{name!r} is the body of {owner} already", "A job has one loop: write it twice.")
    elif isinstance(jobs[name], dict) and jobs[name].get("type", "command") not in {"command", "pipeline"}:
        here.note(
            f"{name!r} is of type {jobs[name]['type']}, and a loop repeats a command or a pipeline",
            "Put the job into a pipeline component.",
        )
    else:
        return name
    return None


def _varying(control: Control) -> frozenset[str] | None:
    """Return the inputs of the body that differ from iteration to iteration; None where that is not known before the run."""
    if control.job["type"] == "do_while":
        return frozenset(name for names in _mapping(control).values() for name in names)
    items = _listed(control.here, control.job.get("items"), quiet=True)
    return None if items is None else frozenset(str(name) for item in items.values() if isinstance(item, dict) for name in item)


# if_else


def _add_branch(graph: Graph, control: Control) -> None:
    here, job = control.here, control.job
    condition = _condition(graph, control)
    blocks = {truth: _block(control, key) for truth, key in ((True, "true_block"), (False, "false_block"))}
    both = set(blocks[True]) & set(blocks[False])
    if not blocks[True] and not blocks[False] and not any(job.get(key) for key in ("true_block", "false_block")):
        here.note("an if_else needs a `true_block` or a `false_block`", "For example: true_block: ${{parent.jobs.NAME}}", at_key=True)
    elif both:
        here.at("false_block").note(f"{min(both)!r} is in both blocks", "A job that always runs is in none.", at_key=True)
    if condition is not None:
        graph.steps[control.full] = control.step(Ports({}, {}), {}, Branch(condition))
        graph.branches[control.full] = here, blocks


def _condition(graph: Graph, control: Control) -> Binding | None:
    here, value = control.here.at("condition"), control.job.get("condition")
    if value is None:
        return None
    if isinstance(value, str) and "${{" in value and expressions.whole(value) is None:
        here.note(
            f"condition {value!r} is no single expression",
            "Let a step write true or false into an output of type boolean, and name that output.",
        )
        return None
    bound = bind(here, Input("condition", "boolean"), value, control.scope)
    if isinstance(bound, FromStep):
        graph.refer(here, bound)
        graph.must_say(here, bound, _SAYS)
    return bound


def _block(control: Control, key: str) -> tuple[str, ...]:
    """Return the jobs of one block, each of which must be named by a binding."""
    here, given = control.here.at(key), control.job.get(key)
    found = []
    for index, text in enumerate(given if isinstance(given, list) else [] if given is None else [given]):
        name = _job_of(text)
        place = here.at(index) if isinstance(given, list) else here
        if name is None:
            place.note(f"{text!r} names no job", "Write ${{parent.jobs.NAME}}, or a list of these.")
        else:
            found.append(name)
    return tuple(found)


def mark_blocks(graph: Graph, scope: Scope, jobs: Mapping[str, Any]) -> None:
    """Tell the steps of each block of this pipeline when they run."""
    repeated, taken = bodies(jobs), dict[str, str]()
    for full, (here, blocks) in graph.branches.items():
        if full.rpartition(".")[0] != scope.prefix.rstrip("."):
            continue
        for truth, names in blocks.items():
            for name in names:
                place, branch = here.at(f"{truth}_block".lower()), full.rpartition(".")[2]
                if name not in jobs:
                    place.note(f"there is no job called {name!r}", did_you_mean(name, jobs, label="jobs"))
                elif name in repeated:
                    place.note(f"{name!r} is run by {repeated[name]}", f"Name that: ${{{{parent.jobs.{repeated[name]}}}}}")
                elif taken.setdefault(name, branch) != branch:
                    place.note(f"{name!r} is in a block of {taken[name]} already", "Put one if_else into a block of the other.")
                else:
                    graph.mark(scope.prefix + name, full, truth=truth)


# do_while


def _mapping(control: Control) -> dict[str, tuple[str, ...]]:
    """Return the mapping of a do_while as names: output -> inputs. Both may also be written as bindings of the body."""
    given = control.job.get("mapping")
    body = _job_of(control.job.get("body")) or ""
    return {
        _port(str(output), body, "outputs"): tuple(
            _port(str(name), body, "inputs") for name in (names if isinstance(names, list) else [names])
        )
        for output, names in (given.items() if isinstance(given, dict) else ())
    }


def _port(text: str, body: str, side: str) -> str:
    parts = expressions.whole(text)
    return ".".join(parts[4:]) if parts and parts[:4] == ("parent", "jobs", body, side) else text


def _add_loop(graph: Graph, control: Control, laid: Laid) -> dict[str, FromStep]:
    here, job = control.here, control.job
    mapping = _checked_mapping(control, laid)
    condition = job.get("condition")
    if "condition" in job and not isinstance(condition, str):
        here.at("condition").note(
            f"condition {condition!r} names no output of {laid.name}",
            "Leave `condition` out: it then ends at max_iteration_count.",
            at_key=True,
        )
    elif isinstance(condition, str):
        condition = _port(condition, laid.name, "outputs")
        made = laid.ports.outputs.get(condition)
        if made is None:
            here.at("condition").note(
                f"{laid.name} has no output called {condition!r}", did_you_mean(condition, laid.ports.outputs, label="outputs")
            )
        elif made.type not in _SAYS:
            here.at("condition").note(*not_saying(laid.name, made))
    limit = here.at("limits").mapping(job.get("limits")).get("max_iteration_count")
    _check_written(here.at("limits", "max_iteration_count"), limit)
    loop = Loop(laid.body, mapping, condition, int(limit) if limit is not None and not iterations(limit) else 1)
    plain = {name: replace(made, path=None, asset_name=None, asset_version=None) for name, made in laid.ports.outputs.items()}
    graph.add_loop(control.step(replace(laid.ports, outputs=plain), laid.inputs, loop), laid)
    graph.instead(control.full, f"Its result is that of its body: ${{{{parent.jobs.{laid.name}.outputs.NAME}}}}")
    graph.alias(laid.body.name, control.full, laid.ports.outputs)
    return {output: FromStep(control.full, own) for output, own in laid.written.items()}


def _check_written(here: Here, value: Any) -> None:
    """Note a number that is bound to something."""
    if expressions.whole(value) is not None:
        here.note(f"`{here.keys[-1]}` is a number, and no binding, on Azure ML neither", "Write the number.")


def not_saying(step: str, made: Output) -> tuple[str, str]:
    """Return what is wrong with an output that cannot say true or false, and what to do."""
    return (
        f"{step} writes {made.name!r} with the type {made.type}, which is never true",
        f"Declare it in the component: {made.name}: {{type: boolean, is_control: true}}, and write true or false into it.",
    )


def _checked_mapping(control: Control, laid: Laid) -> dict[str, str]:
    """Return input -> output, with a note of what cannot be joined."""
    here, found = control.here.at("mapping"), dict[str, str]()
    given = control.job.get("mapping")
    if isinstance(given, dict) and not given:
        here.note(
            "the mapping is empty",
            "Name an output of the body, and the input that takes it in the next iteration: {model: model}",
            at_key=True,
        )
    for (output, names), key in zip(_mapping(control).items(), given if isinstance(given, dict) else (), strict=True):
        place, made = here.at(key), laid.ports.outputs.get(output)
        if made is None:
            place.note(
                f"{laid.name} has no output called {output!r}", did_you_mean(output, laid.ports.outputs, label="outputs"), at_key=True
            )
        for name in names:
            takes = laid.ports.inputs.get(name)
            if takes is None:
                place.note(f"{laid.name} has no input called {name!r}", did_you_mean(name, laid.ports.inputs, label="inputs"))
            elif name in found:
                place.note(f"input {name!r} takes {found[name]!r} already", "One output for each input.")
            elif made is not None and takes.type in LITERAL_TYPES and made.type in ASSET_TYPES:
                place.note(
                    f"input {name!r} takes a value of type {takes.type}, and {output!r} is a {made.type}",
                    "Join it to an output of that type.",
                )
            elif made is not None:
                found[name] = output
    return found


# parallel_for


def _add_each(graph: Graph, control: Control, laid: Laid) -> dict[str, FromStep]:
    here, job = control.here, control.job
    for output in laid.written.values():
        control.around.at(laid.name, "outputs", output).note(
            f"every iteration of {control.name} would write it", f"Bind the output of {control.name} instead: it holds those of all."
        )
    gathered = {
        name: Output(name, "string" if made.type in LITERAL_TYPES else "mltable", made.description)
        for name, made in laid.ports.outputs.items()
    }
    ports = replace(laid.ports, outputs=gathered)
    outputs, written = outputs_of(here.at("outputs"), job.get("outputs"), control.name, gathered, control.scope)
    most = job.get("max_concurrency")
    _check_written(here.at("max_concurrency"), most)
    flow = Each(laid.body, _items(graph, control, laid), None if most is None or keys.counted(most) else int(most))
    graph.add_loop(control.step(replace(ports, outputs=outputs), laid.inputs, flow), laid)
    graph.know(control.full, outputs)
    graph.instead(laid.body.name, f"It runs once for each item; what all wrote is ${{{{parent.jobs.{control.name}.outputs.NAME}}}}")
    return {output: FromStep(control.full, own) for output, own in written.items()}


def _listed(here: Here, value: Any, *, quiet: bool = False) -> dict[str, Any] | None:
    """Return the items that are written in the file, by their labels; None where they are only known in the run, or wrong."""
    if isinstance(value, str):
        if expressions.whole(value) is not None:
            return None
        try:
            value = json.loads(value)
        except ValueError as error:
            if not quiet:
                here.note(f"`items` is neither JSON nor a binding: {error}", 'For example: items: \'[{"n": 1}, {"n": 2}]\'')
            return None
    try:
        return labelled(value)
    except ValueError as error:
        if not quiet and value is not None:
            here.note(str(error), "Each item names inputs of the body: [{n: 1}, {n: 2}]")
        return None


def labelled(items: Any) -> dict[str, Any]:
    """Return the items of a parallel_for by what their iterations are called: their keys, or their numbers from 1.

    Raises:
        ValueError: They are not such items.
    """
    values = list(items.values()) if isinstance(items, dict) else items
    if not isinstance(values, list) or not values:
        raise ValueError("`items` is a list or mapping of items, and not empty")
    for item in values:
        if not isinstance(item, dict):
            raise ValueError(f"item {item!r} is not a mapping of the body's inputs")  # noqa: TRY004 - one kind of mistake of many
        if item.keys() != values[0].keys():
            raise ValueError(f"the items name different inputs: {', '.join(map(str, values[0]))} and {', '.join(map(str, item))}")
    named = isinstance(items, dict) and all(_LABEL.fullmatch(str(name)) for name in items)
    return dict(zip(map(str, items) if named else map(str, range(1, len(values) + 1)), values, strict=True))


def _items(graph: Graph, control: Control, laid: Laid) -> tuple[Item, ...] | Binding:
    here, value = control.here.at("items"), control.job.get("items")
    if isinstance(value, str) and expressions.whole(value) is not None:
        bound = bind(here, Input("items", "string"), value, control.scope)
        if isinstance(bound, FromStep):
            graph.refer(here, bound)
            graph.must_say(here, bound, frozenset({"string"}))
        return bound or ()
    items = _listed(here, value) or {}
    places = (
        [here.at(at) for at in value]
        if isinstance(value, dict)
        else [here.at(at) if isinstance(value, list) else here for at in range(len(items))]
    )
    return tuple(Item(label, _given(graph, place, control, laid, item)) for (label, item), place in zip(items.items(), places, strict=True))


def _given(graph: Graph, here: Here, control: Control, laid: Laid, item: Mapping[str, Any]) -> dict[str, Binding]:
    """Return what one item binds inputs of the body to."""
    found = {}
    for name, value in item.items():
        place = here.at(name) if isinstance(control.job.get("items"), list | dict) else here
        path = value.get("path") if isinstance(value, dict) else None
        declared = laid.ports.inputs.get(str(name))
        if declared is None:
            place.note(
                f"{laid.name} has no input called {name!r}",
                did_you_mean(str(name), laid.ports.inputs, label="inputs"),
                at_key=place is not here,
            )
            continue
        if isinstance(value, dict):
            place.judge(value, GIVEN_INPUT, f"input {str(name)!r}")
        if (path is not None and not is_reference(str(path))) or (
            declared.type in ASSET_TYPES and isinstance(value, str) and "${{" not in value
        ):
            place.note(
                f"an item names no local file, on Azure ML neither: {path or value!r}",
                "Add it as a data asset, and write path: azureml:NAME@latest",
            )
            continue
        bound = bind(place, declared, value, control.scope)
        if isinstance(bound, FromStep):
            graph.refer(place, bound)
        if bound is not None:
            found[str(name)] = bound
    return found


def values_of(text: str, inputs: Mapping[str, Input]) -> dict[str, dict[str, Literal]]:
    """Return the items that a step wrote as JSON: label -> input -> value.

    Raises:
        ValueError: They are no items of a body with these inputs.
    """
    items = json.loads(text)
    found = {}
    for label, item in (labelled(items) if items else {}).items():
        for name, value in item.items():
            declared = inputs.get(str(name))
            if declared is None:
                raise ValueError(f"the body has no input called {name!r}: {did_you_mean(str(name), inputs, label='inputs')}")
            wrong = (
                f"{value!r} is no plain value"
                if declared.type in ASSET_TYPES or isinstance(value, dict | list)
                else declared.complaint(value)
            )
            if wrong:
                raise ValueError(f"item {label}, input {name!r}: {wrong}")
        found[label] = {str(name): Literal(value) for name, value in item.items()}
    return found

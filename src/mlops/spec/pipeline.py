"""Azure ML jobs, from YAML to one frozen `Pipeline` (schemas: `pipelineJob`, `commandJob`, `sweepJob`, `sparkJob`).

Every mistake of the file and of the components that it names is found here and told at once, before any work starts.
"""

from __future__ import annotations

import graphlib
import re
from pathlib import Path

from mlops.errors import Problem, SpecError
from mlops.records import replace
from mlops.spec import automl, keys
from mlops.spec.bindings import Scope, value_of
from mlops.spec.component import component_file, component_source, parse_component
from mlops.spec.graph import Graph, job_ports, sweep
from mlops.spec.iteration import first
from mlops.spec.ports import declared_ports, given_inputs, given_output
from mlops.spec.reading import Here, Reading
from mlops.spec.recognition import stranger
from mlops.spec.references import Assets, is_reference
from mlops.spec.schemas import COMPONENTS, JOBS, OTHER_TYPES, SETTINGS
from mlops.spec.source import Source, did_you_mean, no_collection, read
from mlops.spec.values import ASSET_TYPES, Binding, Each, FromPipeline, FromStep, Input, Literal, Loop, Pipeline, Place, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_COMPONENT_NAME = re.compile(r"[a-z][a-z\d_]*")


def load_pipeline(
    path: Path, settings: Mapping[str, str] | None = None, *, complete: bool = True, assets: Assets | None = None
) -> Pipeline:
    """Read, check and bind a pipeline job, or a single command, sweep or spark job as a pipeline of one step.

    Args:
        path: The YAML file.
        settings: Inputs of the pipeline given on the command line, as text.
        complete: Whether every input that a step needs must have a value by now; a file may leave one to whoever runs it.
        assets: Who knows what references such as `azureml:name:1` are on this machine; without one they are mistakes.

    Raises:
        SpecError: With every mistake at its file and line.
    """
    with no_collection():
        return _load(read(path), settings or {}, assets, complete=complete)


def _load(source: Source, settings: Mapping[str, str], assets: Assets | None, *, complete: bool) -> Pipeline:
    if not isinstance(source.value, dict):
        raise source.fail((), "a pipeline file is a mapping of keys", "See src/pipelines/train.yml for one that works.")
    if error := stranger(source, source.value):
        raise error
    here = Here(source, (), Reading(assets=assets))
    kind = _kind(source.value)
    if kind not in JOBS:
        hint = OTHER_TYPES.get(kind) or did_you_mean(kind, JOBS, label="types of jobs")
        raise source.fail(("type",), f"a job of type {source.value.get('type')!r} is not run on this machine", hint)
    if kind == "automl" and automl.refused_task(here, source.value):
        raise SpecError(here.reading.problems)
    here.judge(source.value, JOBS[kind], f"a {kind} job")
    read_as = _pipeline if kind == "pipeline" else _single
    made = read_as(here, source.value, settings, complete=complete)
    if made:
        _check_required(made, made.steps, here, complete=complete)
        _check_cycle(made.steps, here)
    if here.reading.problems or made is None:
        raise SpecError(list(dict.fromkeys(here.reading.problems)))
    return replace(made, without_effect=tuple(dict.fromkeys(here.reading.without_effect)))


def check_component(path: Path, assets: Assets | None = None) -> None:
    """Read a component file by itself, whatever its type.

    Raises:
        SpecError: With every mistake at its file and line.
    """
    reading = Reading(assets=assets)
    found = component_file(path, reading)
    if found is not None:
        here, body = found
        kind = keys.plain(body.get("type", "command"), COMPONENTS)
        name = body.get("name")
        if not isinstance(name, str) or not _COMPONENT_NAME.fullmatch(name):
            here.at("name").note(f"{name!r} cannot name a component", "Lower-case letters, digits and _, a letter first, as on Azure ML.")
        right = component_source(here, body, kind)
        if right and kind == "pipeline":
            ports = declared_ports(here, body)
            scope = Scope(ports.inputs, ports.outputs, complete=False)
            _graph(here, body, scope)
        elif right:
            parse_component(here, body, fallback=path.stem)
    if reading.problems:
        raise SpecError(list(dict.fromkeys(reading.problems)))


def _kind(body: Mapping[str, Any]) -> str:
    default = "pipeline" if "jobs" in body else "sweep" if "trial" in body else "command"
    return keys.plain(body.get("type", default), JOBS)


def _pipeline(here: Here, body: Mapping[str, Any], settings: Mapping[str, str], *, complete: bool) -> Pipeline | None:
    given = here.at("inputs").mapping(body.get("inputs"))
    outputs = {
        str(name): given_output(here.at("outputs", name), str(name), item)
        for name, item in here.at("outputs").mapping(body.get("outputs")).items()
    }
    inputs: Mapping[str, Input] = given_inputs(here.at("inputs"), given)
    place, jobs = here, body
    if body.get("component") is not None:
        found = component_source(here.at("component"), body["component"], "pipeline")
        if found is None or body.get("jobs") is not None:
            here.at("jobs").note("a pipeline has either `jobs` or a `component`", "Keep one of the two.", at_key=True)
            return None
        place, jobs = found
        declared = declared_ports(place, jobs)
        inputs, outputs = declared.inputs, {**declared.outputs, **outputs}
        for name in (name for name in given if str(name) not in inputs):
            here.at("inputs", name).note(
                f"the pipeline has no input called {name!r}", did_you_mean(str(name), inputs, label="inputs"), at_key=True
            )
    defaults = {name: Literal(one.default) for name, one in inputs.items() if one.default is not None}
    values = {**defaults, **_given(here.at("inputs"), inputs, given), **_set(here, inputs, settings)}
    known = {name: bound.value for name, bound in values.items() if isinstance(bound, Literal)}
    options = here.at("settings").mapping(body.get("settings"))
    datastore = str(options.get("default_datastore") or "workspaceblobstore").rpartition(":")[2].rpartition("/")[2]
    graph = _graph(place, jobs, Scope(inputs, outputs, known, complete=complete, datastore=datastore))
    if graph is None:
        return None
    frame = replace(_frame(here, body), inputs=inputs, values=values, outputs=graph.outputs, steps=graph.steps)
    return _with_options(frame, here.at("settings"), options)


def _graph(here: Here, body: Mapping[str, Any], scope: Scope) -> Graph | None:
    jobs = body.get("jobs")
    if not isinstance(jobs, dict) or not jobs:
        here.at("jobs").note("a pipeline needs `jobs`", "Each job names a component and binds its inputs.")
        return None
    graph = Graph()
    written = graph.add(here.at("jobs"), jobs, scope)
    graph.finish(written, here.reading)
    if not here.reading.problems:
        for name in scope.outputs.keys() - written.keys():
            hint = f"In a job: outputs: {{...: ${{{{parent.outputs.{name}}}}}}}"
            here.at("outputs", name).note(f"no step writes the pipeline's output {name!r}", hint)
    return graph


def _single(here: Here, body: Mapping[str, Any], settings: Mapping[str, str], *, complete: bool) -> Pipeline | None:
    name, kind = here.source.path.stem, _kind(body)
    if kind == "automl":
        here, body = automl.as_inputs(here, body)
    ports = job_ports(here, body, Scope({}, complete=complete))
    read_as = {"sweep": sweep, "automl": automl.parse_automl}.get(kind)
    component = read_as(here, name, body, ports) if read_as else parse_component(here, body, fallback=name, ports=ports)
    if component is None:
        return None
    values = _given(here.at("inputs"), component.inputs, body.get("inputs") or {}) | _set(here, component.inputs, settings)
    step = Step(name, component, {key: FromPipeline(key) for key in component.inputs if key in values}, Place(here.source, ()))
    outputs = {key: FromStep(name, key) for key in component.outputs}
    return replace(_frame(here, body), inputs=component.inputs, values=values, outputs=outputs, steps={name: step})


def _frame(here: Here, body: Mapping[str, Any]) -> Pipeline:
    """Return what a file says of the job itself, its inputs and steps still empty."""
    path = here.source.path
    return Pipeline(
        path=path,
        display_name=str(body.get("display_name", path.stem)),
        experiment=str(body.get("experiment_name", path.stem)),
        description=str(body.get("description", "")),
        inputs={},
        values={},
        outputs={},
        steps={},
        continue_on_step_failure=True,
        force_rerun=False,
        tags={str(key): str(value) for key, value in here.at("tags").mapping(body.get("tags")).items()},
        without_effect=(),
    )


def _given(here: Here, inputs: Mapping[str, Input], given: Mapping[str, Any]) -> dict[str, Binding]:
    """Return what the file gives for each input, by its name; nothing where it only declares it."""
    found: dict[str, Binding] = {}
    for name, value in given.items():
        declared = inputs.get(str(name))
        bound = value_of(here.at(name), declared, value) if declared else None
        if bound:
            found[str(name)] = bound
        elif not isinstance(value, dict) or "path" in value:
            here.reading.wrong.add(str(name))
    return found


def _set(here: Here, inputs: Mapping[str, Input], settings: Mapping[str, str]) -> dict[str, Binding]:
    """Return the inputs given on the command line; relative paths there are relative to the working directory."""
    found = {}
    for name, text in settings.items():
        declared = inputs.get(name)
        if declared is None:
            hint = did_you_mean(name, inputs, label="inputs")
            here.reading.problems.append(Problem("--set", 1, 1, f"the pipeline has no input called {name!r}", hint))
            continue
        given = str(Path(text).absolute()) if declared.type in ASSET_TYPES and not is_reference(text) else text
        own = Reading(assets=here.reading.assets)
        bound = value_of(replace(here, reading=own), declared, given)
        here.reading.problems += [Problem("--set", 1, 1, problem.message, problem.hint) for problem in own.problems]
        if bound:
            found[name] = bound
        else:
            here.reading.wrong.add(name)
    return found


def _with_options(pipeline: Pipeline, here: Here, options: Mapping[str, Any]) -> Pipeline:
    """Return the pipeline with its `settings`; what is not given is as on Azure ML."""
    for name in [name for name in options if name not in SETTINGS]:  # the service takes them too, and says nothing
        here.without_effect(f"{name} (no setting that Azure ML knows; {did_you_mean(name, SETTINGS)})")
    here.judge({name: item for name, item in options.items() if name in SETTINGS}, SETTINGS, "settings")

    def is_on(name: str, default: str) -> bool:
        return str(options.get(name, default)).lower() == "true"

    first, last = (_end(pipeline, here.at(name), options.get(name)) for name in ("on_init", "on_finalize"))
    if first and first == last:
        here.at("on_finalize").note("`on_init` and `on_finalize` are the same step", "Name two steps.")
    after = (first,) if first else ()
    return replace(
        pipeline,
        steps={name: replace(step, after=after) if after and name not in {first, last} else step for name, step in pipeline.steps.items()},
        continue_on_step_failure=is_on("continue_on_step_failure", "true"),
        force_rerun=is_on("force_rerun", "false"),
        continue_on_failed_optional_input=is_on("continue_on_failed_optional_input", "true")
        and is_on("continue_run_on_failed_optional_input", "true"),
        on_finalize=last,
    )


def _end(pipeline: Pipeline, here: Here, job: Any) -> str | None:
    """Return the step that runs before or after all others, where a setting names one."""
    if job is None:
        return None
    step = pipeline.steps.get(str(job))
    if step is None:
        here.note(f"there is no step called {job!r}", did_you_mean(str(job), pipeline.steps, label="steps"))
        return None
    if step.flow is not None:
        here.note(f"{job!r} is control flow, so it cannot be `{here.keys[-1]}`", "Name a step that runs something.")
    elif step.needs or any(step.name in other.needs for other in pipeline.steps.values()):
        here.note(
            f"{job!r} is bound to other steps, so it cannot be `{here.keys[-1]}`", "Such a step reads nothing of others, nor they of it."
        )
    return step.name


def _check_required(pipeline: Pipeline, steps: Mapping[str, Step], here: Here, *, complete: bool) -> None:
    """Each binding to the pipeline's inputs must have a value, unless the component's input may be left out; and it must fit the component."""
    for step in steps.values():
        own = Here(step.place.source, (*step.place.keys, "inputs"), here.reading)
        for name, bound in step.inputs.items():
            given = pipeline.values.get(bound.name) if isinstance(bound, FromPipeline) else bound
            declared = step.component.inputs[name]
            if (
                given is None
                and isinstance(bound, FromPipeline)
                and complete
                and not declared.optional
                and bound.name not in here.reading.wrong
            ):
                own.at(name).note(f"the pipeline's input {bound.name!r} has no value", f"Give one: --set inputs.{bound.name}=VALUE")
            elif isinstance(given, Literal):
                complaint = declared.complaint(given.value)
                if complaint:
                    own.at(name).note(f"input {name!r} of {step.component.name}: {complaint}")
        for iteration in first(step):
            _check_required(pipeline, iteration.steps, here, complete=complete)
            _check_given(iteration.steps, here)


def _check_given(steps: Mapping[str, Step], here: Here) -> None:
    """Every input that a step of an iteration needs must be given there."""
    for step in steps.values():
        for name, declared in step.component.inputs.items():
            if declared.required and name not in step.inputs:
                own = Here(step.place.source, step.place.keys, here.reading)
                own.note(
                    f"{step.component.name} needs the input {name!r} ({declared.type})",
                    f"No item of the loop gives it to {step.name}.",
                    at_key=True,
                )


def _check_cycle(steps: Mapping[str, Step], here: Here) -> None:
    try:
        graphlib.TopologicalSorter({step.name: [need for need in step.needs if need in steps] for step in steps.values()}).prepare()
    except graphlib.CycleError as error:
        around = " -> ".join(reversed(error.args[1]))
        first_one = steps.get(error.args[1][0])
        if first_one:
            place = Here(first_one.place.source, first_one.place.keys, here.reading)
            place.note(f"the steps wait for each other: {around}", "Cut one of these bindings.", at_key=True)
    for step in steps.values():
        if isinstance(step.flow, Loop | Each):
            _check_cycle(step.flow.body.steps, here)

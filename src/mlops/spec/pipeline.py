"""Azure ML pipeline jobs, from YAML to one frozen `Pipeline` (schemas: `pipelineJob`, `commandJob`).

Every mistake of the file and of the components that it names is found here and told at once, before any work starts.
"""

from __future__ import annotations

import graphlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import Problem, SpecError
from mlops.spec import component as components
from mlops.spec import expressions, keys
from mlops.spec.component import OTHER_TYPES, TABLES, load_component, parse_component, sweep_of
from mlops.spec.keys import Key
from mlops.spec.ports import parse_input, parse_outputs
from mlops.spec.reading import Here, Reading
from mlops.spec.references import Assets, is_reference
from mlops.spec.source import did_you_mean, read
from mlops.spec.values import ASSET_TYPES, Asset, Binding, Component, FromPipeline, FromStep, Input, Literal, Output, Pipeline, Place, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = {
    "continue_on_step_failure": Key(keys.truth),
    "force_rerun": Key(keys.truth),
    "default_compute": keys.without_effect(keys.text, "this machine is the compute"),
    "default_datastore": keys.without_effect(keys.text, "outputs are in the run's folder"),
}
JOB = {
    "$schema": Key(keys.text),
    "type": Key(keys.text),
    "name": Key(keys.text),
    "display_name": Key(keys.text),
    "description": Key(keys.text),
    "experiment_name": Key(keys.text),
    "tags": Key(keys.words),
    "inputs": Key(keys.mapping),
    "outputs": Key(keys.mapping),
}
PIPELINE = JOB | components.PLACE | {"jobs": Key(keys.mapping), "settings": Key(keys.mapping, inner=SETTINGS)}
SWEEP = (
    JOB
    | components.PLACE
    | {
        "trial": Key(required=True),
        "sampling_algorithm": Key(),
        "search_space": Key(keys.mapping, required=True),
        "objective": Key(keys.mapping, required=True),
        "early_termination": Key(keys.mapping),
        "limits": Key(keys.mapping, required=True),
        "resources": Key(keys.mapping, inner=components.RESOURCES),
    }
)


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
    source = read(path)
    if not isinstance(source.value, dict):
        raise source.fail((), "a pipeline file is a mapping of keys", "See src/pipelines/train.yml for one that works.")
    reading = Reading(assets=assets)
    here = Here(source, (), reading)
    kind = source.value.get("type", "pipeline" if "jobs" in source.value else "command")
    if kind not in {"pipeline", "command", "sweep", "spark"}:
        hint = OTHER_TYPES.get(str(kind), "known types: command, pipeline, spark, sweep")
        raise source.fail(("type",), f"a job of type {kind!r} is not run on this machine", hint)
    made = _pipeline(here, source.value) if kind == "pipeline" else _single(here, source.value)
    if made:
        made = _with_settings(made, settings or {}, here)
        _check_required(made, here, complete=complete)
        _check_cycle(made, here)
    if reading.problems or made is None:
        raise SpecError(list(dict.fromkeys(reading.problems)))
    return made


def _pipeline(here: Here, body: Mapping[str, Any]) -> Pipeline | None:
    here.judge(body, PIPELINE, "a pipeline job")
    inputs, values = _pipeline_inputs(here.at("inputs"), body.get("inputs"))
    declared = parse_outputs(here.at("outputs"), body.get("outputs"))
    jobs = body.get("jobs")
    if not isinstance(jobs, dict) or not jobs:
        here.at("jobs").note("a pipeline needs `jobs`", "Each job names a component and binds its inputs.")
        return None
    steps: dict[str, Step] = {}
    outputs: dict[str, FromStep] = {}
    for name, job in jobs.items():
        step = _step(here.at("jobs", name), str(name), job, inputs, declared)
        if step:
            steps[step.name] = step
            outputs |= _step_outputs(here.at("jobs", name, "outputs"), step, job.get("outputs"), declared)
    if len(steps) == len(jobs):
        for step in steps.values():
            _check_references(here.at("jobs", step.name, "inputs"), step, steps)
        for name in declared.keys() - outputs.keys():
            here.at("outputs", name).note(
                f"no step writes the pipeline's output {name!r}", f"In a job: outputs: {{...: ${{{{parent.outputs.{name}}}}}}}"
            )
    go_on, force = _settings(here.at("settings"), body.get("settings"))
    frame = replace(_frame(here, body), continue_on_step_failure=go_on, force_rerun=force)
    return replace(frame, inputs=inputs, values=values, outputs=outputs, steps=steps)


def _single(here: Here, body: Mapping[str, Any]) -> Pipeline | None:
    name = here.source.path.stem
    if body.get("type") == "sweep":
        component = _sweep(here, name, body, body)
    else:
        component = parse_component(here, {key: value for key, value in body.items() if key != "experiment_name"}, fallback=name)
    if component is None:
        return None
    values: dict[str, Binding] = {}
    for name, given in (body.get("inputs") or {}).items():
        if str(name) in component.inputs:
            values |= _given(here.at("inputs", name), component.inputs[str(name)], given)
    step = Step(here.source.path.stem, component, {name: FromPipeline(name) for name in values}, Place(here.source, ()))
    outputs = {name: FromStep(step.name, name) for name in component.outputs}
    return replace(_frame(here, body), inputs=component.inputs, values=values, outputs=outputs, steps={step.name: step})


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
        without_effect=tuple(dict.fromkeys(here.reading.without_effect)),
    )


def _pipeline_inputs(here: Here, value: Any) -> tuple[dict[str, Input], dict[str, Binding]]:
    inputs: dict[str, Input] = {}
    values: dict[str, Binding] = {}
    for name, given in here.mapping(value).items():
        body = {k: v for k, v in given.items() if k != "value"} if isinstance(given, dict) else given
        parsed = parse_input(here.at(name), str(name), body)
        if parsed:
            inputs[parsed.name] = parsed
            values |= _given(here.at(name), parsed, given)
    return inputs, values


def _given(here: Here, declared: Input, value: Any) -> dict[str, Binding]:
    """Return what the file gives for an input, by its name; nothing where it only declares it."""
    given: Any = value
    if isinstance(value, dict):
        given = value.get("path", value.get("value", value.get("default")))
        here = here.at("path") if "path" in value else here
    bound = _value(here, declared, given) if given is not None else None
    return {declared.name: bound} if bound else {}


def _value(here: Here, declared: Input, given: Any) -> Binding | None:
    """Return a literal or an asset for `given`, checked against the declaration."""
    if declared.type not in ASSET_TYPES:
        complaint = declared.complaint(given)
        if complaint:
            here.note(f"input {declared.name!r}: {complaint}")
            return None
        return Literal(given)
    path = str(given)
    if is_reference(path):
        kind = "model" if declared.type.endswith("_model") else "data"
        found = here.found(
            lambda assets: getattr(assets, kind)(path), path, "Give a local path, or add it to the asset store of this machine."
        )
        return Asset(found, declared.type) if found else None
    full = here.beside(path.removeprefix("file:"))
    if not full.exists():
        here.note(f"there is no {path!r}", f"Paths are relative to this file: it would be {full}")
        return None
    if declared.type == "uri_file" and full.is_dir():
        here.note(f"{path!r} is a folder, and {declared.name!r} is a uri_file", "Use type: uri_folder, or name the file.")
        return None
    return Asset(full, declared.type)


def _step(here: Here, name: str, job: Any, pipeline_inputs: Mapping[str, Input], pipeline_outputs: Mapping[str, Output]) -> Step | None:
    if not isinstance(job, dict):
        here.note(f"job {name!r} is a mapping of keys")
        return None
    if job.get("type") == "sweep":
        component = _sweep(here, name, job, _declaring(here, job, pipeline_outputs))
    elif "component" in job:
        component = _component_of(here, name, job)
    else:
        component = parse_component(here, _declaring(here, job, pipeline_outputs), fallback=name)
    if component is None:
        return None
    if not name.isidentifier():
        here.note(f"{name!r} cannot name a step", "Letters, digits and _ only, as on Azure ML.", at_key=True)
    variables = job.get("environment_variables")
    if "component" in job and isinstance(variables, dict):
        merged = {**component.environment_variables, **{str(k): str(v) for k, v in variables.items()}}
        component = replace(component, environment_variables=merged)
    return Step(name, component, _bindings(here, job, component, pipeline_inputs), Place(here.source, here.keys))


def _component_of(here: Here, name: str, job: Mapping[str, Any]) -> Component | None:
    kind = str(job.get("type", "command"))
    if kind not in TABLES:
        here.at("type").note(
            f"a step of type {kind!r} is not run on this machine", OTHER_TYPES.get(kind, f"known types: {', '.join(TABLES)}")
        )
        return None
    here.judge(job, TABLES[kind] | {"component": Key()}, f"job {name!r}")
    return _referred(here.at("component"), name, job["component"])


def _referred(here: Here, name: str, reference: Any) -> Component | None:
    """Return the component that a file names, or holds in place."""
    if isinstance(reference, dict):
        return parse_component(here, reference, fallback=name)
    text = str(reference)
    path = Path(here.source.path.parent, text.removeprefix("file:"))
    if is_reference(text):
        found = here.found(lambda assets: assets.component(text), text, "Name a component file: component: ./components/NAME.yml")
        if found is None:
            return None
        path = found
    if not path.is_file():
        here.note(
            f"there is no component file {text!r}",
            did_you_mean(path.name, [p.name for p in path.parent.glob("*.yml")], label="files there"),
        )
        return None
    try:
        return load_component(path, here.reading)
    except SpecError as error:
        here.reading.problems.extend(error.problems)
        return None


def _sweep(here: Here, name: str, job: Mapping[str, Any], declaring: Mapping[str, Any]) -> Component | None:
    """Return a sweep; an inline trial has the inputs and outputs of the job around it."""
    here.judge(job, SWEEP, f"sweep {name!r}")
    trial = job.get("trial")
    if isinstance(trial, dict):
        ports = {key: declaring[key] for key in ("inputs", "outputs") if key in declaring and key not in trial}
        place = replace(here.at("trial"), overlay={key: here.at(key) for key in ports})
        made = parse_component(place, {**trial, **ports}, fallback=name)
    else:
        made = _referred(here.at("trial"), name, trial) if trial is not None else None
    return sweep_of(here, job, made) if made else None


def _declaring(here: Here, job: Mapping[str, Any], pipeline_outputs: Mapping[str, Output]) -> dict[str, Any]:
    """Return an inline job whose inputs and outputs declare themselves by what they are bound to."""
    inputs = here.at("inputs").mapping(job.get("inputs"))
    body = {**job, "inputs": {key: {"type": "string"} if expressions.whole(value) else value for key, value in inputs.items()}}
    outputs = {}
    for key, value in here.at("outputs").mapping(job.get("outputs")).items():
        parts = expressions.whole(value)
        bound = pipeline_outputs.get(parts[-1]) if parts else None
        outputs[key] = {"type": bound.type} if bound else None if parts else value
    return {**body, "outputs": outputs}


def _bindings(here: Here, job: Mapping[str, Any], component: Component, pipeline_inputs: Mapping[str, Input]) -> dict[str, Binding]:
    given = here.at("inputs").mapping(job.get("inputs"))
    unknown = set(map(str, given)) - component.inputs.keys()
    result: dict[str, Binding] = {}
    for name, value in given.items():
        declared = component.inputs.get(str(name))
        if declared is None:
            hint = did_you_mean(str(name), component.inputs, label=f"{component.name} takes")
            here.at("inputs", name).note(f"{component.name} has no input called {str(name)!r}", hint, at_key=True)
            continue
        bound = _binding(here.at("inputs", name), declared, value, pipeline_inputs)
        if bound:
            result[str(name)] = bound
    for name, declared in component.inputs.items():
        if name not in given and declared.default is not None:
            result[name] = Literal(declared.default)
        elif name not in given and declared.required and not unknown:  # most often the unknown one is this one misspelt
            here.note(f"{component.name} needs the input {name!r} ({declared.type})", f"In this job: inputs: {{{name}: ...}}", at_key=True)
    return result


def _binding(here: Here, declared: Input, value: Any, pipeline_inputs: Mapping[str, Input]) -> Binding | None:
    text = value.get("path") if isinstance(value, dict) else value
    parts = expressions.whole(text)
    if parts is None:
        return _value(here, declared, text)
    if parts[:2] == ("parent", "inputs") and len(parts) == 3:
        if parts[2] not in pipeline_inputs:
            here.note(
                f"the pipeline has no input called {parts[2]!r}", did_you_mean(parts[2], pipeline_inputs, label="the pipeline's inputs")
            )
            return None
        return FromPipeline(parts[2])
    if parts[:2] == ("parent", "jobs") and len(parts) == 5 and parts[3] == "outputs":
        return FromStep(parts[2], parts[4])
    here.note(f"unknown binding {text!r}", "A step's input knows ${{parent.inputs.NAME}} and ${{parent.jobs.STEP.outputs.NAME}}.")
    return None


def _check_references(here: Here, step: Step, steps: Mapping[str, Step]) -> None:
    for name, bound in step.inputs.items():
        if not isinstance(bound, FromStep):
            continue
        if bound.step not in steps:
            here.at(name).note(f"there is no step called {bound.step!r}", did_you_mean(bound.step, steps, label="steps"))
        elif bound.output not in steps[bound.step].component.outputs:
            hint = did_you_mean(bound.output, steps[bound.step].component.outputs, label=f"outputs of {bound.step}")
            here.at(name).note(f"{bound.step} has no output called {bound.output!r}", hint)


def _step_outputs(here: Here, step: Step, given: Any, declared: Mapping[str, Output]) -> dict[str, FromStep]:
    """Return the pipeline's outputs that a step writes."""
    found = {}
    for name, value in given.items() if isinstance(given, dict) else ():
        if name not in step.component.outputs:
            hint = did_you_mean(str(name), step.component.outputs, label=f"{step.component.name} writes")
            here.at(name).note(f"{step.component.name} has no output called {str(name)!r}", hint, at_key=True)
            continue
        parts = expressions.whole(value.get("path") if isinstance(value, dict) else value)
        if parts is None:
            continue
        if parts[:2] != ("parent", "outputs") or len(parts) != 3 or parts[2] not in declared:
            here.at(name).note(f"unknown output binding {value!r}", did_you_mean(parts[-1], declared, label="the pipeline's outputs"))
            continue
        found[parts[2]] = FromStep(step.name, str(name))
    return found


def _settings(here: Here, value: Any) -> tuple[bool, bool]:
    """Return `continue_on_step_failure` (true unless said otherwise, as on Azure ML) and `force_rerun`."""
    body = here.mapping(value)
    return str(body.get("continue_on_step_failure", True)).lower() != "false", str(body.get("force_rerun", False)).lower() == "true"


def _with_settings(pipeline: Pipeline, settings: Mapping[str, str], here: Here) -> Pipeline:
    """Return the pipeline with inputs given on the command line; relative paths there are relative to the working directory."""
    values = dict(pipeline.values)
    for name, text in settings.items():
        declared = pipeline.inputs.get(name)
        if declared is None:
            hint = did_you_mean(name, pipeline.inputs, label="inputs")
            here.reading.problems.append(Problem("--set", 1, 1, f"the pipeline has no input called {name!r}", hint))
            continue
        given = str(Path(text).absolute()) if declared.type in ASSET_TYPES and not is_reference(text) else text
        own = Reading()
        bound = _value(replace(here, reading=own), declared, given)
        here.reading.problems += [Problem("--set", 1, 1, problem.message) for problem in own.problems]
        if bound:
            values[name] = bound
    return replace(pipeline, values=values)


def _check_required(pipeline: Pipeline, here: Here, *, complete: bool) -> None:
    """Each binding to the pipeline's inputs must have a value, unless the component's input may be left out; and it must fit the component."""
    for step in pipeline.steps.values():
        for name, bound in step.inputs.items():
            if not isinstance(bound, FromPipeline):
                continue
            place = replace(here, keys=(*step.place.keys, "inputs", name))
            given, declared = pipeline.values.get(bound.name), step.component.inputs[name]
            if given is None and complete and not declared.optional:
                place.note(f"the pipeline's input {bound.name!r} has no value", f"Give one: --set inputs.{bound.name}=VALUE")
            elif isinstance(given, Literal):
                complaint = declared.complaint(given.value)
                if complaint:
                    place.note(f"input {name!r} of {step.component.name}: {complaint}")


def _check_cycle(pipeline: Pipeline, here: Here) -> None:
    try:
        graphlib.TopologicalSorter({step.name: step.needs for step in pipeline.steps.values()}).prepare()
    except graphlib.CycleError as error:
        around = " -> ".join(reversed(error.args[1]))
        first = pipeline.steps.get(error.args[1][0])
        if first:
            replace(here, keys=first.place.keys).note(f"the steps wait for each other: {around}", "Cut one of these bindings.", at_key=True)

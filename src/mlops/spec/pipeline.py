"""Azure ML pipeline jobs, from YAML to one frozen `Pipeline` (schemas: `pipelineJob`, `commandJob`).

Every mistake of the file and of the components that it names is found here and told at once, before any work starts.
"""

from __future__ import annotations

import graphlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import Problem, SpecError
from mlops.spec import expressions
from mlops.spec.component import Reading, load_component, parse_component, parse_input, parse_outputs
from mlops.spec.source import Keys, Source, did_you_mean, read
from mlops.spec.values import ASSET_TYPES, Asset, Binding, Component, FromPipeline, FromStep, Input, Literal, Output, Pipeline, Place, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

PIPELINE_KEYS = frozenset(
    {"$schema", "type", "name", "display_name", "description", "experiment_name", "tags", "inputs", "outputs", "jobs", "settings"}
)
STEP_KEYS = frozenset({"type", "component", "inputs", "outputs", "display_name", "name", "description", "environment_variables", "limits"})
SETTING_KEYS = frozenset({"continue_on_step_failure", "force_rerun"})
SETTINGS_WITHOUT_EFFECT = frozenset({"default_compute", "default_datastore"})
REMOTE = ("azureml:", "http://", "https://", "abfss://", "wasbs://", "git+")


def load_pipeline(path: Path, settings: Mapping[str, str] | None = None) -> Pipeline:
    """Read, check and bind a pipeline job, or a single command job as a pipeline of one step.

    Args:
        path: The YAML file.
        settings: Inputs of the pipeline given on the command line, as text.

    Raises:
        SpecError: With every mistake at its file and line.
    """
    source = read(path)
    if not isinstance(source.value, dict):
        raise source.fail((), "a pipeline file is a mapping of keys", "See src/pipelines/train.yml for one that works.")
    reading = Reading()
    kind = source.value.get("type", "pipeline" if "jobs" in source.value else "command")
    if kind not in {"pipeline", "command"}:
        raise source.fail(("type",), f"a job of type {kind!r} is not run on this machine yet", "known types: pipeline, command")
    made = _pipeline(source, reading) if kind == "pipeline" else _single(source, reading)
    if made:
        made = _with_settings(made, settings or {}, source, reading)
        _check_required(made, source, reading)
        _check_cycle(made, reading)
    if reading.problems or made is None:
        raise SpecError(list(dict.fromkeys(reading.problems)))
    return made


def _pipeline(source: Source, reading: Reading) -> Pipeline | None:
    body = source.value
    reading.keys(source, (), body, PIPELINE_KEYS, "a pipeline job")
    inputs, values = _pipeline_inputs(source, body.get("inputs"), reading)
    declared = parse_outputs(source, ("outputs",), body.get("outputs"), reading)
    jobs = body.get("jobs")
    if not isinstance(jobs, dict) or not jobs:
        reading.note(source, ("jobs",), "a pipeline needs `jobs`", "Each job names a component and binds its inputs.")
        return None
    steps: dict[str, Step] = {}
    outputs: dict[str, FromStep] = {}
    for name, job in jobs.items():
        step = _step(source, ("jobs", name), str(name), job, inputs, reading)
        if step:
            steps[step.name] = step
            _step_outputs(source, step, job.get("outputs"), declared, outputs, reading)
    if len(steps) == len(jobs):
        for step in steps.values():
            _check_references(source, step, steps, reading)
        for name in declared.keys() - outputs.keys():
            reading.note(
                source,
                ("outputs", name),
                f"no step writes the pipeline's output {name!r}",
                f"In a job: outputs: {{...: ${{{{parent.outputs.{name}}}}}}}",
            )
    on_failure, force = _settings(source, body.get("settings"), reading)
    return _assemble(source, inputs, values, outputs, steps, reading, continue_on_step_failure=on_failure, force_rerun=force)


def _single(source: Source, reading: Reading) -> Pipeline | None:
    body = {key: value for key, value in source.value.items() if key != "experiment_name"}
    component = parse_component(source, (), body, reading, fallback=source.path.stem)
    if component is None:
        return None
    values: dict[str, Binding] = {}
    for name, declared in (source.value.get("inputs") or {}).items():
        _bind_value(source, ("inputs", name), str(name), declared, component.inputs.get(str(name)), values, reading)
    bindings: dict[str, Binding] = {name: FromPipeline(name) for name in values}
    step = Step(source.path.stem, component, bindings, Place(source, ()))
    outputs = {name: FromStep(step.name, name) for name in component.outputs}
    return _assemble(
        source, component.inputs, values, outputs, {step.name: step}, reading, continue_on_step_failure=True, force_rerun=False
    )


def _assemble(
    source: Source,
    inputs: Mapping[str, Input],
    values: Mapping[str, Binding],
    outputs: Mapping[str, FromStep],
    steps: Mapping[str, Step],
    reading: Reading,
    *,
    continue_on_step_failure: bool,
    force_rerun: bool,
) -> Pipeline:
    body = source.value
    tags = body.get("tags") if isinstance(body.get("tags"), dict) else {}
    return Pipeline(
        path=source.path,
        display_name=str(body.get("display_name", source.path.stem)),
        experiment=str(body.get("experiment_name", source.path.stem)),
        description=str(body.get("description", "")),
        inputs=inputs,
        values=values,
        outputs=outputs,
        steps=steps,
        continue_on_step_failure=continue_on_step_failure,
        force_rerun=force_rerun,
        tags={str(key): str(value) for key, value in tags.items()},
        without_effect=tuple(dict.fromkeys(reading.without_effect)),
    )


def _pipeline_inputs(source: Source, declared: Any, reading: Reading) -> tuple[dict[str, Input], dict[str, Binding]]:
    inputs: dict[str, Input] = {}
    values: dict[str, Binding] = {}
    if declared is not None and not isinstance(declared, dict):
        reading.note(source, ("inputs",), "`inputs` is a mapping of names")
        return inputs, values
    for name, value in (declared or {}).items():
        at: Keys = ("inputs", name)
        body = {k: v for k, v in value.items() if k != "value"} if isinstance(value, dict) else value
        parsed = parse_input(source, at, str(name), body, reading)
        if parsed:
            inputs[str(name)] = parsed
            _bind_value(source, at, str(name), value, parsed, values, reading)
    return inputs, values


def _bind_value(
    source: Source, at: Keys, name: str, value: Any, declared: Input | None, values: dict[str, Binding], reading: Reading
) -> None:
    """Put what the file gives for a pipeline's input into `values`; nothing where it only declares it."""
    if declared is None:
        return
    given: Any = value
    if isinstance(value, dict):
        given = value.get("path", value.get("value", value.get("default")))
    if given is None:
        return
    bound = _value(source, (*at, "path") if isinstance(value, dict) and "path" in value else at, name, given, declared, reading)
    if bound:
        values[name] = bound


def _value(source: Source, at: Keys, name: str, given: Any, declared: Input, reading: Reading) -> Binding | None:
    """Return a literal or an asset for `given`, checked against the declaration."""
    if declared.type not in ASSET_TYPES:
        complaint = declared.complaint(given)
        if complaint:
            reading.note(source, at, f"input {name!r}: {complaint}")
            return None
        return Literal(given)
    path = str(given)
    if path.startswith(REMOTE):
        reading.note(source, at, f"{path!r} is not on this machine", "Give a local path: registered and remote data are not read here yet.")
        return None
    full = Path(source.path.parent, path.removeprefix("file:")).resolve()
    if not full.exists():
        reading.note(source, at, f"there is no {path!r}", f"Paths are relative to this file: it would be {full}")
        return None
    if declared.type == "uri_file" and full.is_dir():
        reading.note(source, at, f"{path!r} is a folder, and {name!r} is a uri_file", "Use type: uri_folder, or name the file.")
        return None
    return Asset(full, declared.type)


def _step(source: Source, at: Keys, name: str, job: Any, pipeline_inputs: Mapping[str, Input], reading: Reading) -> Step | None:
    if not isinstance(job, dict):
        reading.note(source, at, f"job {name!r} is a mapping of keys")
        return None
    component = _component_of(source, at, name, job, reading)
    if component is None:
        return None
    if not name.isidentifier():
        reading.note(source, at, f"{name!r} cannot name a step", "Letters, digits and _ only, as on Azure ML.", at_key=True)
    variables = job.get("environment_variables")
    if "component" in job and isinstance(variables, dict):
        merged = {**component.environment_variables, **{str(k): str(v) for k, v in variables.items()}}
        component = replace(component, environment_variables=merged)
    bindings = _bindings(source, (*at, "inputs"), job, component, pipeline_inputs, reading)
    return Step(name, component, bindings, Place(source, at))


def _component_of(source: Source, at: Keys, name: str, job: Mapping[str, Any], reading: Reading) -> Component | None:
    reference = job.get("component")
    if reference is None:
        return _inline(source, at, name, job, reading)
    kind = job.get("type", "command")
    if kind != "command":
        reading.note(source, (*at, "type"), f"a step of type {kind!r} is not run on this machine yet", "known types: command")
        return None
    reading.keys(source, at, job, STEP_KEYS, f"job {name!r}")
    if isinstance(reference, dict):
        return parse_component(source, (*at, "component"), reference, reading, fallback=name)
    text = str(reference)
    if text.startswith(REMOTE):
        reading.note(
            source, (*at, "component"), f"{text!r} is not on this machine", "Name a component file: component: ./components/NAME.yml"
        )
        return None
    path = Path(source.path.parent, text.removeprefix("file:"))
    if not path.is_file():
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*.yml")], label="files there")
        reading.note(source, (*at, "component"), f"there is no component file {text!r}", near)
        return None
    try:
        return load_component(path, reading)
    except SpecError as error:
        reading.problems.extend(error.problems)
        return None


def _inline(source: Source, at: Keys, name: str, job: Mapping[str, Any], reading: Reading) -> Component | None:
    """An inline command: its inputs declare themselves by what they are bound to."""
    declared: dict[str, Any] = {}
    for key, value in (job.get("inputs") or {}).items():
        declared[key] = {"type": "string"} if expressions.whole(value) else value
    body = {**job, "inputs": declared}
    outputs = job.get("outputs")
    if isinstance(outputs, dict):
        body["outputs"] = {key: (None if expressions.whole(value) else value) for key, value in outputs.items()}
    return parse_component(source, at, body, reading, fallback=name)


def _bindings(
    source: Source, at: Keys, job: Mapping[str, Any], component: Component, pipeline_inputs: Mapping[str, Input], reading: Reading
) -> dict[str, Binding]:
    given = job.get("inputs") or {}
    if not isinstance(given, dict):
        reading.note(source, at, "`inputs` is a mapping of names")
        return {}
    result: dict[str, Binding] = {}
    for name, value in given.items():
        declared = component.inputs.get(str(name))
        if declared is None:
            hint = did_you_mean(str(name), component.inputs, label=f"{component.name} takes")
            reading.note(source, (*at, name), f"{component.name} has no input called {str(name)!r}", hint, at_key=True)
            continue
        bound = _binding(source, (*at, name), str(name), value, declared, pipeline_inputs, reading)
        if bound:
            result[str(name)] = bound
    for name, declared in component.inputs.items():
        if name not in given and declared.default is not None:
            result[name] = Literal(declared.default)
        elif name not in given and declared.required:
            reading.note(
                source,
                at[:-1],
                f"{component.name} needs the input {name!r} ({declared.type})",
                f"In this job: inputs: {{{name}: ...}}",
                at_key=True,
            )
    return result


def _binding(
    source: Source, at: Keys, name: str, value: Any, declared: Input, pipeline_inputs: Mapping[str, Input], reading: Reading
) -> Binding | None:
    text = value.get("path") if isinstance(value, dict) else value
    parts = expressions.whole(text)
    if parts is None:
        return _value(source, at, name, text, declared, reading)
    if parts[:2] == ("parent", "inputs") and len(parts) == 3:
        if parts[2] not in pipeline_inputs:
            hint = did_you_mean(parts[2], pipeline_inputs, label="the pipeline's inputs")
            reading.note(source, at, f"the pipeline has no input called {parts[2]!r}", hint)
            return None
        return FromPipeline(parts[2])
    if parts[:2] == ("parent", "jobs") and len(parts) == 5 and parts[3] == "outputs":
        return FromStep(parts[2], parts[4])
    known = "${{parent.inputs.NAME}} and ${{parent.jobs.STEP.outputs.NAME}}"
    reading.note(source, at, f"unknown binding {text!r}", f"A step's input knows {known}.")
    return None


def _check_references(source: Source, step: Step, steps: Mapping[str, Step], reading: Reading) -> None:
    for name, bound in step.inputs.items():
        if not isinstance(bound, FromStep):
            continue
        at = (*step.place.keys, "inputs", name)
        if bound.step not in steps:
            reading.note(source, at, f"there is no step called {bound.step!r}", did_you_mean(bound.step, steps, label="steps"))
        elif bound.output not in steps[bound.step].component.outputs:
            hint = did_you_mean(bound.output, steps[bound.step].component.outputs, label=f"outputs of {bound.step}")
            reading.note(source, at, f"{bound.step} has no output called {bound.output!r}", hint)


def _step_outputs(
    source: Source, step: Step, given: Any, declared: Mapping[str, Output], found: dict[str, FromStep], reading: Reading
) -> None:
    at = (*step.place.keys, "outputs")
    for name, value in (given or {}).items() if isinstance(given, dict) else ():
        if name not in step.component.outputs:
            hint = did_you_mean(str(name), step.component.outputs, label=f"{step.component.name} writes")
            reading.note(source, (*at, name), f"{step.component.name} has no output called {str(name)!r}", hint, at_key=True)
            continue
        parts = expressions.whole(value.get("path") if isinstance(value, dict) else value)
        if parts is None:
            continue
        if parts[:2] != ("parent", "outputs") or len(parts) != 3 or parts[2] not in declared:
            hint = did_you_mean(parts[-1], declared, label="the pipeline's outputs")
            reading.note(source, (*at, name), f"unknown output binding {value!r}", hint)
            continue
        found[parts[2]] = FromStep(step.name, str(name))


def _settings(source: Source, value: Any, reading: Reading) -> tuple[bool, bool]:
    """Return `continue_on_step_failure` (true unless said otherwise, as on Azure ML) and `force_rerun`."""
    body = value if isinstance(value, dict) else {}
    for key in body.keys() & SETTINGS_WITHOUT_EFFECT:
        reading.without_effect.append(f"{source.path.name}: settings.{key}")
    known = {key: item for key, item in body.items() if key not in SETTINGS_WITHOUT_EFFECT}
    reading.keys(source, ("settings",), known, SETTING_KEYS, "settings")
    return body.get("continue_on_step_failure", True) is not False, body.get("force_rerun", False) is True


def _with_settings(pipeline: Pipeline, settings: Mapping[str, str], source: Source, reading: Reading) -> Pipeline:
    """Return the pipeline with inputs given on the command line; relative paths there are relative to the working directory."""
    values = dict(pipeline.values)
    for name, text in settings.items():
        declared = pipeline.inputs.get(name)
        if declared is None:
            hint = did_you_mean(name, pipeline.inputs, label="inputs")
            reading.problems.append(Problem("--set", 1, 1, f"the pipeline has no input called {name!r}", hint))
            continue
        given: Any = str(Path(text).absolute()) if declared.type in ASSET_TYPES and not text.startswith(REMOTE) else text
        before = len(reading.problems)
        bound = _value(source, ("inputs", name), name, given, declared, reading)
        reading.problems[before:] = [Problem("--set", 1, 1, p.message, None) for p in reading.problems[before:]]
        if bound:
            values[name] = bound
    return replace(pipeline, values=values)


def _check_required(pipeline: Pipeline, source: Source, reading: Reading) -> None:
    """Each binding to the pipeline's inputs must have a value, unless the component's input may be left out; and it must fit the component."""
    for step in pipeline.steps.values():
        for name, bound in step.inputs.items():
            declared = step.component.inputs[name]
            if not isinstance(bound, FromPipeline):
                continue
            given = pipeline.values.get(bound.name)
            at = (*step.place.keys, "inputs", name)
            if given is None and not declared.optional:
                reading.note(source, at, f"the pipeline's input {bound.name!r} has no value", f"Give one: --set inputs.{bound.name}=VALUE")
            elif isinstance(given, Literal):
                complaint = declared.complaint(given.value) if declared.type in {"string", "number", "integer", "boolean"} else None
                if complaint:
                    reading.note(source, at, f"input {name!r} of {step.component.name}: {complaint}")


def _check_cycle(pipeline: Pipeline, reading: Reading) -> None:
    try:
        graphlib.TopologicalSorter({step.name: step.needs for step in pipeline.steps.values()}).prepare()
    except graphlib.CycleError as error:
        around = " -> ".join(reversed(error.args[1]))
        first = pipeline.steps.get(error.args[1][0])
        if first:
            reading.note(
                first.place.source, first.place.keys, f"the steps wait for each other: {around}", "Cut one of these bindings.", at_key=True
            )

"""Azure ML components, and the inline forms of the same in a job, from YAML to frozen values.

Schemas: `commandComponent`, `commandJob`, `parallelComponent`, `sparkComponent`, `sparkJob`, and the trial of a sweep.
"""

from __future__ import annotations

from pathlib import Path

from mlops.errors import SpecError
from mlops.records import replace
from mlops.spec import expressions, keys
from mlops.spec.distribution import parse_distribution, whole
from mlops.spec.environment import parse_environment
from mlops.spec.parallel import parse_parallel
from mlops.spec.ports import Ports, declared_ports
from mlops.spec.reading import Here, Reading
from mlops.spec.references import is_reference
from mlops.spec.schemas import COMPONENTS, OTHER_TYPES
from mlops.spec.source import did_you_mean, read
from mlops.spec.spark import parse_spark
from mlops.spec.sweep import parse_sweep
from mlops.spec.values import Component, Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def component_source(here: Here, reference: Any, kind: str | None) -> tuple[Here, Mapping[str, Any]] | None:
    """Return a component of the kind that is wanted here: in place, in a file, or a reference of the asset store; nothing, and a note, without it."""
    found = _found(here, reference)
    if found is None:
        return None
    place, body = found
    own = keys.plain(body.get("type", "command"), COMPONENTS)
    if "nodes" in body or "flow" in body:
        here.note("a prompt flow is not run here", "Write its calls as a command step or a parallel step.")
    elif own not in COMPONENTS:
        place.at("type").note(f"a component of type {body.get('type')!r} is not run on this machine", OTHER_TYPES.get(own))
    elif kind is not None and own != kind:
        here.note(f"this is a component of type {own}, and the job is of type {kind}", f"In the job: type: {own}")
    else:
        place.judge(body, COMPONENTS[own], f"a {own} component")
        return place, body
    return None


def named_component(here: Here, reference: Any, kind: str, *, fallback: str) -> Component | None:
    """Return the component that a job names, as it is: one that many jobs name is read once; nothing, and a note, where it is wrong."""
    key = (here.source.path, reference if isinstance(reference, str) else None, kind)
    if key in here.reading.components:
        return here.reading.components[key]
    found = component_source(here, reference, kind)
    made = parse_component(*found, fallback=fallback) if found else None
    if found and made and key[1] and "name" in found[1]:
        here.reading.components[key] = made
    return made


def _found(here: Here, reference: Any) -> tuple[Here, Mapping[str, Any]] | None:
    if isinstance(reference, dict):
        return here, reference
    text = str(reference)
    path: Path | None = Path(here.source.path.parent, text.removeprefix("file:"))
    if is_reference(text):
        path = here.found(lambda assets: assets.component(text), text, "Name a component file: component: ./components/NAME.yml")
    elif path and not path.is_file():
        there = [p.name for p in path.parent.glob("*.y*ml")]
        here.note(f"there is no component file {text!r}", did_you_mean(path.name, there, label="files there"))
        path = None
    return component_file(path, here.reading) if path else None


def component_file(path: Path, reading: Reading) -> tuple[Here, Mapping[str, Any]] | None:
    """Return what a component file says; nothing, and a note, where it cannot be read."""
    try:
        source = reading.sources[path] if path in reading.sources else read(path)
    except SpecError as error:
        reading.problems.extend(error.problems)
        return None
    reading.sources[path] = source
    here = Here(source, (), reading)
    if not isinstance(source.value, dict):
        here.note("a component file is a mapping of keys", "See src/pipelines/components for one that works.")
        return None
    return here, source.value


def parse_component(here: Here, value: Mapping[str, Any], *, fallback: str, ports: Ports | None = None) -> Component | None:
    """Turn the mapping here into a component.

    Args:
        here: The place of the mapping.
        value: The mapping, its keys judged already.
        fallback: What names it where it has no name of its own.
        ports: The inputs and outputs of a job in place; a component declares its own.
    """
    kinds = {"command": _command, "parallel": _parallel, "spark": _spark}
    own = declared_ports(here, value) if ports is None else ports
    made = kinds[keys.plain(value.get("type", "command"), kinds)](here, value, _frame(here, value, fallback, own))
    if made:
        _check_expressions(made, here)
    return made


def _frame(here: Here, value: Mapping[str, Any], fallback: str, ports: Ports) -> Component:
    """Return what every kind of component says alike; its command is still empty."""
    variables = here.at("environment_variables").mapping(value.get("environment_variables"))
    return Component(
        name=str(value.get("name", fallback)),
        version=str(value.get("version", "1")),
        display_name=str(value.get("display_name", value.get("name", fallback))),
        command="",
        inputs=ports.inputs,
        outputs=ports.outputs,
        code=_code(here.at("code"), value.get("code")),
        environment=parse_environment(here.at("environment"), value.get("environment")),
        environment_variables={str(key): str(word) for key, word in variables.items()},
        is_deterministic=str(value.get("is_deterministic", True)).lower() != "false",
        timeout=_timeout(here.at("limits"), value.get("limits")),
        place=Place(here.source, here.keys),
        includes=_includes(here.at("additional_includes"), value.get("additional_includes")),
    )


def _command(here: Here, value: Mapping[str, Any], frame: Component) -> Component | None:
    command = value.get("command")
    if not isinstance(command, str) or not command.strip():
        here.at("command").note("a command component needs a `command`", "For example: command: python train.py")
        return None
    if value.get("environment") is None:
        here.note(f"{frame.name} needs an `environment`", "For example: environment: azureml:AzureML-sklearn-1.5@latest", at_key=True)
    made = replace(frame, command=command)
    _check_script(made, here.at("command"))
    count = _instances(value)
    distribution = parse_distribution(here.at("distribution"), value.get("distribution"), count)
    if distribution is None:
        return made
    return replace(made, kind="distributed", job={"command": command, "distribution": distribution, "instance_count": count})


def _parallel(here: Here, value: Mapping[str, Any], frame: Component) -> Component:
    job = parse_parallel(here, value, _instances(value))
    task = here.at("task").mapping(value.get("task"))
    code = _code(here.at("task", "code"), task.get("code"))
    environment = parse_environment(here.at("task", "environment"), task.get("environment")) or frame.environment
    return replace(frame, kind="parallel", job=job, code=code, environment=environment)


def _spark(here: Here, value: Mapping[str, Any], frame: Component) -> Component:
    return replace(frame, kind="spark", job=parse_spark(here, value))


def sweep_of(here: Here, body: Mapping[str, Any], trial: Component) -> Component:
    """Return the sweep that the mapping here makes of its trial.

    What the search space names is no input any more: where the trial's command takes it as one, it takes the trial's value.
    """
    job = parse_sweep(here, body)
    space = job["search_space"]
    command = expressions.replaced(trial.command, {("inputs", name): f"${{{{search_space.{name}}}}}" for name in space})
    for parts in expressions.used(command):
        if parts[0] == "search_space" and parts[-1] not in space:
            hint = did_you_mean(parts[-1], space, label="search space")
            here.at("search_space").note(f"the trial's command uses {'.'.join(parts)}, which is not in the search space", hint)
    distribution = (trial.job or {}).get("distribution")
    whole_job = {"command": command, **job, "distribution": distribution, "instance_count": (trial.job or {}).get("instance_count", 1)}
    inputs = {name: declared for name, declared in trial.inputs.items() if name not in space}
    return replace(trial, kind="sweep", command=command, inputs=inputs, job=whole_job)


def _instances(value: Mapping[str, Any]) -> int:
    resources = value.get("resources")
    count = whole(resources.get("instance_count") or 1) if isinstance(resources, dict) else 1
    return count if isinstance(count, int) else 1


def _code(here: Here, value: Any) -> Path | None:
    if value is None:
        return None
    text = str(value)
    if is_reference(text):
        return here.found(lambda assets: assets.code(text), text, "Name a folder relative to this file.")
    folder = here.beside(text)
    if not folder.exists():
        here.note(f"there is no folder {text!r}", f"Paths are relative to this file: it would be {folder}")
        return None
    return folder


def _includes(here: Here, value: Any) -> tuple[Path, ...]:
    """Return the files and folders that are laid beside the code."""
    found = []
    for index, text in enumerate(value if isinstance(value, list) else []):
        path = here.at(index).beside(str(text))
        if not path.exists() and not (path.suffix == ".zip" and path.with_suffix("").is_dir()):  # which is then that folder as a zip
            here.at(index).note(f"there is no {text!r} to include", f"Paths are relative to this file: it would be {path}")
        found.append(path)
    return tuple(found)


def _timeout(here: Here, limits: Any) -> float | None:
    timeout = here.mapping(limits).get("timeout")
    return None if timeout is None or keys.seconds(timeout) else float(timeout)


def _check_expressions(component: Component, here: Here) -> None:
    """Find in the command and the arguments what could only fail later: an unknown name."""
    known: dict[str, Mapping[str, Any]] = {"inputs": component.inputs, "outputs": component.outputs}
    job = component.job or {}
    places = {
        ("command",): component.command,
        ("args",): job.get("args"),
        ("task", "program_arguments"): job.get("task", {}).get("program_arguments"),
        ("task", "append_row_to"): job.get("task", {}).get("append_row_to"),
        ("input_data",): job.get("input_data"),
    }
    for where, text in places.items():
        for parts in expressions.used(text or ""):
            _check_expression(component, here.at(*where), where[-1], parts, known)


def _check_expression(component: Component, here: Here, where: str, parts: tuple[str, ...], known: Mapping[str, Mapping[str, Any]]) -> None:
    dotted = ".".join(parts)
    if parts[0] in known and len(parts) > 1:
        name = ".".join(parts[1:])
        if name not in known[parts[0]]:
            hint = did_you_mean(name, known[parts[0]], label=parts[0])
            here.note(f"the {where} uses {dotted}, which is not among the {parts[0]} of {component.name}", hint)
    elif parts != ("name",) and parts[0] != "search_space":
        here.note(f"unknown expression ${{{{{dotted}}}}}", "A command knows ${{inputs.NAME}} and ${{outputs.NAME}}.")


def _check_script(component: Component, here: Here) -> None:
    """Find a script that is not in the code folder."""
    if component.code is None or not component.code.is_dir():
        return
    script = python_script(component.command)
    if script and not (component.code / script).is_file():
        scripts = [path.name for path in component.code.glob("*.py")]
        here.note(f"there is no script {script!r} in {component.code}", did_you_mean(script, scripts, label="scripts there"))


def python_script(command: str) -> str | None:
    """Return the script of a command that starts with `python SCRIPT.py`, or None for any other."""
    try:
        words = expressions.words(command.replace("\\\n", " "))
    except ValueError:
        return None
    if len(words) > 1 and words[0] in {"python", "python3"} and words[1].endswith(".py") and "$" not in words[1]:
        return words[1]
    return None

"""Azure ML command components, from YAML to frozen values (schema: `commandComponent`, and the inline form of `commandJob`)."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.spec import expressions
from mlops.spec.source import Keys, Source, did_you_mean, read
from mlops.spec.values import ASSET_TYPES, LITERAL_TYPES, Component, Input, Output, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops.errors import Problem

EXECUTED = frozenset(
    {"$schema", "type", "name", "version", "display_name", "description", "inputs", "outputs", "code", "command", "environment"}
    | {"environment_variables", "is_deterministic", "limits", "tags"}
)
WITHOUT_EFFECT = frozenset({"compute", "resources", "identity", "services", "properties", "queue_settings"})
NOT_HERE = {
    "distribution": "distributed training is not run on this machine yet",
    "additional_includes": "additional_includes is not read yet: put the files into the `code` folder",
}
OTHER_TYPES = {
    "sweep": "write the training as a command step and give the parameters with --set",
    "parallel": "write the step as a command",
    "spark": "write the step as a command",
    "automl": "write the training as a command step",
    "pipeline": "put the steps into one pipeline file",
    "data_transfer": "copy the data in a command step",
    "import": "read the data in a command step",
}


@dataclass
class Reading:
    """What one read of a file gathers besides its value: every mistake, and the keys that have no effect on this machine."""

    problems: list[Problem] = field(default_factory=list)
    without_effect: list[str] = field(default_factory=list)

    def note(self, source: Source, keys: Keys, message: str, hint: str | None = None, *, at_key: bool = False) -> None:
        self.problems.append(source.problem(keys, message, hint, at_key=at_key))

    def keys(self, source: Source, at: Keys, value: Mapping[str, Any], executed: Iterable[str], what: str) -> None:
        """Judge each key of a mapping: executed, without effect here, refused, or unknown."""
        executed = frozenset(executed)
        for key in value:
            if key in executed:
                continue
            if key in WITHOUT_EFFECT:
                self.without_effect.append(f"{source.path.name}: {'.'.join(map(str, (*at, key)))}")
            elif key in NOT_HERE:
                self.note(source, (*at, key), NOT_HERE[key], at_key=True)
            else:
                hint = did_you_mean(str(key), executed | WITHOUT_EFFECT)
                self.note(source, (*at, key), f"unknown key {str(key)!r} in {what}", hint, at_key=True)


def load_component(path: Path, reading: Reading) -> Component | None:
    """Read one component file; mistakes go to `reading`, and None comes back where there is nothing to go on with.

    Raises:
        SpecError: The file cannot be read or is not YAML.
    """
    source = read(path)
    if not isinstance(source.value, dict):
        reading.note(source, (), "a component file is a mapping of keys", "See src/pipelines/components for one that works.")
        return None
    return parse_component(source, (), source.value, reading, fallback=path.stem)


def parse_component(source: Source, at: Keys, value: Mapping[str, Any], reading: Reading, *, fallback: str) -> Component | None:
    """Turn the mapping at `at` into a component; `fallback` names it where it has no name of its own."""
    kind = value.get("type", "command")
    if kind != "command":
        hint = OTHER_TYPES.get(str(kind), "known types: command")
        reading.note(source, (*at, "type"), f"type {kind!r} is not run on this machine yet", hint)
        return None
    reading.keys(source, at, value, EXECUTED, "a command component")
    command = value.get("command")
    if not isinstance(command, str) or not command.strip():
        reading.note(source, (*at, "command"), "a command component needs a `command`", "For example: command: python train.py")
        return None
    component = Component(
        name=str(value.get("name", fallback)),
        version=str(value.get("version", "1")),
        display_name=str(value.get("display_name", value.get("name", fallback))),
        command=command,
        inputs=_inputs(source, (*at, "inputs"), value.get("inputs"), reading),
        outputs=parse_outputs(source, (*at, "outputs"), value.get("outputs"), reading),
        code=_code(source, at, value.get("code"), reading),
        environment=value.get("environment"),
        environment_variables=_words(source, (*at, "environment_variables"), value.get("environment_variables"), reading),
        is_deterministic=value.get("is_deterministic", True) is not False,
        timeout=_timeout(source, at, value.get("limits"), reading),
        place=Place(source, at),
    )
    _check_command(component, reading)
    return component


def _inputs(source: Source, at: Keys, value: Any, reading: Reading) -> dict[str, Input]:
    result = {}
    for name, declared in _mapping(source, at, value, reading).items():
        parsed = parse_input(source, (*at, name), str(name), declared, reading)
        if parsed:
            result[str(name)] = parsed
    return result


INPUT_KEYS = frozenset({"type", "optional", "default", "min", "max", "enum", "description", "mode", "path"})


def parse_input(source: Source, at: Keys, name: str, declared: Any, reading: Reading) -> Input | None:
    """Read one declared input; a bare value is a literal of its own type, as in an inline command job."""
    if not isinstance(declared, dict):
        return Input(name, literal_type(declared), default=declared)
    reading.keys(source, at, declared, INPUT_KEYS, f"input {name!r}")
    kind = declared.get("type", "uri_folder" if "path" in declared else None)
    if kind not in LITERAL_TYPES | ASSET_TYPES:
        hint = did_you_mean(str(kind), LITERAL_TYPES | ASSET_TYPES, label="types")
        reading.note(source, (*at, "type"), f"input {name!r} has the unknown type {kind!r}", hint)
        return None
    made = Input(
        name=name,
        type=str(kind),
        optional=declared.get("optional", False) is True,
        default=declared.get("default"),
        minimum=declared.get("min"),
        maximum=declared.get("max"),
        enum=tuple(declared.get("enum") or ()),
        description=str(declared.get("description", "")),
    )
    complaint = made.complaint(made.default) if made.default is not None else None
    if complaint:
        reading.note(source, (*at, "default"), f"the default of {name!r}: {complaint}")
    return made


def literal_type(value: Any) -> str:
    """Return the Azure ML type of a bare YAML value."""
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return kinds.get(type(value), "string")


def parse_outputs(source: Source, at: Keys, value: Any, reading: Reading) -> dict[str, Output]:
    """Read declared outputs; one without a body is a `uri_folder`, as on Azure ML."""
    result = {}
    for name, declared in _mapping(source, at, value, reading).items():
        body = declared if isinstance(declared, dict) else {}
        reading.keys(source, (*at, name), body, {"type", "description", "mode"}, f"output {name!r}")
        kind = body.get("type", "uri_folder")
        if kind not in ASSET_TYPES:
            hint = did_you_mean(str(kind), ASSET_TYPES, label="types")
            reading.note(source, (*at, name, "type"), f"output {name!r} has the unknown type {kind!r}", hint)
        result[str(name)] = Output(str(name), str(kind), str(body.get("description", "")))
    return result


def _mapping(source: Source, at: Keys, value: Any, reading: Reading) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        reading.note(source, at, f"`{at[-1]}` is a mapping of names, not {value!r}")
        return {}
    return value


def _words(source: Source, at: Keys, value: Any, reading: Reading) -> dict[str, str]:
    return {str(key): str(word) for key, word in _mapping(source, at, value, reading).items()}


def _code(source: Source, at: Keys, value: Any, reading: Reading) -> Path | None:
    if value is None:
        return None
    text = str(value)
    if re.match(r"(azureml:|git\+|https?:)", text):
        reading.note(source, (*at, "code"), f"code {text!r} is not on this machine", "Name a folder relative to this file.")
        return None
    folder = Path(source.path.parent, text).resolve()
    if not folder.exists():
        reading.note(source, (*at, "code"), f"there is no folder {text!r}", f"Paths are relative to this file: it would be {folder}")
        return None
    return folder


def _timeout(source: Source, at: Keys, limits: Any, reading: Reading) -> float | None:
    body = _mapping(source, (*at, "limits"), limits, reading)
    reading.keys(source, (*at, "limits"), body, {"timeout"}, "limits")
    timeout = body.get("timeout")
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
        reading.note(source, (*at, "limits", "timeout"), f"timeout {timeout!r} is not a number of seconds above zero")
        return None
    return float(timeout)


def _check_command(component: Component, reading: Reading) -> None:
    """Find in the command what could only fail later: an unknown name, or a script that is not in the code folder."""
    source, at = component.place.source, (*component.place.keys, "command")
    known = {"inputs": component.inputs, "outputs": component.outputs}
    for parts in expressions.used(component.command):
        if parts[0] in known and len(parts) == 2:
            if parts[1] not in known[parts[0]]:
                hint = did_you_mean(parts[1], known[parts[0]], label=parts[0])
                reading.note(source, at, f"the command uses {'.'.join(parts)}, which is not among the {parts[0]} of {component.name}", hint)
        elif parts != ("name",):
            reading.note(
                source, at, f"unknown expression ${{{{{'.'.join(parts)}}}}}", "A command knows ${{inputs.NAME}} and ${{outputs.NAME}}."
            )
    script = python_script(component.command)
    if script and component.code and component.code.is_dir() and not (component.code / script).is_file():
        scripts = [path.name for path in component.code.glob("*.py")]
        reading.note(source, at, f"there is no script {script!r} in {component.code}", did_you_mean(script, scripts, label="scripts there"))


def python_script(command: str) -> str | None:
    """Return the script of a command that starts with `python SCRIPT.py`, or None for any other."""
    try:
        words = shlex.split(command.replace("\\\n", " "))
    except ValueError:
        return None
    if len(words) > 1 and words[0] in {"python", "python3"} and words[1].endswith(".py") and "$" not in words[1]:
        return words[1]
    return None

"""Azure ML command components, from YAML to frozen values (schema: `commandComponent`, and the inline form of `commandJob`)."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
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
    components: dict[Path, Component | None] = field(default_factory=dict)
    """Component files that were read already: many steps may name one."""


@dataclass(frozen=True)
class Here:
    """A place in a file that is being read: what is found wrong here is noted with its line."""

    source: Source
    keys: Keys
    reading: Reading

    def at(self, *keys: str | int) -> Here:
        """Return the place that `keys` leads to from here."""
        return replace(self, keys=(*self.keys, *keys))

    def note(self, message: str, hint: str | None = None, *, at_key: bool = False) -> None:
        """Note a mistake at this place: at its value, or at its key."""
        self.reading.problems.append(self.source.problem(self.keys, message, hint, at_key=at_key))

    def beside(self, path: str) -> Path:
        """Return the full path of what the file names relative to itself."""
        return Path(self.source.path.parent, path).resolve()

    def judge_keys(self, value: Mapping[str, Any], executed: Iterable[str], what: str) -> None:
        """Judge each key of the mapping here: executed, without effect on this machine, refused, or unknown."""
        executed = frozenset(executed)
        for key in value:
            if key in executed:
                continue
            if key in WITHOUT_EFFECT:
                self.without_effect(key)
            elif key in NOT_HERE:
                self.at(key).note(NOT_HERE[key], at_key=True)
            else:
                hint = did_you_mean(str(key), executed | WITHOUT_EFFECT)
                self.at(key).note(f"unknown key {str(key)!r} in {what}", hint, at_key=True)

    def without_effect(self, key: str) -> None:
        """Note a key that is right, and means nothing on one machine."""
        self.reading.without_effect.append(f"{self.source.path.name}: {'.'.join(map(str, (*self.keys, key)))}")

    def mapping(self, value: Any) -> Mapping[str, Any]:
        """Return the value here where it is a mapping; nothing, and a note, where it is something else."""
        if value is not None and not isinstance(value, dict):
            self.note(f"`{self.keys[-1]}` is a mapping of names, not {value!r}")
        return value if isinstance(value, dict) else {}


def load_component(path: Path, reading: Reading) -> Component | None:
    """Read one component file; mistakes go to `reading`, and None comes back where there is nothing to go on with.

    Raises:
        SpecError: The file cannot be read or is not YAML.
    """
    if path in reading.components:
        return reading.components[path]
    source = read(path)
    here = Here(source, (), reading)
    made = None
    if isinstance(source.value, dict):
        made = parse_component(here, source.value, fallback=path.stem)
    else:
        here.note("a component file is a mapping of keys", "See src/pipelines/components for one that works.")
    reading.components[path] = made
    return made


def parse_component(here: Here, value: Mapping[str, Any], *, fallback: str) -> Component | None:
    """Turn the mapping here into a component; `fallback` names it where it has no name of its own."""
    kind = value.get("type", "command")
    if kind != "command":
        here.at("type").note(f"type {kind!r} is not run on this machine yet", OTHER_TYPES.get(str(kind), "known types: command"))
        return None
    here.judge_keys(value, EXECUTED, "a command component")
    command = value.get("command")
    if not isinstance(command, str) or not command.strip():
        here.at("command").note("a command component needs a `command`", "For example: command: python train.py")
        return None
    variables = here.at("environment_variables").mapping(value.get("environment_variables"))
    component = Component(
        name=str(value.get("name", fallback)),
        version=str(value.get("version", "1")),
        display_name=str(value.get("display_name", value.get("name", fallback))),
        command=command,
        inputs=_inputs(here.at("inputs"), value.get("inputs")),
        outputs=parse_outputs(here.at("outputs"), value.get("outputs")),
        code=_code(here.at("code"), value.get("code")),
        environment=value.get("environment"),
        environment_variables={str(key): str(word) for key, word in variables.items()},
        is_deterministic=value.get("is_deterministic", True) is not False,
        timeout=_timeout(here.at("limits"), value.get("limits")),
        place=Place(here.source, here.keys),
    )
    _check_command(component, here.at("command"))
    return component


def _inputs(here: Here, value: Any) -> dict[str, Input]:
    parsed = (parse_input(here.at(name), str(name), declared) for name, declared in here.mapping(value).items())
    return {one.name: one for one in parsed if one}


INPUT_KEYS = frozenset({"type", "optional", "default", "min", "max", "enum", "description", "mode", "path"})


def parse_input(here: Here, name: str, declared: Any) -> Input | None:
    """Read one declared input; a bare value is a literal of its own type, as in an inline command job."""
    if not isinstance(declared, dict):
        return Input(name, literal_type(declared), default=declared)
    here.judge_keys(declared, INPUT_KEYS, f"input {name!r}")
    kind = declared.get("type", "uri_folder" if "path" in declared else None)
    if kind not in LITERAL_TYPES | ASSET_TYPES:
        hint = did_you_mean(str(kind), LITERAL_TYPES | ASSET_TYPES, label="types")
        here.at("type").note(f"input {name!r} has the unknown type {kind!r}", hint)
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
        here.at("default").note(f"the default of {name!r}: {complaint}")
    return made


def literal_type(value: Any) -> str:
    """Return the Azure ML type of a bare YAML value."""
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return kinds.get(type(value), "string")


def parse_outputs(here: Here, value: Any) -> dict[str, Output]:
    """Read declared outputs; one without a body is a `uri_folder`, as on Azure ML."""
    result = {}
    for name, declared in here.mapping(value).items():
        body = declared if isinstance(declared, dict) else {}
        here.at(name).judge_keys(body, {"type", "description", "mode", "path"}, f"output {name!r}")
        if "path" in body and expressions.whole(body["path"]) is None:
            here.at(name, "path").note("an output is written into the run's folder: its own path is not used here yet", "Leave `path` out.")
        kind = body.get("type", "uri_folder")
        if kind not in ASSET_TYPES:
            here.at(name, "type").note(
                f"output {name!r} has the unknown type {kind!r}", did_you_mean(str(kind), ASSET_TYPES, label="types")
            )
        result[str(name)] = Output(str(name), str(kind), str(body.get("description", "")))
    return result


def _code(here: Here, value: Any) -> Path | None:
    if value is None:
        return None
    text = str(value)
    if re.match(r"(azureml:|git\+|https?:)", text):
        here.note(f"code {text!r} is not on this machine", "Name a folder relative to this file.")
        return None
    folder = here.beside(text)
    if not folder.exists():
        here.note(f"there is no folder {text!r}", f"Paths are relative to this file: it would be {folder}")
        return None
    return folder


def _timeout(here: Here, limits: Any) -> float | None:
    body = here.mapping(limits)
    here.judge_keys(body, {"timeout"}, "limits")
    timeout = body.get("timeout")
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0:
        here.at("timeout").note(f"timeout {timeout!r} is not a number of seconds above zero")
        return None
    return float(timeout)


def _check_command(component: Component, here: Here) -> None:
    """Find in the command what could only fail later: an unknown name, or a script that is not in the code folder."""
    known = {"inputs": component.inputs, "outputs": component.outputs}
    for parts in expressions.used(component.command):
        if parts[0] in known and len(parts) == 2:
            if parts[1] not in known[parts[0]]:
                hint = did_you_mean(parts[1], known[parts[0]], label=parts[0])
                here.note(f"the command uses {'.'.join(parts)}, which is not among the {parts[0]} of {component.name}", hint)
        elif parts != ("name",):
            here.note(f"unknown expression ${{{{{'.'.join(parts)}}}}}", "A command knows ${{inputs.NAME}} and ${{outputs.NAME}}.")
    script = python_script(component.command)
    if script and component.code and component.code.is_dir() and not (component.code / script).is_file():
        scripts = [path.name for path in component.code.glob("*.py")]
        here.note(f"there is no script {script!r} in {component.code}", did_you_mean(script, scripts, label="scripts there"))


def python_script(command: str) -> str | None:
    """Return the script of a command that starts with `python SCRIPT.py`, or None for any other."""
    try:
        words = shlex.split(command.replace("\\\n", " "))
    except ValueError:
        return None
    if len(words) > 1 and words[0] in {"python", "python3"} and words[1].endswith(".py") and "$" not in words[1]:
        return words[1]
    return None

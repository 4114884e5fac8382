"""Inputs and outputs: the ports that a component declares, and those that a job gives.

A component declares each with a type; a job gives a literal as it stands, or a mapping with a path, and its outputs need say nothing.
"""

from __future__ import annotations

import re

from mlops.records import dataclass
from mlops.spec import expressions, keys
from mlops.spec.keys import Key
from mlops.spec.source import did_you_mean
from mlops.spec.values import ASSET_TYPES, LITERAL_TYPES, Input, Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.spec.reading import Here

IN_MODES = ("download", "ro_mount", "direct")
TABLE_MODES = ("eval_mount", "eval_download")
OUT_MODES = ("mount", "rw_mount", "upload", "direct")
_PATHS = "a path is a path here, whether it is mounted or copied"
_PORT_MODE = keys.without_effect(keys.one_of(*dict.fromkeys((*IN_MODES, *TABLE_MODES, *OUT_MODES, "link"))), _PATHS)
_PARAMETER = re.compile(r"[a-zA-Z_][a-zA-Z\d_]*(\.[a-zA-Z_][a-zA-Z\d_]*)*")

LITERAL_INPUT = {
    "type": Key(keys.text),
    "optional": Key(keys.truth),
    "default": Key(keys.word),
    "min": Key(keys.number),
    "max": Key(keys.number),
    "enum": Key(keys.texts),
    "description": Key(keys.text),
}
"""A component's input that takes a value."""
ASSET_INPUT = {
    "type": Key(keys.text),
    "optional": Key(keys.truth),
    "description": Key(keys.text),
    "mode": _PORT_MODE,
    "default": keys.refused("a file or folder has no default, on Azure ML neither", "Make it optional, or give it in the job."),
}
"""A component's input that takes a file or folder."""
DECLARED_OUTPUT = {
    "type": Key(keys.text, required=True),
    "description": Key(keys.text),
    "mode": _PORT_MODE,
    "early_available": keys.without_effect(keys.truth, "an output is there when its step has ended"),
    "is_control": keys.without_effect(keys.truth, "every literal output can be read by what follows"),
}
"""A component's output."""
GIVEN_INPUT = {
    "type": Key(keys.text),
    "path": Key(keys.text),
    "value": Key(keys.word),
    "mode": keys.without_effect(keys.one_of(*IN_MODES, *TABLE_MODES), _PATHS),
    "datastore": keys.without_effect(keys.text, "nothing is uploaded"),
    "path_on_compute": keys.refused("where a compute mounts an input cannot be chosen here", "Use the path that ${{inputs.NAME}} gives."),
}
"""What a job gives for an input, where it is not a bare literal."""
GIVEN_OUTPUT = {
    "type": Key(keys.text),
    "path": Key(keys.text),
    "mode": keys.without_effect(keys.one_of(*OUT_MODES), _PATHS),
    "name": Key(keys.text),
    "version": Key(keys.word),
}
"""What a job says of an output."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The inputs and outputs of a component or a job, by name."""

    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]


def declared_ports(here: Here, value: Mapping[str, Any]) -> Ports:
    """Read the ports that a component declares."""
    inputs = {
        str(name): _declared_input(here.at("inputs", name), str(name), item)
        for name, item in here.at("inputs").mapping(value.get("inputs")).items()
    }
    _check_names(here.at("inputs"), inputs)
    outputs = here.at("outputs").mapping(value.get("outputs"))
    _check_names(here.at("outputs"), outputs)
    return Ports(
        {name: one for name, one in inputs.items() if one},
        {str(name): _declared_output(here.at("outputs", name), str(name), item) for name, item in outputs.items()},
    )


def _check_names(here: Here, names: Mapping[str, Any]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if not _PARAMETER.fullmatch(str(name)):
            here.at(name).note(f"{name!r} cannot name an input or output", "Letters, digits and _ only.", at_key=True)
        elif str(name).lower() in seen:
            here.at(name).note(f"{name!r} and {seen[str(name).lower()]!r} differ in their case only", "Rename one of them.", at_key=True)
        seen[str(name).lower()] = str(name)


def _declared_input(here: Here, name: str, declared: Any) -> Input | None:
    if not isinstance(declared, dict):
        here.note(f"input {name!r} of a component is a mapping with a `type`, not {declared!r}", f"For example: {name}: {{type: string}}")
        return None
    kind = _kind(declared)
    here.judge(declared, ASSET_INPUT if kind in ASSET_TYPES else LITERAL_INPUT, f"input {name!r}")
    if kind not in LITERAL_TYPES | ASSET_TYPES:
        _note_type(here, f"input {name!r}", declared.get("type"), LITERAL_TYPES | ASSET_TYPES)
        return None
    made = Input(
        name=name,
        type=str(kind),
        optional=str(declared.get("optional", False)).lower() == "true",
        default=None if kind in ASSET_TYPES else declared.get("default"),
        minimum=_bound(declared.get("min")),
        maximum=_bound(declared.get("max")),
        enum=tuple(declared.get("enum") or ()),
        description=str(declared.get("description", "")),
    )
    complaint = made.complaint(made.default) if made.default is not None else None
    if complaint:
        here.at("default").note(f"the default of {name!r}: {complaint}")
    return made


def _declared_output(here: Here, name: str, declared: Any) -> Output:
    body = here.mapping(declared)
    here.judge(body, DECLARED_OUTPUT, f"output {name!r}")
    kind = _kind(body) or "uri_folder"
    if kind not in ASSET_TYPES | LITERAL_TYPES:
        _note_type(here, f"output {name!r}", body.get("type"), ASSET_TYPES | LITERAL_TYPES)
    return Output(name, str(kind), str(body.get("description", "")), body.get("mode"))


def given_inputs(here: Here, value: Any) -> dict[str, Input]:
    """Read the inputs that a job gives, as declarations: each has the type of what is given."""
    found = {str(name): given_input(here.at(name), str(name), item) for name, item in here.mapping(value).items()}
    return {name: one for name, one in found.items() if one}


def given_input(here: Here, name: str, given: Any) -> Input | None:
    """Read one input that a job gives: a literal as it stands, or a mapping with the type and path of a file or folder."""
    if not isinstance(given, dict):
        if given is None:
            here.note(f"input {name!r} has no value", f"Give one: {name}: 3")
        return None if given is None else Input(name, literal_type(given), default=given)
    here.judge(given, GIVEN_INPUT, f"input {name!r}")
    if "value" in given:
        for other in (key for key in given if key != "value"):
            here.at(other).note(
                f"`value` stands alone, so {name!r} cannot have `{other}`", f"For example: {name}: {given['value']}", at_key=True
            )
        return Input(name, literal_type(given["value"]), default=given["value"])
    kind = _kind(given) or "uri_folder"
    if kind in LITERAL_TYPES:
        here.at("type").note(f"a job gives a literal as it stands, so {name!r} cannot have the type {kind!r}", f"For example: {name}: 3")
        return Input(name, str(kind))
    if kind not in ASSET_TYPES:
        _note_type(here, f"input {name!r}", given.get("type"), ASSET_TYPES)
        return None
    check_mode(here, given, kind)
    return Input(name, str(kind))


def check_mode(here: Here, given: Mapping[str, Any], kind: str) -> None:
    """Note a mode that only a table has, at an input that is none."""
    if str(given.get("mode")).lower() in TABLE_MODES and kind != "mltable":
        here.at("mode").note(f"mode {given['mode']} is for an mltable, and this is a {kind}", f"modes: {', '.join(IN_MODES)}")


def given_output(here: Here, name: str, given: Any) -> Output:
    """Read what a job says of one output; nothing means a `uri_folder`. A path that is an expression is for whoever binds it."""
    body = here.mapping(given) if given is not None and expressions.whole(given) is None else {}
    here.judge(body, GIVEN_OUTPUT, f"output {name!r}")
    kind = _kind(body) or "uri_folder"
    if kind not in ASSET_TYPES:
        _note_type(here, f"output {name!r}", body.get("type"), ASSET_TYPES)
    path = body.get("path")
    return Output(
        name=name,
        type=str(kind),
        mode=body.get("mode"),
        path=None if path is None or expressions.whole(path) else str(path),
        asset_name=_text(body.get("name")),
        asset_version=_text(body.get("version")),
    )


def _kind(body: Mapping[str, Any]) -> Any:
    """Return the type that a port says; `path` is an older word for a folder."""
    kind = body.get("type")
    return "uri_folder" if kind == "path" else kind


def _note_type(here: Here, what: str, kind: Any, known: frozenset[str]) -> None:
    here.at("type").note(f"{what} has the unknown type {kind!r}", did_you_mean(str(kind), known, label="types"))


def _bound(value: Any) -> float | None:
    return None if value is None or keys.number(value) else float(value)


def literal_type(value: Any) -> str:
    """Return the Azure ML type of a bare YAML value."""
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return kinds.get(type(value), "string")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

"""Declared inputs and outputs: the ports of a component or a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.spec import expressions, keys
from mlops.spec.keys import Key
from mlops.spec.source import did_you_mean
from mlops.spec.values import ASSET_TYPES, LITERAL_TYPES, Input, Output

if TYPE_CHECKING:
    from mlops.spec.reading import Here

MODES = ("ro_mount", "rw_mount", "mount", "download", "upload", "direct", "eval_mount", "eval_download", "link")
_MODE = keys.without_effect(keys.one_of(*MODES), "a path is a path here")
INPUT = {
    "type": Key(keys.text),
    "optional": Key(keys.truth),
    "default": Key(keys.word),
    "min": Key(keys.number),
    "max": Key(keys.number),
    "enum": Key(),
    "description": Key(keys.text),
    "mode": _MODE,
    "path": Key(keys.text),
    "value": Key(keys.word),
    "datastore": keys.without_effect(keys.text, "where a local path is uploaded to"),
    "path_on_compute": keys.refused("where a compute mounts an input cannot be chosen here", "Use the path that ${{inputs.NAME}} gives."),
}
OUTPUT = {
    "type": Key(keys.text),
    "description": Key(keys.text),
    "mode": _MODE,
    "path": Key(keys.text),
    "name": Key(keys.text),
    "version": Key(keys.word),
    "early_available": keys.without_effect(keys.truth, "outputs are there when the step has ended"),
}
_SPELLINGS = {"float": "number", "path": "uri_folder"}
"""Older names of types, which the schemas still take."""


def parse_inputs(here: Here, value: Any) -> dict[str, Input]:
    """Read declared inputs."""
    parsed = (parse_input(here.at(name), str(name), declared) for name, declared in here.mapping(value).items())
    return {one.name: one for one in parsed if one}


def parse_input(here: Here, name: str, declared: Any) -> Input | None:
    """Read one declared input; a bare value is a literal of its own type, as in an inline command job."""
    if not isinstance(declared, dict):
        return Input(name, literal_type(declared), default=declared)
    here.judge(declared, INPUT, f"input {name!r}")
    kind = declared.get("type", _untyped(declared))
    kind = _SPELLINGS.get(kind, kind) if isinstance(kind, str) else kind
    if kind not in LITERAL_TYPES | ASSET_TYPES:
        hint = did_you_mean(str(kind), LITERAL_TYPES | ASSET_TYPES, label="types")
        here.at("type").note(f"input {name!r} has the unknown type {kind!r}", hint)
        return None
    made = Input(
        name=name,
        type=str(kind),
        optional=str(declared.get("optional", False)).lower() == "true",
        default=declared.get("default", declared.get("value")),
        minimum=_bound(declared.get("min")),
        maximum=_bound(declared.get("max")),
        enum=tuple(declared.get("enum") or ()),
        description=str(declared.get("description", "")),
    )
    complaint = made.complaint(made.default) if made.default is not None else None
    if complaint:
        here.at("default").note(f"the default of {name!r}: {complaint}")
    return made


def _untyped(declared: Any) -> str | None:
    """Return the type of an input that names none: a folder where it has a path, the value's own where it has a value."""
    if "path" in declared:
        return "uri_folder"
    return literal_type(declared["value"]) if "value" in declared else None


def _bound(value: Any) -> float | None:
    return None if value is None or keys.number(value) else float(value)


def literal_type(value: Any) -> str:
    """Return the Azure ML type of a bare YAML value."""
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return kinds.get(type(value), "string")


def parse_outputs(here: Here, value: Any) -> dict[str, Output]:
    """Read declared outputs; one without a body is a `uri_folder`, as on Azure ML."""
    return {str(name): parse_output(here.at(name), str(name), declared) for name, declared in here.mapping(value).items()}


def parse_output(here: Here, name: str, declared: Any) -> Output:
    """Read one declared output. A path that is an expression binds it, and is whoever binds it to judge."""
    body = here.mapping(declared) if declared is not None else {}
    here.judge(body, OUTPUT, f"output {name!r}")
    kind = body.get("type", "uri_folder")
    kind = _SPELLINGS.get(kind, kind) if isinstance(kind, str) else kind
    if kind not in ASSET_TYPES | LITERAL_TYPES:
        here.at("type").note(f"output {name!r} has the unknown type {kind!r}", did_you_mean(str(kind), ASSET_TYPES, label="types"))
    path = body.get("path")
    return Output(
        name=name,
        type=str(kind),
        description=str(body.get("description", "")),
        mode=body.get("mode"),
        path=None if path is None or expressions.whole(path) else str(path),
        asset_name=_text(body.get("name")),
        asset_version=_text(body.get("version")),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

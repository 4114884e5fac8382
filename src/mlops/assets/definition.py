"""The YAML of an asset (schemas: `data`, `model`, `environment`), read and checked into a draft; every mistake at its line.

A component's YAML is the spec's affair (`spec/component.py`); what is kept of it, with its code, is bundle.py's.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops.assets.reference import REMOTE
from mlops.assets.store import Draft
from mlops.errors import SpecError, UsageError
from mlops.settings import Reader
from mlops.spec.mltable import complaint
from mlops.spec.source import Source, did_you_mean, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,254}")
_COMMON = frozenset({"$schema", "name", "version", "description", "tags", "properties"})
_KEPT_BY_AZURE = frozenset({"id", "creation_context", "latest_version", "auto_delete_setting", "datastore", "intellectual_property"})
"""What `az ml ... show` prints, or means something in a workspace only: taken and left alone."""
KEYS: Mapping[str, frozenset[str]] = {
    "data": _COMMON | {"type", "path"},
    "model": _COMMON | {"type", "path", "stage", "flavors", "job_name", "utc_time_created", "system_metadata"},
    "environment": _COMMON | {"image", "conda_file", "build", "inference_config", "os_type"},
}
TYPES = {"data": ("uri_folder", "uri_file", "mltable"), "model": ("custom_model", "mlflow_model", "triton_model")}


def read_definition(path: Path | None, settings: Mapping[str, str]) -> Source:
    """Read the file of an asset, with what the command line says in its place.

    Args:
        path: The YAML; None where the command line says all.
        settings: Dotted keys and values, such as `version: 2` or `tags.team: blue`.

    Raises:
        SpecError: It is not a mapping in YAML.
    """
    source = read(path) if path else read(Path("--set"), text="{}")
    if not isinstance(source.value, dict):
        raise source.fail((), "the file of an asset is a mapping of keys", "For example: {name: cereal, type: uri_file, path: cereal.csv}")
    for key, text in settings.items():
        *above, last = key.split(".")
        body = source.value
        for part in above:
            body = body.setdefault(part, {})
            if not isinstance(body, dict):
                raise UsageError(f"--set {key}: `{part}` holds no keys")
        body[last] = text if key in {"name", "version", "description"} else yaml.safe_load(text)
    return source


def read_draft(kind: str, source: Source, registry: str | None = None) -> Draft:
    """Turn the file of a data asset, a model or an environment into a draft.

    Raises:
        SpecError: With every mistake at its line.
    """
    reader = Reader(source)
    body = reader.mapping((), KEYS[kind] | _KEPT_BY_AZURE)
    _refuse_others(kind, reader, body)
    name, version = identity(reader)
    draft = _environment(reader) if kind == "environment" else _artifact(kind, reader)
    reader.done()
    said = ("description", "tags", "properties", "stage", "flavors")
    described = {key: body[key] for key in said if key in body}
    origin = str(source.path)
    return Draft(kind, name, version, draft.type, draft.path, draft.uri, draft.body, described, origin, registry)


def component_draft(source: Source, registry: str | None = None) -> Draft:
    """Return the draft of a component, without its files. Raises as `read_draft`."""
    reader = Reader(source)
    name, version = identity(reader)
    reader.done()
    body = source.value
    described = {key: body[key] for key in ("display_name", "description", "tags") if key in body}
    return Draft(
        "component", name, version, str(body.get("type", "command")), described=described, origin=str(source.path), registry=registry
    )


def identity(reader: Reader) -> tuple[str, str | None]:
    """Return name and version; a version may be left out."""
    name, version = reader.get(("name",), None), reader.get(("version",), None)
    if name is None:
        reader.note((), "an asset needs a `name`", "In the file, or with --set name=...")
    elif not NAME.fullmatch(str(name)):
        reader.note(("name",), f"{str(name)!r} cannot name an asset", "Letters, digits, - _ and . only, a letter or digit first.")
    if version is not None and (isinstance(version, bool) or not NAME.fullmatch(str(version))):
        reader.note(("version",), f"{version!r} cannot be a version", "A number, or letters, digits, - _ and .")
    return str(name), None if version is None else str(version)


def _refuse_others(kind: str, reader: Reader, body: Mapping[str, Any]) -> None:
    """Tell of files that are something else than they are taken for, and of nothing besides."""
    if kind == "data" and "source" in body:
        raise reader.source.fail(
            ("source",), "an import from a connection is not done here", "Read the data in a command step, or: mlops adopt", at_key=True
        )
    if kind == "environment" and {"channels", "dependencies"} & body.keys():
        hint = f"Write an environment's file: {{name: ..., image: ..., conda_file: {reader.source.path.name}}}"
        raise reader.source.fail((), "this is a conda file, not an environment's", hint)


def _artifact(kind: str, reader: Reader) -> Draft:
    """Read where data or a model are: here, and then they are kept; or elsewhere."""
    made = str(reader.get(("type",), TYPES[kind][0])).lower()
    if made not in TYPES[kind]:
        reader.note(("type",), f"unknown type {made!r}", did_you_mean(made, TYPES[kind], label="types"))
    text = reader.text(("path",))
    if REMOTE.match(text):
        return Draft(kind, "", None, made, uri=text)
    path = Path(reader.source.path.parent, text.removeprefix("file:")).resolve()
    wrong = _complaint(made, path, text) if text else None
    if wrong:
        reader.note(("path",), *wrong)
    return Draft(kind, "", None, made, path=path)


def _complaint(kind: str, path: Path, text: str) -> tuple[str, str] | None:
    if not path.exists():
        return f"there is no {text!r}", f"Paths are relative to this file: it would be {path}"
    if kind == "uri_file" and path.is_dir():
        return f"{text!r} is a folder, and the type is uri_file", "Use type: uri_folder, or name the file."
    if kind == "uri_folder" and path.is_file():
        return f"{text!r} is a file, and the type is uri_folder", "Use type: uri_file, or name the folder."
    if kind == "mlflow_model" and not (path / "MLmodel").is_file():
        return (
            f"{text!r} is no MLflow model: it has no MLmodel file",
            "Name the folder that mlflow.<flavor>.save_model wrote, or use type: custom_model.",
        )
    return complaint(path) if kind == "mltable" else None


def _environment(reader: Reader) -> Draft:
    """Read an environment: its conda file is taken in, its build context is kept."""
    image, build = reader.get(("image",), None), reader.mapping(("build",), {"path", "dockerfile_path"})
    if bool(image) == bool(build):
        reader.note(
            ("image",) if image else (),
            "an environment needs an `image` or a `build`, one of the two",
            "For example: image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04",
        )
    context = None
    if build and "path" in build and not REMOTE.match(str(build["path"])):
        context = Path(reader.source.path.parent, str(build["path"])).resolve()
        if not context.is_dir():
            reader.note(("build", "path"), f"there is no folder {str(build['path'])!r}", f"It would be {context}")
    body = {
        "image": image,
        "conda_file": _conda(reader),
        "build": dict(build) or None,
        "inference_config": reader.get(("inference_config",), None),
    }
    return Draft("environment", "", None, "environment", path=context, body=body)


def _conda(reader: Reader) -> Any:
    given = reader.get(("conda_file",), None)
    if not isinstance(given, str):
        return given
    path = Path(reader.source.path.parent, given.removeprefix("file:"))
    if not path.is_file():
        near = [one.name for one in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        reader.note(("conda_file",), f"there is no conda file {given!r}", did_you_mean(path.name, near, label="files there"))
        return None
    try:
        content = read(path).value
    except SpecError as error:
        reader.problems += error.problems
        return None
    if not isinstance(content, dict) or not isinstance(content.get("dependencies"), list):
        reader.note(("conda_file",), f"{given!r} is no conda file: it has no list of `dependencies`")
    return content


def settings_of(words: Sequence[str]) -> dict[str, str]:
    """Turn `key=value` of a command line into settings.

    Raises:
        UsageError: A word has another form.
    """
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise UsageError(f"--set {word!r} is not KEY=VALUE", hint="For example: --set name=cereal version=2")
        found[key.strip()] = value
    return found

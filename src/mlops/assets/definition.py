"""The YAML of an asset (schemas: `data`, `model`, `environment`), read and checked into a draft; every mistake at its line.

A component's YAML is the spec's affair (`spec/component.py`); what is kept of it, with its code, is bundle.py's.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops.assets.store import Draft
from mlops.errors import SpecError, UsageError
from mlops.spec import keys
from mlops.spec.environment import ENVIRONMENT, parse_environment
from mlops.spec.keys import Key, Table
from mlops.spec.mltable import complaint
from mlops.spec.reading import Here, Reading
from mlops.spec.recognition import ASSETS
from mlops.spec.references import is_reference
from mlops.spec.source import Source, did_you_mean, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,254}")
_SERVICE = keys.without_effect(keys.anything, "kept by the service only")
_NAMED: Table = {
    "$schema": Key(keys.text),
    "name": Key(keys.text),
    "version": Key(keys.word),
    "description": Key(keys.text),
    "tags": Key(keys.mapping),
}
_ARTIFACT: Table = {
    **_NAMED,
    "path": Key(keys.text, required=True),
    "properties": Key(keys.mapping),
    "datastore": keys.without_effect(keys.text, "nothing is uploaded"),
    "creation_context": _SERVICE,
    "latest_version": _SERVICE,
    "id": _SERVICE,
}
SCHEMAS: Mapping[str, Table] = {
    "data": {**_ARTIFACT, "type": Key(keys.text), "properties": _SERVICE, "auto_delete_setting": _SERVICE},
    "model": {
        **_ARTIFACT,
        "type": Key(keys.text),
        "stage": Key(keys.text),
        "flavors": Key(keys.mapping),
        "system_metadata": keys.without_effect(keys.mapping, "kept by the service only"),
        "intellectual_property": _SERVICE,
        "job_name": _SERVICE,
        "utc_time_created": _SERVICE,
    },
    "environment": {**ENVIRONMENT, "creation_context": _SERVICE, "auto_delete_setting": _SERVICE},
}
"""What each key of an asset's file takes. `az ml ... show` prints more than `create` reads: what the service keeps is taken, and left alone."""


def read_definition(path: Path | None, settings: Mapping[str, str]) -> Source:
    """Read the file of an asset, with what the command line says in its place.

    Args:
        path: The YAML; None where the command line says all.
        settings: Dotted keys and values, such as `version: 2` or `tags.team: blue`.

    Raises:
        SpecError: It is not a mapping in YAML.
    """
    source = read(path) if path else read(Path("(command line)"), text="{}")
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
    here, body = Here(source, (), Reading()), source.value
    _refuse_others(kind, source, body)
    here.judge(body, SCHEMAS[kind], f"{'an' if kind == 'environment' else 'a'} {kind}")
    draft = _environment(here, body) if kind == "environment" else _artifact(kind, here, body)
    name, version = identity(here, body)
    if here.reading.problems:
        raise SpecError(list(dict.fromkeys(here.reading.problems)))
    said = ("description", "tags", "properties", "stage", "flavors")
    described = {key: body[key] for key in said if key in body}
    return replace(draft, name=name, version=version, described=described, origin=str(source.path), registry=registry)


def component_draft(source: Source, registry: str | None = None) -> Draft:
    """Return the draft of a component, without its files. Raises as `read_draft`."""
    here, body = Here(source, (), Reading()), source.value
    name, version = identity(here, body)
    if here.reading.problems:
        raise SpecError(here.reading.problems)
    described = {key: body[key] for key in ("display_name", "description", "tags") if key in body}
    return Draft(
        "component", name, version, str(body.get("type", "command")), described=described, origin=str(source.path), registry=registry
    )


def identity(here: Here, body: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return name and version; a version may be left out."""
    name, version = body.get("name"), body.get("version")
    if name is None:
        here.note("an asset needs a `name`", "In the file, or with --set name=...")
    elif not NAME.fullmatch(str(name)):
        here.at("name").note(f"{str(name)!r} cannot name an asset", "Letters, digits, - _ and . only, a letter or digit first.")
    if version is not None and not NAME.fullmatch(str(version)):
        here.at("version").note(f"{version!r} cannot be a version", "A number, or letters, digits, - _ and .")
    return str(name), None if version is None else str(version)


def _refuse_others(kind: str, source: Source, body: Mapping[str, Any]) -> None:
    """Tell of files that are something else than they are taken for, and of nothing besides."""
    if kind == "data" and "source" in body:
        hint = "Read the data in a command step, or: mlops adopt"
        raise source.fail(("source",), "an import from a connection is not done here", hint, at_key=True)
    if kind == "environment" and {"channels", "dependencies"} & body.keys():
        hint = f"Write an environment's file: {{name: ..., image: ..., conda_file: {source.path.name}}}"
        raise source.fail((), "this is a conda file, not an environment's", hint)


def _artifact(kind: str, here: Here, body: Mapping[str, Any]) -> Draft:
    """Read where data or a model are: here, and then they are kept; or elsewhere."""
    made = str(body.get("type", ASSETS[kind][0]))
    made = made.lower() if kind == "model" else made
    if made not in ASSETS[kind]:
        here.at("type").note(f"unknown type {made!r}", did_you_mean(made, ASSETS[kind], label="types"))
    text = str(body.get("path") or "")
    if is_reference(text):
        return Draft(kind, "", None, made, uri=text)
    path = here.beside(text.removeprefix("file:"))
    wrong = _complaint(made, path, text) if text else None
    if wrong:
        here.at("path").note(*wrong)
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


def _environment(here: Here, body: Mapping[str, Any]) -> Draft:
    """Read an environment: its conda file is taken in, its build context is kept."""
    made = parse_environment(here, {key: value for key, value in body.items() if key in ENVIRONMENT})
    if not isinstance(made, dict):
        return Draft("environment", "", None, "environment")
    image, build = made.get("image"), made.get("build")
    if image and build:
        here.at("build").note("an environment has an `image` or a `build`, one of the two", at_key=True)
    context = Path(str(build["path"])) if isinstance(build, dict) and build.get("path") else None
    kept = {"image": image, "conda_file": made.get("conda_file"), "build": body.get("build")}
    return Draft("environment", "", None, "environment", path=context, body=kept)


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

"""The `environment` of a step: a reference, or an image with its conda file or its build folder, in place or in a file of its own.

An environment with a conda file holds that file's content, not its path: it is the content that decides what a step makes.
"""

from __future__ import annotations

from mlops.errors import SpecError
from mlops.spec import keys
from mlops.spec.keys import Key
from mlops.spec.reading import Here
from mlops.spec.references import is_reference
from mlops.spec.source import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

BUILD = {"path": Key(keys.text), "dockerfile_path": Key(keys.text)}
ENVIRONMENT = {
    "$schema": Key(keys.text),
    "name": Key(keys.text),
    "version": Key(keys.word),
    "description": Key(keys.text),
    "tags": Key(keys.words),
    "image": Key(keys.text),
    "conda_file": Key(),
    "build": Key(keys.mapping, inner=BUILD),
    "os_type": keys.without_effect(keys.one_of("linux", "windows"), "this machine is the system"),
    "inference_config": keys.without_effect(keys.mapping, "a step serves nothing"),
    "id": keys.without_effect(keys.text, "a stored environment's, as the service prints it"),
    "auto_delete_setting": keys.without_effect(keys.mapping, "nothing is deleted by age here"),
    "datastore": keys.without_effect(keys.text, "nothing is uploaded"),
}


def parse_environment(here: Here, value: Any) -> Mapping[str, Any] | str | None:
    """Return the environment here: a reference as it stands, or a mapping whose `conda_file` is a mapping and whose `build.path` is whole."""
    if value is None or (isinstance(value, str) and is_reference(value)):
        return value
    if isinstance(value, str):
        return _of_file(here, value)
    body = here.mapping(value)
    here.judge(body, ENVIRONMENT, "an environment")
    if body.get("image") is None and body.get("build") is None:
        here.note("an environment needs an `image` or a `build`", "For example: image: python:3.11", at_key=True)
    made = {
        name: item for name, item in body.items() if name in ENVIRONMENT and ENVIRONMENT[name].fate == keys.EXECUTED and name != "$schema"
    }
    if "conda_file" in made:
        made["conda_file"] = _conda_file(here.at("conda_file"), made["conda_file"])
    if isinstance(made.get("build"), dict):
        made["build"] = made["build"] | {"path": _build_path(here.at("build", "path"), made["build"].get("path"))}
    return made


def _of_file(here: Here, value: str) -> Mapping[str, Any] | str | None:
    if not value.startswith("file:"):
        here.note(f"environment {value!r} is no reference", "Write azureml:NAME@latest, file:PATH, or a mapping with `image` or `build`.")
        return None
    try:
        source = read(here.beside(value.removeprefix("file:")))
    except SpecError as error:
        here.note(f"there is no environment file {value!r}: {error.problems[0].message}")
        return None
    return parse_environment(Here(source, (), here.reading), source.value)


def _conda_file(here: Here, value: Any) -> Any:
    if not isinstance(value, str):
        return here.mapping(value)
    path = here.beside(value.removeprefix("file:"))
    if not path.is_file():
        here.note(f"there is no conda file {value!r}", f"Paths are relative to this file: it would be {path}")
        return None
    try:
        return read(path).value
    except SpecError as error:
        here.reading.problems.extend(error.problems)
        return None


def _build_path(here: Here, value: Any) -> str | None:
    path = here.beside(str(value)) if value is not None else None
    if path is None or not path.is_dir():
        here.note(f"there is no build folder {value!r}", "A build names the folder of its Dockerfile: build: {path: ./docker}")
        return None
    return str(path)

"""A scoring pipeline with one version in it, as a pipeline component of the workspace: what a batch deployment holds.

The job's file is taken as it is, but for the model: steps that take it are given the registered one, and the lineage of it, so that whoever calls the
endpoint says rows and parameters, and cannot say another model. Files that the job names are given at each call, since a component's inputs have no paths.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops.azure.catalogue import Catalogue
from mlops.delivery.batch import LINEAGE, MODEL
from mlops.errors import UsageError
from mlops.spec.references import is_reference
from mlops.spec.source import read
from mlops.spec.values import ASSET_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.azure.catalogue import Version
    from mlops.azure.connection import Connection

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/pipelineComponent.schema.json"
_KINDS = {bool: "boolean", int: "integer", float: "number"}
_FILES = {"component", "trial", "code", "environment"}


def scoring_component(connection: Connection, pipeline: Path, name: str, model: str, lineage: str) -> Version:
    """Register a pipeline file as a component with a model in it, unless the workspace has this one already.

    Args:
        connection: The workspace.
        pipeline: The file of a pipeline job.
        name: What the component is called.
        model: The ARM id of the registered model.
        lineage: What the rows are to say of it.

    Raises:
        MlopsError: It cannot be a component, is refused, or the workspace cannot be reached.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "component.yml")
        made = {"$schema": _SCHEMA, "name": name, **component_of(pipeline, model, lineage)}
        file.write_text(yaml.safe_dump(made, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return Catalogue("component", connection.client, connection.settings.workspace).create(read(file), None)


def component_of(pipeline: Path, model: str, lineage: str) -> dict[str, Any]:
    """Return the pipeline component of a job's file: what it names by path is named by its whole path.

    Raises:
        UsageError: Its steps stand in another file.
    """
    job = read(pipeline).value
    if not isinstance(job.get("jobs"), dict):
        raise UsageError("a batch endpoint takes a pipeline whose steps stand in the file itself", where=str(pipeline), hint="jobs: ...")
    fixed = {MODEL: {"type": "mlflow_model", "path": f"azureml:{model}"}, LINEAGE: lineage}
    inputs = {name: _declared(given) for name, given in (job.get("inputs") or {}).items() if name not in fixed}
    outputs = {name: {"type": _type(given, "uri_folder")} for name, given in (job.get("outputs") or {}).items()}
    steps = {name: _step(step, pipeline.resolve().parent, fixed) for name, step in job["jobs"].items()}
    told = {key: job[key] for key in ("display_name", "description") if key in job}
    return {"type": "pipeline", **told, "inputs": inputs, "outputs": outputs, "jobs": steps}


def _declared(given: Any) -> dict[str, Any]:
    """Return the input of a component for one of a job: of the same type, with a literal's value as its default."""
    if not isinstance(given, dict):
        return {"type": _KINDS.get(type(given), "string"), "default": given}
    kind = _type(given, "uri_folder" if "path" in given else "string")
    value = given.get("default", given.get("value"))
    return {"type": kind, **({"default": value} if value is not None and kind not in ASSET_TYPES else {})}


def _type(given: Any, usual: str) -> str:
    return str(given.get("type", usual)) if isinstance(given, dict) else usual


def _step(step: Any, base: Path, fixed: Mapping[str, Any]) -> Any:
    if not isinstance(step, dict):
        return step
    made = {key: _whole(value, base) if key in _FILES else value for key, value in step.items()}
    if isinstance(step.get("inputs"), dict):
        made["inputs"] = {name: _given(value, base, fixed) for name, value in step["inputs"].items()}
    return made


def _given(value: Any, base: Path, fixed: Mapping[str, Any]) -> Any:
    """Return what a step is given: what the version decides in its place, else as it stands."""
    bound = value.get("path") if isinstance(value, dict) else value
    found = re.fullmatch(r"\$\{\{\s*parent\.inputs\.(\w+)\s*\}\}", bound) if isinstance(bound, str) else None
    if found and found[1] in fixed:
        own = fixed[found[1]]
        return {**value, **own} if isinstance(value, dict) and isinstance(own, dict) else own
    if isinstance(value, dict) and isinstance(bound, str):
        return {**value, "path": _whole(bound, base)}
    return value


def _whole(value: Any, base: Path) -> Any:
    """Return a path with all of it; what is elsewhere, or no path, as it is."""
    if isinstance(value, dict):
        keys = _FILES | {"path", "conda_file", "build"}
        return {key: _whole(item, base) if key in keys else item for key, item in value.items()}
    if not isinstance(value, str) or "${{" in value or is_reference(value):
        return value
    scheme = "file:" if value.startswith("file:") else ""
    return f"{scheme}{(base / value.removeprefix('file:')).resolve()}"

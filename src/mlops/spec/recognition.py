"""What a YAML file is, by its schema or else by its shape: a job, an asset, or something that is neither and is told by its name."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.errors import SpecError
    from mlops.spec.source import Source

ASSETS: Mapping[str, tuple[str, ...]] = {
    "data": ("uri_folder", "uri_file", "mltable"),
    "model": ("custom_model", "mlflow_model", "triton_model"),
    "environment": (),
}
"""Kinds of assets, and the types that each may have, the default first."""
_SERVED = "What serves a version is set in environments/*.yml, and made by: mlops promote VERSION --to staging"
_OTHERS = {
    "managedonlineendpoint": ("an online endpoint's", _SERVED),
    "kubernetesonlineendpoint": ("an online endpoint's", _SERVED),
    "manageddeployment": ("an online deployment's", _SERVED),
    "managedonlinedeployment": ("an online deployment's", _SERVED),
    "kubernetesonlinedeployment": ("an online deployment's", _SERVED),
    "batchendpoint": ("a batch endpoint's", "Run the pipeline that scores: mlops run FILE"),
    "batchdeployment": ("a batch deployment's", "Run the pipeline that scores: mlops run FILE"),
    "amlcompute": ("a compute's", "Machines are described in infra/: make infra"),
    "computeinstance": ("a compute's", "Machines are described in infra/: make infra"),
    "workspace": ("a workspace's", "The workspace is described in infra/: make infra"),
    "registry": ("a registry's", "The registry is described in infra/: make infra"),
    "schedule": ("a schedule's", "mlops schedule create -f FILE --where azure; to run once what it names: mlops run PIPELINE"),
    "monitorschedule": ("a monitor's", "mlops schedule create -f FILE --where azure; what is watched from here: mlops monitor"),
    "azureblob": ("a datastore's", "A line in data/paths.yml says where a datastore is on this machine."),
}
"""The name in a schema's address, without its end -> whose file it is, and what to do instead."""
_TRIGGERED = {"create_job", "create_monitor", "import_data"}
_TYPES = {"azure_blob": "azureblob", "azure_file": "azureblob", "azure_data_lake_gen2": "azureblob", "amlcompute": "amlcompute"}


def asset_kind(body: Mapping[str, Any]) -> str | None:
    """Return data, model or environment where a file is one of these; else None."""
    schema = _schema(body)
    if schema:
        return schema if schema in ASSETS else None
    kind = str(body.get("type", "")).lower()
    named = next((name for name, types in ASSETS.items() if kind in types), None)
    if named or "type" in body:
        return named
    return "environment" if body.keys() & {"image", "build"} and not body.keys() & {"command", "jobs", "trial"} else None


def is_schedule(body: Mapping[str, Any]) -> bool:
    """Return whether a file is a schedule's: by its schema, or by a trigger and what it triggers."""
    schema = _schema(body)
    return schema in {"schedule", "monitorschedule"} or (not schema and "trigger" in body and bool(body.keys() & _TRIGGERED))


def stranger(source: Source, body: Mapping[str, Any]) -> SpecError | None:
    """Return the error about a file that is no job's, with what it is and what to do with it; None where it may be one."""
    words = {str(key).lower() for key in body}
    if "jobs" in words and words & {"on", "true"}:  # YAML 1.1 reads `on` as true
        return source.fail((), "this is a workflow of GitHub Actions, not a job's file", "make audit looks at those.")
    if is_schedule(body):
        known = _OTHERS["monitorschedule" if "create_monitor" in body else "schedule"]
        return source.fail((), f"this is {known[0]} file, not a job's", known[1])
    if body.keys() & {"stages", "pool", "trigger"}:
        return source.fail((), "this is a pipeline of Azure DevOps, not a job's file", "make audit looks at those.")
    if asset := asset_kind(body):
        article = "an" if asset == "environment" else "a"
        hint = f"Keep it for pipelines to name: mlops {asset} create -f {source.path.name}"
        return source.fail((), f"this is the file of {article} {asset}{' asset' if asset == 'data' else ''}, not a job's", hint)
    other = _OTHERS.get(_schema(body) or _TYPES.get(str(body.get("type", "")).lower(), ""))
    return source.fail((), f"this is {other[0]} file, not a job's", other[1]) if other else None


def _schema(body: Mapping[str, Any]) -> str:
    """Return the name in a schema's address: managedonlineendpoint for .../managedOnlineEndpoint.schema.json."""
    return str(body.get("$schema", "")).rpartition("/")[2].partition(".")[0].lower()

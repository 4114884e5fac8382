"""Azure ML's own monitor of what serves: the schedule's file made of an environment's `monitor:` and of the version that is there.

The service compares the rows that the deployment has collected with the version's own training rows. It computes that itself, on serverless Spark; here
stands only what it is asked for: a standard `monitorSchedule` file, put like any other.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from azure.ai.ml.entities import Data
from azure.core.exceptions import ResourceNotFoundError

from mlops.azure.content import version_of
from mlops.azure.failures import told
from mlops.azure.following import word
from mlops.azure.online import Online
from mlops.azure.submission import silent
from mlops.errors import UsageError
from mlops.files import digest_file, read_json, write_atomic
from mlops.registry.reference import FILE
from mlops.spec.references import is_reference

if TYPE_CHECKING:
    from mlops.azure.connection import Connection
    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion
    from mlops.settings import Environment

SCHEMA = "https://azuremlschemas.azureedge.net/latest/monitorSchedule.schema.json"
RUNTIME = "3.4"
ROWS = "rows.parquet"
_BEGIN = "2026-01-01T00:00:00"  # in the past: the first look is at the next of its times, and not at once


@dataclass(frozen=True)
class Training:
    """The rows that a version learnt from: a table of the workspace, or a Parquet file here that is to become one."""

    reference: str
    """azureml:NAME:VERSION."""
    file: Path | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Monitor:
    """The file of a monitor's schedule, and the rows that it holds production's against."""

    file: Path
    training: Training


def monitor_of(workspace: Workspace, environment: str, reference: str | None) -> Monitor:
    """Write the file of the schedule that has Azure ML watch what serves an environment; nothing is put there yet.

    Args:
        workspace: The model.
        environment: Where it serves; its file says `where: azure` and `online: {collect: true}`.
        reference: The training rows, azureml:NAME:VERSION or a Parquet file; None for those of the version's own run on this machine.

    Raises:
        UsageError: Nothing serves there, it does not collect, or nobody knows the training rows.
    """
    settings, serving = workspace.environment(environment), workspace.serving(environment)
    where = f"environments/{environment}.yml"
    if not isinstance(serving, Online):
        raise UsageError("it is on this machine, and Azure ML watches its own deployments", where=where, hint="make monitor watches it.")
    if not settings.online.collect:
        hint = "online: {collect: true} keeps rows and answers, which may be personal data; then promote again."
        raise UsageError("its deployments do not collect what they are asked", where=where, hint=hint)
    version = workspace.registry.resolve(workspace.model.name, environment)
    if version is None:
        raise UsageError("nothing serves there yet", where=where, hint=f"mlops promote VERSION --to {environment}")
    columns = _columns(workspace, version, settings)
    training = _training(workspace, version, reference, columns)
    body = definition(workspace, settings, serving.target(version), training, columns)
    file = workspace.home / "azure" / "schedules" / f"{body['name']}.yml"
    text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)
    write_atomic(file, f"# Made of {where} and of v{version.version} by mlops schedule create --monitor {environment}.\n{text}")
    return Monitor(file, training)


def definition(workspace: Workspace, settings: Environment, target: str, training: Training, columns: tuple[str, ...]) -> dict[str, Any]:
    """Return what the file says: a signal for each thing that is watched, each alerting where its rule is `on`.

    Prediction drift is held against the outputs collected before: of the training rows nobody knows what the deployment's output columns are called.
    """
    own, rules, model = settings.model_monitor, settings.monitor, workspace.model
    known = {"path": training.reference, "type": "mltable"}
    reference = {"input_data": known, "data_context": "training", "data_column_names": {"target_column": model.target}}
    drift = {"population_stability_index": rules.drift.at_most}
    quality = {"null_value_rate": own.missing, "out_of_bounds_rate": own.out_of_bounds}
    alert = rules.drift.mode == "on"
    signals: dict[str, Any] = {
        "data-quality": {
            "type": "data_quality",
            "reference_data": reference,
            "features": list(columns),
            "metric_thresholds": {"numerical": quality, "categorical": quality},
            "alert_enabled": alert,
        },
        "feature-attribution-drift": {
            "type": "feature_attribution_drift",
            "reference_data": reference,
            "metric_thresholds": {"normalized_discounted_cumulative_gain": own.attribution},
            "alert_enabled": alert,
        },
    }
    if rules.drift.mode != "off":
        both = {"numerical": drift, "categorical": drift}
        data = {"type": "data_drift", "reference_data": reference, "features": list(columns)}
        signals = {
            "data-drift": {**data, "metric_thresholds": both, "alert_enabled": alert},
            "prediction-drift": {"type": "prediction_drift", "metric_thresholds": both, "alert_enabled": alert},
            **signals,
        }
    monitor: dict[str, Any] = {
        "compute": {"instance_type": own.instance_type, "runtime_version": RUNTIME},
        "monitoring_target": {
            "ml_task": "regression" if model.task == "regression" else "classification",
            "endpoint_deployment_id": target,
        },
        "monitoring_signals": signals,
    }
    if own.emails:
        monitor["alert_notification"] = {"emails": list(own.emails)}
    return {
        "$schema": SCHEMA,
        "name": f"{model.name}-{settings.name}-monitor",
        "display_name": f"{model.name} in {settings.name}",
        "trigger": _trigger(own.every, own.hour),
        "create_monitor": monitor,
    }


def _trigger(every: str, hour: int) -> dict[str, Any]:
    pattern: dict[str, Any] = {"hours": hour, "minutes": 0}
    on: dict[str, dict[str, Any]] = {"week": {"week_days": ["monday"]}, "month": {"month_days": 1}}
    pattern |= on.get(every, {})
    return {"type": "recurrence", "frequency": every, "interval": 1, "schedule": pattern, "start_time": _BEGIN, "time_zone": "UTC"}


def _columns(workspace: Workspace, version: ModelVersion, settings: Environment) -> tuple[str, ...]:
    """Return the columns that are watched: those that the rules name, else those that the version's own reference knows."""
    if settings.monitor.columns:
        return settings.monitor.columns
    path = workspace.registry.attachment(version, FILE)
    if path is None:
        hint = "Name them: monitor: {columns: [...]}. The next version will have them."
        raise UsageError(f"v{version.version} was registered without its columns", where=f"environments/{settings.name}.yml", hint=hint)
    return tuple(json.loads(path.read_text(encoding="utf-8"))["columns"])


def _training(workspace: Workspace, version: ModelVersion, reference: str | None, columns: tuple[str, ...]) -> Training:
    """Return the rows that a version learnt from.

    Raises:
        UsageError: They are not on this machine, and were not named.
    """
    if reference and is_reference(reference):
        return Training(reference, None, columns)
    file = Path(reference) if reference else _own_rows(workspace, version)
    if file is None or not file.is_file():
        run = version.tags.get("slipway.run", "?")
        hint = f"--reference FILE.parquet, or azureml:NAME:VERSION of an mltable with the columns and {workspace.model.target!r}."
        raise UsageError(
            f"the rows that v{version.version} learnt from (output `train` of run {run}) are not on this machine",
            where=reference,
            hint=hint,
        )
    label = version_of(digest_file(file))
    return Training(f"azureml:{version.name}-training:{label}", file, (*columns, workspace.model.target))


def _own_rows(workspace: Workspace, version: ModelVersion) -> Path | None:
    """Return the training rows of the run that made a version, where this machine has it: the run's model must be that version's."""
    facts = read_json(workspace.home / "runs" / version.tags.get("slipway.run", "none") / "run.json") or {}
    outputs = facts.get("outputs") or {}
    same = (outputs.get("model") or {}).get("digest") == version.digest
    return Path(outputs["train"]["path"]) if same and "train" in outputs else None


def upload(connection: Connection, training: Training) -> bool:
    """Let the training rows be a table of the workspace, under their digest; return whether they were not there before.

    Raises:
        UsageError: The file is no table with these columns.
        PlatformError: They cannot be uploaded.
    """
    if training.file is None:
        return False
    name, _, version = training.reference.removeprefix("azureml:").partition(":")
    with told("look for the training rows", where=training.reference):
        try:
            connection.client.data.get(name, version=version)
        except ResourceNotFoundError:
            pass
        else:
            return False
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "table"
        _table(training.file, training.columns, folder)
        # without an address azure-ai-ml asks a host outside of Azure for the schema of MLTable
        made = Data(name=name, version=version, path=str(folder), type="mltable", mltable_schema_url="")
        with told("upload the training rows", where=str(training.file)), silent():
            connection.client.data.create_or_update(made)
    return True


def _table(file: Path, columns: tuple[str, ...], folder: Path) -> None:
    """Lay out an MLTable of the columns that are compared, and nothing else of the rows."""
    import pandas as pd

    folder.mkdir()
    try:
        rows = pd.read_parquet(file, columns=list(columns))
    except (ValueError, KeyError, OSError) as error:
        raise UsageError(f"it is no Parquet file with the columns {', '.join(columns)}", where=str(file)) from error
    rows.to_parquet(folder / ROWS, index=False)
    text = {"type": "mltable", "paths": [{"file": f"./{ROWS}"}], "transformations": ["read_parquet"]}
    (folder / "MLTable").write_text(yaml.safe_dump(text, sort_keys=False), encoding="utf-8")


def keyless(connection: Connection) -> bool:
    """Return whether the workspace's own datastores are read by identity alone: Microsoft's page says that its monitor takes credentials only."""
    with told("look at the workspace", where=connection.settings.workspace):
        mode = connection.client.workspaces.get(connection.settings.workspace).system_datastores_auth_mode
    return word(mode).lower() == "identity"

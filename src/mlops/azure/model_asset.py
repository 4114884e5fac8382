"""A version of the registry as a model of the workspace, which a deployment mounts: uploaded once, and called by its files' digest."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from azure.ai.ml.entities import Model
from azure.core.exceptions import ResourceNotFoundError

from mlops.azure.failures import told
from mlops.azure.submission import silent
from mlops.registry.versions import DIGEST

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.azure.connection import Connection
    from mlops.registry.versions import ModelVersion


def model_asset(connection: Connection, version: ModelVersion, folder: Path) -> str:
    """Return the ARM id of the model in the workspace that holds a version's files; it is uploaded where it is not there.

    Raises:
        PlatformError: It cannot be uploaded.
    """
    name, label = version.name, version.digest.removeprefix("sha256:")[:16]
    with told(f"upload {version.name} v{version.version}", where=str(folder)), silent():
        for number in (str(version.version), label):  # where it was registered; where it was brought to be served
            with contextlib.suppress(ResourceNotFoundError):
                found = connection.client.models.get(name, version=number)
                if found.tags.get(DIGEST) == version.digest:
                    return str(found.id)
        tags = {"version": str(version.version), DIGEST: version.digest}
        made = connection.client.models.create_or_update(Model(name=name, version=label, path=folder, type="mlflow_model", tags=tags))
    return str(made.id)

"""A version of the registry as a model that a deployment mounts: uploaded once, and called by its files' digest.

It is a model of the workspace; or, where the environment's file names an Azure ML registry, of that, through which it comes from one
environment's workspace to the next.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from azure.ai.ml.entities import Model
from azure.core.exceptions import ResourceNotFoundError

from mlops.assets.reference import Reference
from mlops.azure.content import version_of
from mlops.azure.failures import told
from mlops.azure.registries import catalogue
from mlops.azure.sharing import share
from mlops.azure.submission import silent
from mlops.errors import JobFailed
from mlops.registry.versions import DIGEST

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.azure.connection import Connection
    from mlops.registry.versions import ModelVersion


def model_asset(connection: Connection, version: ModelVersion, folder: Path) -> str:
    """Return the id of the model that holds a version's files, of the workspace or of the environment's registry; what is not there is brought.

    Raises:
        JobFailed: Under this name the registry has other files.
        PlatformError: It cannot be uploaded, or shared.
    """
    with told(f"upload {version.name} v{version.version}", where=str(folder)), silent():
        own = _own(connection, version)
        if not connection.settings.registry:
            return str((own or _uploaded(connection.client, version, folder)).id)
    return _shared(connection, version, folder, own)


def _own(connection: Connection, version: ModelVersion) -> Any:
    """Return the workspace's model of a version, or None where it has none."""
    for number in (str(version.version), version_of(version.digest)):  # where it was registered; where it was brought to be served
        with contextlib.suppress(ResourceNotFoundError):
            found = connection.client.models.get(version.name, version=number)
            if found.tags.get(DIGEST) == version.digest:
                return found
    return None


def _uploaded(client: Any, version: ModelVersion, folder: Path) -> Any:
    tags = {"version": str(version.version), DIGEST: version.digest}
    model = Model(name=version.name, version=version_of(version.digest), path=folder, type="mlflow_model", tags=tags)
    return client.models.create_or_update(model)


def _shared(connection: Connection, version: ModelVersion, folder: Path, own: Any) -> str:
    """Return the registry's model of a version: shared from the workspace that it was registered in, or else put there from its files."""
    registry, label = connection.settings.registry, version_of(version.digest)
    there = catalogue(connection, "model", registry)
    with told(f"bring {version.name} v{version.version} into the registry", where=registry), silent():
        try:
            found = there.operations.get(version.name, version=label)
        except ResourceNotFoundError:
            found = None
        if found is not None and found.tags.get(DIGEST, version.digest) != version.digest:
            hint = "A version there is called by the digest of its files: somebody else has put this one there. Archive it, and look who it was."
            raise JobFailed(f"{version.name}:{label} in the registry {registry} has other files", where=registry, hint=hint)
        if found is None and own is None:
            _uploaded(there.client, version, folder)
    if found is None and own is not None:
        share(connection, "model", Reference(version.name, str(own.version)), registry, version=label)
    return f"azureml://registries/{registry}/models/{version.name}/versions/{label}"

"""The way to an Azure ML registry, which workspaces share: found by its name alone, with the login and the patience of a workspace's connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.ai.ml import MLClient
from azure.core.exceptions import ResourceNotFoundError

from mlops.azure.catalogue import Catalogue
from mlops.azure.connection import POLL, Spread, retries
from mlops.azure.failures import told
from mlops.errors import UsageError

if TYPE_CHECKING:
    from mlops.azure.connection import Connection


def catalogue(connection: Connection, kind: str, registry: str | None = None) -> Catalogue:
    """Return the assets of a kind: of the workspace, or of a registry.

    Raises:
        UsageError: There is no registry of that name, or not for whoever is signed in.
        PlatformError: It cannot be reached.
    """
    if not registry:
        return Catalogue(kind, connection.client, f"workspace {connection.settings.workspace}")
    return Catalogue(kind, client_of(connection, registry), f"registry {registry}", registry)


def client_of(connection: Connection, registry: str) -> MLClient:
    """Return azure-ai-ml's client of a registry. Raises as `catalogue`."""
    with told("find the registry", where=registry):
        try:
            return MLClient(
                connection.credential,
                registry_name=registry,
                show_progress=False,
                polling_interval=POLL,
                enable_telemetry=False,
                **retries(),
                per_retry_policies=[Spread()],
            )
        except ResourceNotFoundError as error:
            hint = "make infra ENV=shared makes it, and prints its name; `azure: registry:` in the environment's file says it once."
            raise UsageError(f"there is no registry {registry!r}, or not for whoever is signed in", hint=hint) from error

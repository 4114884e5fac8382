"""The image that the service built from an environment, and an environment that is this image and no other, by its digest.

azure-ai-ml 1.35.2 tells neither. Resource Manager does: Microsoft's published types give an environment's version `imageDetails`, with registry,
repository and digest, in every preview from 2024-10-01 to 2026-05-15, and in no stable version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.azure.arm import Arm
from mlops.azure.failures import told
from mlops.azure.names import workspace_id
from mlops.azure.registries import catalogue
from mlops.errors import UsageError
from mlops.spec.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.azure.catalogue import Version
    from mlops.azure.connection import Connection

API_VERSION = "2026-05-15-preview"
SHA256 = "sha256:"


@dataclass(frozen=True)
class Built:
    """One image: where it is, and its digest."""

    host: str
    repository: str
    digest: str

    @property
    def address(self) -> str:
        """What names this image and no other."""
        return f"{self.host}/{self.repository}@{self.digest}"


def built_image(connection: Connection, name: str, version: str) -> Built | None:
    """Return the image of an environment's version; None where none was built yet, or the service does not say.

    Raises:
        PlatformError: It cannot be asked.
    """
    path = f"{workspace_id(connection.settings)}/environments/{name}/versions/{version}"
    with told(f"ask for the image of {name}:{version}", where=connection.settings.workspace):
        details = Arm(connection.credential).ask("GET", path, {"api-version": API_VERSION})["properties"].get("imageDetails") or {}
    image = details.get("image") or {}
    found = Built(*(str(image.get(key) or "") for key in ("hostname", "repository", "digest")))
    whole = found.host and found.repository and found.digest.startswith(SHA256)
    return found if whole and details.get("exists", True) else None


def pin(connection: Connection, one: Version, beside: Path) -> tuple[Version, Built]:
    """Register an environment that is the image which was built from another one; return it, and the image.

    Args:
        connection: The workspace.
        one: The environment that the image was built from.
        beside: A folder; nothing is written there.

    Raises:
        UsageError: The service tells of no image of it.
    """
    built = built_image(connection, one.name, one.version)
    if built is None:
        what = f"the service tells of no image that was built from {one.name}:{one.version}"
        hint = "The first job that runs in it builds it: run one, and ask again. Until then its base image, its packages and its version pin it."
        raise UsageError(what, where=f"workspace {connection.settings.workspace}", hint=hint)
    said = {"name": one.name, "image": built.address, "description": f"the image that was built from {one.name}:{one.version}"}
    return catalogue(connection, "environment").create(
        Source(beside / "(pinned)", said | {"tags": {"slipway.built-from": one.version}}), None
    ), built

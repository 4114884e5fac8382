"""How resources are called on Azure, and what the service allows: the mirror of the expressions in infra/main.bicep and shared.bicep.

Global names (storage, vault, images, endpoints) hold `unique`: 13 characters of [a-z2-7] that Bicep's `uniqueString` makes of the resource
group, so that a name is the same each time, and another's in any other group.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops.settings import AzureSettings

COST_OWNER = "cost-owner"
"""The tag that says who pays: of every resource, run and endpoint."""
PROJECT = re.compile(r"[a-z][a-z0-9]{2,9}")
ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{1,10}[a-z0-9]")
MODEL = re.compile(r"[a-z][a-z0-9-]{0,40}")


def workspace_id(settings: AzureSettings) -> str:
    """Return the ARM id of an environment's workspace."""
    group = f"/subscriptions/{settings.subscription}/resourceGroups/{settings.resource_group}"
    return f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{settings.workspace}"


def owner_tag(settings: AzureSettings) -> dict[str, str]:
    """Return the tag that says who pays in an environment; nothing where its file does not say."""
    return {COST_OWNER: settings.cost_owner} if settings.cost_owner else {}


@dataclass(frozen=True)
class Limit:
    """What a name may be: its length, and its characters."""

    least: int
    most: int
    pattern: str

    def complaint(self, name: str) -> str | None:
        """Return why the service would refuse a name, or None."""
        if not self.least <= len(name) <= self.most:
            return f"{name!r} has {len(name)} characters, and {self.least} to {self.most} are allowed"
        return None if re.fullmatch(self.pattern, name) else f"{name!r} holds a character, or an order of them, that is not allowed"


LIMITS = {
    "storage": Limit(3, 24, r"[a-z0-9]+"),
    "vault": Limit(3, 24, r"[A-Za-z](?:-?[A-Za-z0-9])+"),
    "images": Limit(5, 50, r"[A-Za-z0-9]+"),
    "workspace": Limit(3, 33, r"[A-Za-z0-9][A-Za-z0-9_-]+"),
    "registry": Limit(3, 33, r"[A-Za-z0-9][A-Za-z0-9_-]+"),
    "endpoint": Limit(3, 32, r"[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"),
    "logs": Limit(4, 63, r"[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]"),
    "identity": Limit(3, 128, r"[A-Za-z0-9][A-Za-z0-9_-]+"),
    "action group": Limit(1, 260, r"[^:<>+/&%\\?|]+"),
}
"""From "Naming rules and restrictions for Azure resources" and the patterns in Azure's published resource types."""


@dataclass(frozen=True)
class Names:
    """What one environment's resources are called."""

    storage: str
    vault: str
    images: str
    workspace: str
    logs: str
    identities: tuple[str, str, str]
    """Of training, of endpoints, of CI."""
    endpoints: tuple[str, ...]
    """One a model, in the order that they were given."""


def names(project: str, environment: str, models: Iterable[str], unique: str) -> Names:
    """Return what infra/main.bicep calls the resources of an environment."""
    project = project.lower()
    stem = f"{project}-{environment.lower()}"
    return Names(
        storage=f"{project}{unique}"[:24],
        vault=f"kv-{project[:7]}-{unique}"[:24],
        images=f"cr{project}{unique}"[:50],
        workspace=f"mlw-{stem}"[:33],
        logs=f"log-{stem}",
        identities=(f"id-{stem}-training", f"id-{stem}-endpoint", f"id-{stem}-ci"),
        endpoints=tuple(f"{model.lower()[:24]}-{unique[:7]}" for model in models),
    )


def registry_name(project: str, unique: str) -> str:
    """Return what infra/shared.bicep calls the registry that environments share."""
    return f"mlr-{project.lower()}-{unique}"[:32]


def group_name(project: str, environment: str) -> str:
    """Return the resource group of an environment, where nobody says otherwise."""
    return f"rg-{project}-{environment}"

"""What Resource Manager tells of a subscription and of who asks: permissions, quota, machine sizes, providers, identities that CI may be.

The state is plain: a test changes it, and the next answer is another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .entra import Refused
from .roles import held

if TYPE_CHECKING:
    from collections.abc import Callable

    from .entra import Entra, Identity

Row = tuple[str, str, str, "Callable[..., tuple[int, Any]]"]
SPOKEN = {
    "permissions": {"2022-04-01", "2018-07-01"},
    "providers": {"2021-04-01", "2022-09-01"},
    "federatedIdentityCredentials": {"2023-01-31", "2024-11-30"},
}
"""Which api-versions these services speak: they are not those of Azure ML."""


@dataclass
class Administration:
    """One subscription's. `limits` and `used` are cores; `subjects` are what an identity believes, by its name."""

    entra: Entra
    limits: dict[str, int] = field(default_factory=lambda: {"Total Cluster LowPriority Regional vCPUs": 100, "standardDSv5Family": 100})
    used: dict[str, int] = field(default_factory=dict)
    unregistered: set[str] = field(default_factory=set)
    subjects: dict[str, list[str]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    """Actions that nobody here has."""

    def clear(self) -> None:
        """Make all right again."""
        self.limits = {"Total Cluster LowPriority Regional vCPUs": 100, "standardDSv5Family": 100}
        for one in (self.used, self.unregistered, self.subjects, self.denied):
            one.clear()

    def permissions(self, who: Identity) -> dict[str, Any]:
        """Return what a role grants, as `permissions` of a scope does; a denied action is one more that it leaves out."""
        own = held(who.role, ("workspace", "group", "subscription"))
        told = [
            {"actions": one.actions, "notActions": (*one.but, *self.denied), "dataActions": one.data, "notDataActions": ()} for one in own
        ]
        return {"value": told}

    def rows(self, scope: str) -> list[Row]:
        """Return method, path, action and handler of each operation; these are asked for below a workspace, a group or a subscription."""
        subscription, group = "/subscriptions/{subscription}", "/subscriptions/{subscription}/resourceGroups/{group}"
        identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{{identity}}/federatedIdentityCredentials"
        return [
            ("GET", f"{scope}/providers/Microsoft.Authorization/permissions", "", self._permissions),
            ("GET", f"{subscription}/providers/{{provider}}", "Microsoft.Resources/subscriptions/providers/read", self._provider),
            ("GET", identity, "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read", self._federated),
        ]

    def _permissions(self, query: dict[str, str], who: Identity, **_: Any) -> tuple[int, Any]:
        _speaks("permissions", query)
        return 200, self.permissions(who)

    def usages(self) -> list[dict[str, Any]]:
        """Return the cores that are used and may be, for what a test has set."""
        told = ((name, limit, self.used.get(name, 0)) for name, limit in self.limits.items())
        return [
            {"name": {"value": name, "localizedValue": name}, "unit": "Count", "limit": limit, "currentValue": used}
            for name, limit, used in told
        ]

    def _provider(self, at: dict[str, str], query: dict[str, str], **_: Any) -> tuple[int, Any]:
        _speaks("providers", query)
        state = "NotRegistered" if at["provider"] in self.unregistered else "Registered"
        return 200, {"namespace": at["provider"], "registrationState": state}

    def _federated(self, at: dict[str, str], query: dict[str, str], **_: Any) -> tuple[int, Any]:
        _speaks("federatedIdentityCredentials", query)
        if at["identity"] not in self.subjects:
            raise Refused(404, "ResourceNotFound", f"The Resource '{at['identity']}' was not found.")
        return 200, {"value": [{"name": "github", "properties": {"subject": one}} for one in self.subjects[at["identity"]]]}


def _speaks(kind: str, query: dict[str, str]) -> None:
    if query.get("api-version") not in SPOKEN[kind]:
        raise Refused(400, "InvalidApiVersionParameter", f"The api-version '{query.get('api-version')}' is invalid for {kind}.")

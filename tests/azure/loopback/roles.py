"""Who may do what here: the roles of infra/roles.json at the scopes that it grants them at, and a few built-in ones; what was used of them is kept.

Read from the file itself, by other code than src/mlops/azure/roles.py, so that the two are not wrong together.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .actions import fits

_OF = "Microsoft.MachineLearningServices"
_TABLE = json.loads(Path(__file__).parents[3].joinpath("infra/roles.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Granted:
    """What one role grants. Azure's names for all three."""

    actions: tuple[str, ...]
    but: tuple[str, ...] = ()
    data: tuple[str, ...] = ()

    def allows(self, action: str, *, data: bool) -> bool:
        if data:
            return any(fits(one, action) for one in self.data)
        return any(fits(one, action) for one in self.actions) and not any(fits(one, action) for one in self.but)


def _ours() -> Iterator[tuple[str, str, Granted]]:
    """Yield who is granted what at which scope, by infra/roles.json."""
    known = {key: Granted(*(tuple(one[part]) for part in ("actions", "notActions", "dataActions"))) for key, one in _TABLE["roles"].items()}
    for kind in ("machines", "people"):
        for scope, entries in _TABLE[kind].items():
            for entry in entries:
                yield entry["who"], scope, known[entry["role"]]


def _assigned() -> dict[str, dict[str, list[Granted]]]:
    found: dict[str, dict[str, list[Granted]]] = {"none": {}}
    for who, scope, role in _ours():
        found.setdefault(who, {}).setdefault(scope, []).append(role)
    below = f"{_OF}/workspaces"
    scientist = Granted(
        (f"{below}/read", f"{below}/*/read", f"{below}/*/action", f"{below}/*/delete", f"{below}/*/write"),
        (f"{below}/computes/*write", f"{below}/computes/*delete", f"{below}/computes/listKeys/action", f"{below}/listKeys/action"),
    )
    found["AzureML Data Scientist"] = {"workspace": [scientist], "storage": found["data-scientists"]["storage"]}
    found["Reader"] = {"group": [Granted(("*/read",))]}
    quotas = Granted(tuple(f"{_OF}/locations/{kind}/read" for kind in ("usages", "vmSizes")))
    found["ci that reads quotas"] = {**found["ci"], "subscription": [quotas]}
    looks = (*quotas.actions, "Microsoft.Resources/subscriptions/providers/read")
    looks += ("Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read",)
    found["ci that looks"] = {**found["ci"], "subscription": [Granted(looks)]}
    reads = next(role for who, scope, role in _ours() if (who, scope) == ("ci", "registry"))
    found["ci that takes"] = {**found["ci"], "registry": [reads]}
    token = Granted((f"{below}/onlineEndpoints/token/action",))
    found["ci on Kubernetes"] = {**found["ci"], "endpoint": [token]}
    found["ci that publishes"] = found["ci"]
    return found


ASSIGNED = _assigned()
"""Role of an identity here (`who` of infra/roles.json, or one of the built-in ones) -> scope -> what is granted there."""


def chain(path: str) -> tuple[str, ...]:
    """Return the scopes that a path of Resource Manager is in, the nearest first, as infra/roles.json calls them."""
    if "/registries/" in path:
        return ("registry",)
    if "/workspaces/" in path:
        return (*(("endpoint",) if "/onlineEndpoints/" in path else ()), "workspace", "group", "subscription")
    if "/userAssignedIdentities/" in path:
        own = path.rpartition("/userAssignedIdentities/")[2].split("/")[0].endswith("endpoint")
        return (*(("endpointIdentity",) if own else ()), "group", "subscription")
    return ("group", "subscription") if "/resourceGroups/" in path else ("subscription",)


def held(role: str, scopes: tuple[str, ...]) -> list[Granted]:
    """Return all that somebody is granted at one of these scopes."""
    return [one for scope in scopes for one in ASSIGNED[role].get(scope, [])]


def grants(role: str, action: str, scopes: tuple[str, ...], *, data: bool = False) -> bool:
    """Return whether somebody may do something at a place, by its scopes."""
    return any(one.allows(action, data=data) for one in held(role, scopes))


@dataclass(frozen=True, order=True)
class Use:
    """That an action was asked for by somebody at a scope, in the course of what, and whether it was granted."""

    role: str
    action: str
    scope: str
    flow: str
    granted: bool


@dataclass
class Judge:
    """Judges each request by the roles of whoever asks, and keeps what was asked for. `flow` is what goes on now, by a name that a test gives."""

    flow: str = ""
    uses: set[Use] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, role: str, action: str, scopes: tuple[str, ...], *, data: bool = False) -> bool:
        granted = grants(role, action, scopes, data=data)
        with self._lock:
            self.uses.add(Use(role, action, scopes[0], self.flow, granted))
        return granted

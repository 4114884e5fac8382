"""Who may do what on Azure: infra/roles.json as frozen values, and the question that Azure asks of it at each call.

The file is carried out by infra/modules/roles.bicep, told by docs/azure.md, and asked by the tests.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES_FILE = Path("infra/roles.json")
SCOPES = {
    "workspace": "the workspace",
    "storage": "its storage account",
    "images": "its container registry",
    "endpointIdentity": "the endpoints' identity",
    "group": "the resource group",
    "registry": "the shared registry",
    "endpoint": "each endpoint",
}


@dataclass(frozen=True)
class Role:
    """A role: a built-in one with its id, or one of ours, which infra/modules/roles.bicep defines."""

    key: str
    name: str
    id: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    data_actions: tuple[str, ...]

    def allows(self, action: str, *, data: bool = False) -> bool:
        """Whether the role allows an action: one of its patterns fits and none of those that it leaves out. Case does not matter.

        A `*` stands for any characters, those of several segments among them:
        https://learn.microsoft.com/azure/role-based-access-control/role-definitions
        """
        if data:
            return _fits(self.data_actions, action)
        return _fits(self.actions, action) and not _fits(self.not_actions, action)


@dataclass(frozen=True)
class Grant:
    """That somebody has a role somewhere, and why."""

    who: str
    role: Role
    scope: str
    why: str
    machine: bool
    """An identity of ours; else a group of people or applications."""
    always: bool = True
    """False where a parameter of the environment decides."""


@dataclass(frozen=True)
class Table:
    """All roles, and who has which."""

    roles: Mapping[str, Role]
    grants: tuple[Grant, ...]

    @cached_property
    def who(self) -> tuple[str, ...]:
        """Everybody who is granted something, in the order of the table."""
        return tuple(dict.fromkeys(grant.who for grant in self.grants))

    def allows(self, who: str, action: str, scope: str, *, data: bool = False) -> bool:
        """Whether somebody may do something at a scope of `SCOPES`: what is granted for the whole group is granted in it."""
        scopes = {scope} | ({"group"} if scope != "registry" else set()) | ({"workspace"} if scope == "endpoint" else set())
        return any(grant.who == who and grant.scope in scopes and grant.role.allows(action, data=data) for grant in self.grants)


def read_roles(root: Path) -> Table:
    """Read the table of the project at `root`."""
    return _table(json.loads((root / ROLES_FILE).read_text(encoding="utf-8")))


def _table(told: Mapping[str, Any]) -> Table:
    roles = {
        key: Role(key, entry["name"], entry["id"], tuple(entry["actions"]), tuple(entry["notActions"]), tuple(entry["dataActions"]))
        for key, entry in told["roles"].items()
    }
    grants = (
        Grant(entry["who"], roles[entry["role"]], scope, entry["why"], kind == "machines", entry.get("always", True))
        for kind in ("machines", "people")
        for scope, entries in told[kind].items()
        for entry in entries
    )
    return Table(roles, tuple(grants))


def _fits(patterns: tuple[str, ...], action: str) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) for pattern in patterns)


def page(table: Table) -> str:
    """Return the table as docs/azure.md has it, in Markdown."""
    lines = ["| who | role | where | why |", "|---|---|---|---|"]
    for who in table.who:
        for grant in (grant for grant in table.grants if grant.who == who):
            role = f"{grant.role.name} `{grant.role.id}`" if grant.role.id else f"**{grant.role.key}**: {grant.role.name.rstrip('.')}"
            lines.append(f"| {who} | {role} | {SCOPES[grant.scope]} | {grant.why} |")
    return "\n".join(lines)

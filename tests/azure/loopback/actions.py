"""The names that roles are made of: which action of Azure a request is, and the actions that Azure's providers publish.

Resource Manager derives them from method and path: the kinds of resource along the path, and `read`, `write`, `delete`, or for a POST its last word and
`action`. Azure Storage has data actions instead, as "Authorize with Microsoft Entra ID" (Storage REST reference) lists them by operation.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

PUBLISHED = Path(__file__).with_name("actions.json")
VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
BLOBS = "Microsoft.Storage/storageAccounts/blobServices"


def action_of(method: str, path: str) -> str:
    """Return the action that Resource Manager asks for, for a path below /subscriptions."""
    above, provider, below = path.rpartition("/providers/")
    name, *rest = below.split("/")
    if provider and not rest:
        return "Microsoft.Resources/subscriptions/providers/read"
    kinds = (
        "/".join([name, *rest[::2]])
        if provider
        else "Microsoft.Resources/subscriptions" + ("/resourceGroups" if "/resource" in above else "")
    )
    return f"{kinds}/{VERBS[method]}" if method in VERBS else f"{kinds}/action"


def blob_action(method: str, query: dict[str, str]) -> tuple[str, bool]:
    """Return the action that Azure Storage asks for, and whether it is one on data."""
    if query.get("comp") == "userdelegationkey":
        return f"{BLOBS}/generateUserDelegationKey/action", False
    if query.get("restype") == "container" and query.get("comp") != "list":
        return f"{BLOBS}/containers/{VERBS[method]}", False
    return f"{BLOBS}/containers/blobs/{VERBS[method]}", True


@cache
def published() -> tuple[str, ...]:
    """Return every action of Microsoft.MachineLearningServices that Microsoft publishes, and those of other providers that are asked for here."""
    told = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return tuple(f"{kind}/{verb}" for kind, verbs in told["actions"].items() for verb in verbs.split())


@cache
def matching(pattern: str) -> tuple[str, ...]:
    """Return the published actions that a pattern of a role stands for; case does not matter."""
    return tuple(action for action in published() if fits(pattern, action))


def fits(pattern: str, action: str) -> bool:
    """Whether a pattern of a role stands for an action.

    `/*/` stands for `/` too: Managed Identity Operator has `userAssignedIdentities/*/assign/action`, and assigns identities.
    """
    return _compiled(pattern).fullmatch(action) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"/\*/", "/(?:.*/)?").replace(r"\*", ".*"), re.IGNORECASE)

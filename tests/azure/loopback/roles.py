"""Azure's built-in roles, as far as the loopback's calls ask for them: which actions each grants on a workspace."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

_OF = "Microsoft.MachineLearningServices/workspaces"
ROLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "AzureML Data Scientist": (
        (f"{_OF}/read", f"{_OF}/*/read", f"{_OF}/*/action", f"{_OF}/*/delete", f"{_OF}/*/write"),
        (f"{_OF}/computes/*write", f"{_OF}/computes/*delete", f"{_OF}/computes/listKeys/action", f"{_OF}/listKeys/action"),
    ),
    "Reader": (("*/read",), ()),
    "none": ((), ()),
}
"""Role -> (actions, what of them it does not grant). Azure's names for both."""
_OURS = json.loads(Path(__file__).parents[3].joinpath("infra/roles.json").read_text(encoding="utf-8"))["roles"]
ROLES["ci"] = tuple(tuple(one for name in ("deployer", "scaler") for one in _OURS[name][key]) for key in ("actions", "notActions"))
_READS = tuple(f"Microsoft.MachineLearningServices/locations/{kind}/read" for kind in ("usages", "vmSizes"))
ROLES["ci that reads quotas"] = (ROLES["ci"][0] + _READS, ROLES["ci"][1])

ROLES["ci on Kubernetes"] = ((*ROLES["ci"][0], f"{_OF}/onlineEndpoints/token/action"), ROLES["ci"][1])

_GRANTED = json.loads(Path(__file__).parents[3].joinpath("infra/roles.json").read_text(encoding="utf-8"))["roles"]["deployer"]
_LOOKS = ("MachineLearningServices/locations/usages", "MachineLearningServices/locations/vmSizes", "Resources/subscriptions/providers")
_LOOKS += ("ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",)
ROLES["ci that looks"] = (
    (*_GRANTED["actions"], *(f"Microsoft.{one}/read" for one in _LOOKS)),
    tuple(_GRANTED["notActions"]),
)


def grants(role: str, action: str) -> bool:
    """Return whether a role grants an action."""
    actions, but = ROLES[role]
    return any(fnmatchcase(action, one) for one in actions) and not any(fnmatchcase(action, one) for one in but)

"""The program `az`, as a person has it: found, asked, and its errors told for the person who must act."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from mlops.errors import PlatformError, UsageError

OLDEST = (2, 53)
"""The first release that takes a .bicepparam file and single parameters beside it."""
_LOGIN = re.compile(r"az login|AADSTS\d+|No subscription found|refresh token has expired", re.IGNORECASE)
_HINTS = {
    "AuthorizationFailed": "Whoever runs this needs Contributor and User Access Administrator on the resource group (docs/azure.md).",
    "RoleDefinitionDoesNotExist": "A new role takes some minutes to be known everywhere. Run the same command again.",
    "PrincipalNotFound": "A new identity takes some minutes to be known everywhere. Run the same command again.",
    "RoleAssignmentUpdateNotPermitted": "An identity was made anew under its old name. Delete its old role assignments, then run this again.",
    "MissingSubscriptionRegistration": "az provider register --namespace <the one that is named above>, then run this again.",
    "VaultAlreadyExists": "A key vault of that name is there, or was deleted less than 90 days ago: az keyvault recover --name <name>.",
    "ConflictError": "Something of that name was deleted lately and is kept: az keyvault list-deleted; az keyvault recover --name <name>.",
    "QuotaExceeded": "Ask for more quota, or give a smaller trainingVmSize or trainingMaxNodes in the .bicepparam file.",
    "SkuNotAvailable": "Give another trainingVmSize, or another location, in the .bicepparam file.",
    "LocationNotAvailableForResourceType": "Give another location: LOCATION=<region>.",
    "RequestDisallowedByPolicy": "A policy of your organization forbids it: ask who keeps the subscription.",
    "ResourceGroupNotFound": "Give LOCATION=<region>, and it is made.",
}


@dataclass(frozen=True)
class Account:
    """Who is signed in, and where."""

    user: str
    subscription: str
    subscription_name: str
    tenant: str


@dataclass(frozen=True)
class Az:
    """The program, at its path."""

    program: str

    def ask(self, *words: str) -> Any:
        """Run a command and return what it answers, from JSON; None where it answers nothing.

        Raises:
            PlatformError: It said no, in its own words, with what to do.
        """
        done = subprocess.run(
            [self.program, *words, "--output", "json"],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise refused(words, done.stderr)
        try:
            return json.loads(done.stdout) if done.stdout.strip() else None
        except ValueError:
            raise PlatformError(f"az {' '.join(words[:3])} gave no JSON", hint=f"It said: {done.stdout.strip()[:200]}") from None

    def account(self, wanted: str = "") -> Account:
        """Return who is signed in.

        Args:
            wanted: The id of the subscription that is meant, where somebody said so.

        Raises:
            PlatformError: Nobody is.
            UsageError: It is another subscription than the one that is meant.
        """
        told = self.ask("account", "show")
        account = Account(told["user"]["name"], told["id"], told["name"], told["tenantId"])
        if wanted and wanted.lower() != account.subscription.lower():
            raise UsageError(
                f"az is signed in to the subscription {account.subscription_name} ({account.subscription}), and {wanted} is meant",
                where="AZURE_SUBSCRIPTION_ID",
                hint=f"az account set --subscription {wanted}",
            )
        return account


def find_az() -> Az:
    """Return the program of the PATH.

    Raises:
        PlatformError: It is not there, or too old.
    """
    program = shutil.which("az")
    if not program:
        raise PlatformError(
            "the Azure CLI, az, is not on the PATH",
            hint="Install it (https://aka.ms/install-azure-cli), sign in (az login), and run this again.",
        )
    az = Az(program)
    version = str(az.ask("version").get("azure-cli", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise PlatformError(f"az {version} is too old", where=program, hint="az upgrade")
    return az


def refused(words: tuple[str, ...], said: str) -> PlatformError:
    """Return the error of a command that ended with what it said on standard error."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("WARNING")]
    text = "\n".join(lines).removeprefix("ERROR: ").strip() or "it said nothing"
    where = f"az {' '.join(words[:3])}"
    if _LOGIN.search(text):
        return PlatformError(text.splitlines()[0], where=where, hint="az login, then run this again.")
    causes = _causes(text)
    hints = [hint for code, hint in _HINTS.items() if any(code in cause for cause in causes)]
    return PlatformError(
        "\n".join(causes), where=where, hint="\n".join(hints) or "az said so itself; nothing was changed by this tool since."
    )


def _causes(text: str) -> list[str]:
    """The innermost causes of an answer, each as `code: message`; the text itself where it has none."""
    try:
        told = json.loads(text[text.index("{") : text.rindex("}") + 1])
    except ValueError:
        return text.splitlines()
    return list(dict.fromkeys(_leaves(told.get("error", told)))) or [text]


def _leaves(error: Any) -> list[str]:
    if not isinstance(error, dict) or "code" not in error:
        return []
    inner = [leaf for detail in error.get("details") or [] for leaf in _leaves(detail)]
    message = str(error.get("message", ""))
    if not inner and message.lstrip().startswith("{"):  # some services put their own error, as text, into the message
        try:
            nested = json.loads(message)
        except ValueError:
            nested = {}
        inner = _leaves(nested.get("error", nested))
    return inner or [f"{error['code']}: {message}"]

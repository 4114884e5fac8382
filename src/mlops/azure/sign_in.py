"""Signing `az` in where nobody can type: the CI system's own token is exchanged for an identity that believes it. There is no secret.

GitHub gives a token to a job with `id-token: write`; Azure Pipelines gives one to a job that may use the service connection. It goes to az in a
file that only this user can read, never as a word of the command, which every process of the machine could see.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.azure.az import Az

AUDIENCE = "api://AzureADTokenExchange"
_NAMES = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID")


@dataclass(frozen=True)
class Asked:
    """How the token of this job is asked for."""

    method: str
    address: str
    token: str
    parameters: Mapping[str, str]
    key: str
    """Where it stands in the answer."""


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether this job can be given a token, and somebody named the identity that it is for."""
    return bool(environ.get("AZURE_CLIENT_ID")) and (environ.get("GITHUB_ACTIONS") == "true" or bool(environ.get("TF_BUILD")))


def sign_in(az: Az, environ: Mapping[str, str]) -> None:
    """Sign az in as the identity AZURE_CLIENT_ID.

    Args:
        az: The program.
        environ: The process's environment variables.

    Raises:
        UsageError: A variable is missing, or the job may not have a token.
        PlatformError: The CI system gives no token, or the identity does not believe it.
    """
    missing = [name for name in _NAMES if not environ.get(name)]
    if missing:
        raise UsageError(f"{', '.join(missing)} is not set", hint="They are variables of the CI system, no secrets: docs/azure.md.")
    handle, path = tempfile.mkstemp(prefix="mlops-token-")  # mkstemp's files are this user's alone
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_token(_asked(environ)))
        client, tenant, subscription = (environ[name] for name in _NAMES)
        az.ask("login", "--service-principal", "--username", client, "--tenant", tenant, "--federated-token", f"@{path}")
        az.ask("account", "set", "--subscription", subscription)
    finally:
        Path(path).unlink()


def _asked(environ: Mapping[str, str]) -> Asked:
    if environ.get("GITHUB_ACTIONS") == "true":
        address, token = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL"), environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        if not address or not token:
            raise UsageError("this job may not have a token of its own", hint="permissions: id-token: write, in the job that runs it.")
        return Asked("GET", address, token, {"audience": AUDIENCE}, "value")
    address, token, connection = (
        environ.get(name) for name in ("SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN", "AZURE_SERVICE_CONNECTION_ID")
    )
    if not address or not token or not connection:
        raise UsageError(
            "this job may not have a token of a service connection",
            hint="It needs SYSTEM_ACCESSTOKEN, and AZURE_SERVICE_CONNECTION_ID: the resourceId in the address of the connection's page.",
        )
    return Asked("POST", address, token, {"api-version": "7.1", "serviceConnectionId": connection}, "oidcToken")


def _token(asked: Asked) -> str:
    import httpx

    try:
        address = httpx.URL(asked.address).copy_merge_params(asked.parameters)
        answer = httpx.request(asked.method, address, headers={"Authorization": f"Bearer {asked.token}"}, timeout=30.0)
        answer.raise_for_status()
        told: Any = answer.json()
        return str(told[asked.key])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise PlatformError(
            f"the CI system gave no token: {type(error).__name__}", hint="Run the job again; where it stays so, look at its permissions."
        ) from None

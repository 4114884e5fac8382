"""Signing in where nobody can type: the CI system's own token is exchanged for an identity that believes it. There is no secret.

GitHub gives a token to a job with `id-token: write`; Azure Pipelines gives one to a job that may use the service connection, and names it in a task.
To `az` it goes in a file that only this user can read, never as a word of the command, which every process of the machine could see.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.azure.az import Az

AUDIENCE = "api://AzureADTokenExchange"
_NAMES = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID")
_PAUSES = (1.0, 4.0)  # seconds before the second and the third try, where the CI system does not answer or is out of order


@dataclass(frozen=True)
class Asked:
    """How the token of this job is asked for."""

    method: str
    address: str
    token: str
    parameters: Mapping[str, str]
    key: str
    """Where it stands in the answer."""


def in_job(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of a CI system that gives its jobs tokens."""
    return environ.get("GITHUB_ACTIONS") == "true" or bool(environ.get("TF_BUILD"))


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether this job can be given a token, and somebody named the identity that it is for."""
    return bool(environ.get("AZURE_CLIENT_ID")) and in_job(environ)


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
            file.write(token_of_job(environ, environ.get("AZURE_SERVICE_CONNECTION_ID", "")))
        client, tenant, subscription = (environ[name] for name in _NAMES)
        az.ask("login", "--service-principal", "--username", client, "--tenant", tenant, "--federated-token", f"@{path}")
        az.ask("account", "set", "--subscription", subscription)
    finally:
        Path(path).unlink()


def token_of_job(environ: Mapping[str, str], connection: str = "") -> str:
    """Ask the CI system for a token that says which job this is. It lives for minutes, and may be asked for again for as long as the job lives.

    Args:
        environ: The process's environment variables.
        connection: Azure Pipelines: the id of the service connection that the token is of.

    Raises:
        UsageError: The job may not have one.
        PlatformError: The CI system gives none.
    """
    import httpx

    asked = _asked(environ, connection)
    for pause in (*_PAUSES, None):
        try:
            return _answered(asked)
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else None
            if pause is None or (status or 500) < 500:
                raise PlatformError(
                    f"the CI system gave no token: {f'HTTP {status}' if status else type(error).__name__}",
                    hint="Run the job again; where it stays so, look at its permissions.",
                ) from None
            time.sleep(pause)
    raise AssertionError  # the last try returns or raises


def _answered(asked: Asked) -> str:
    """Ask once.

    Raises:
        httpx.TransportError: There was no answer.
        httpx.HTTPStatusError: It was a refusal.
        PlatformError: It had no token in it.
    """
    import httpx

    try:
        address = httpx.URL(asked.address).copy_merge_params(asked.parameters)
        answer = httpx.request(asked.method, address, headers={"Authorization": f"Bearer {asked.token}"}, timeout=30.0)
        told: Any = answer.raise_for_status().json()
    except (httpx.InvalidURL, ValueError) as error:
        raise PlatformError(f"the CI system gave no token: {type(error).__name__}", hint="Run the job again.") from None
    if isinstance(told, dict) and told.get(asked.key):
        return str(told[asked.key])
    words = " ".join(str(told.get("value") or told.get("message") or "").split())[:300] if isinstance(told, dict) else ""
    hint = (
        "Azure Pipelines: the job has to name the service connection (`connections:` of the pipeline's file), and be permitted to use it."
    )
    raise PlatformError(f"the CI system gave no token{f': {words}' if words else ''}", hint=hint)


def _asked(environ: Mapping[str, str], connection: str) -> Asked:
    if environ.get("GITHUB_ACTIONS") == "true":
        address, token = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL"), environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
        if not address or not token:
            hint = "It takes `permissions: id-token: write`, in the job that runs it. What a pull request starts has no such token."
            raise UsageError("this job may not have a token of its own", hint=hint)
        return Asked("GET", address, token, {"audience": AUDIENCE}, "value")
    address, token = environ.get("SYSTEM_OIDCREQUESTURI"), environ.get("SYSTEM_ACCESSTOKEN")
    if not address or not token or not connection:
        raise UsageError(
            "this job may not have a token of a service connection",
            hint="It needs SYSTEM_ACCESSTOKEN, and the connection's id, the resourceId in the address of its page: `azure: {ci_connection: ...}` in "
            "the environment's file; for make infra the variable AZURE_SERVICE_CONNECTION_ID.",
        )
    return Asked("POST", address, token, {"api-version": "7.1", "serviceConnectionId": connection}, "oidcToken")

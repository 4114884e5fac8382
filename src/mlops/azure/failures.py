"""What Azure answers when it does not do what it is asked, in the words of this project: what happened, where, and what to do next."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from azure.ai.ml.exceptions import MlException
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DeserializationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from mlops.errors import MlopsError, PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRETS = re.compile(r"(sig|sv|se|secret|password|token|key|Bearer)([=: ]+)[^\s&\"']+", re.IGNORECASE)
_UNBELIEVED = re.compile(r"AADSTS70021\d*|No matching federated identity", re.IGNORECASE)
_QUOTA = re.compile(r"quota|core limit|not enough cores", re.IGNORECASE)


@contextlib.contextmanager
def told(what: str, *, where: str) -> Iterator[None]:
    """Turn what Azure's packages raise in the block into an error that a person is meant to read.

    Args:
        what: What is being done, as an infinitive: "submit the job".
        where: The file or the workspace that it is done for.

    Raises:
        UsageError: What was asked for is wrong, and would be refused again.
        PlatformError: It could not be done now.
    """
    try:
        yield
    except (AzureError, DeserializationError, MlException) as error:
        raise explained(error, what, where) from error


def explained(error: Exception, what: str, where: str) -> MlopsError:
    """Return the error to tell for one of Azure's."""
    cause = _http(error)
    if isinstance(cause, ServiceRequestError | ServiceResponseError):
        hint = (
            "Is there a network, and does a proxy or a firewall let it through? The same command may be run again: it makes no second job."
        )
        return PlatformError(f"cannot {what}: Azure does not answer: {clean(cause)}", where=where, hint=hint)
    if isinstance(cause, ClientAuthenticationError) and cause.status_code != 403:
        return PlatformError(f"cannot {what}: not signed in to Azure: {clean(cause)}", where=where, hint=_login(cause))
    if isinstance(cause, HttpResponseError):
        return _answered(cause, what, where)
    if isinstance(cause, DeserializationError):
        hint = "What was asked for may be done, or on its way: the same command may be run again, and finds out."
        return PlatformError(f"cannot {what}: azure-ai-ml does not understand Azure's answer: {clean(cause)}", where=where, hint=hint)
    return UsageError(f"cannot {what}: {clean(error)}", where=where, hint="docs/azure.md")


def _http(error: BaseException) -> BaseException:
    """Return the answer of the service behind an error of the SDK's own, where there is one."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HttpResponseError | ServiceRequestError | ServiceResponseError):
            break
        seen = seen.__cause__ or seen.__context__
    return seen or error


def _login(error: ClientAuthenticationError) -> str:
    if "ExpiredAuthenticationToken" in str(error) or "expired" in str(error).lower():
        return "The login has expired: az login, and run the same command again: it makes no second job."
    if _UNBELIEVED.search(str(error)):
        hint = "The identity that the file names as `ci_client` does not believe this job. `mlops doctor --ci` says which subjects its jobs show,"
        return f"{hint} `mlops doctor --azure` which ones it believes; make infra sets them."
    return "az login; in CI, `azure: {ci_client: ...}` in the environment's file says whom its jobs sign in as (docs/azure.md)."


def _answered(error: HttpResponseError, what: str, where: str) -> MlopsError:
    status, text = error.status_code, clean(error)
    if status == 401:
        hint = "az login, and run the same command again: it makes no second job."
        return PlatformError(f"cannot {what}: the login is not taken any more: {text}", where=where, hint=hint)
    if status == 403:
        hint = "mlops doctor --azure compares what you may do with infra/roles.json (docs/azure.md); a new role takes minutes to count."
        return PlatformError(f"cannot {what}: not allowed: {text}", where=where, hint=hint)
    if _QUOTA.search(text):
        hint = "az ml compute list-usage shows what is left; ask for more in the portal under Quotas, or take a smaller compute."
        return PlatformError(f"cannot {what}: {text}", where=where, hint=hint)
    if status == 404:
        hint = f"{where} names tenant, subscription, resource group and workspace: are they right? Nothing was changed."
        return UsageError(f"cannot {what}: {text}", where=where, hint=hint)
    if status == 429 or (status or 500) >= 500:
        hint = "It was tried several times. Wait a few minutes, and run the same command again: it makes no second job."
        return PlatformError(f"cannot {what}: Azure is too busy (HTTP {status}): {text}", where=where, hint=hint)
    return UsageError(f"cannot {what}: {text}", where=where, hint="docs/azure.md")


def clean(error: BaseException) -> str:
    """Return what an error says in one line, without what may be a secret."""
    text = str(getattr(error, "message", None) or error)
    words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())
    return _SECRETS.sub(r"\1\2***", words)[:500]

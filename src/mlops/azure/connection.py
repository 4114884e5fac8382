"""The way to one workspace: who signs in, whether it is the workspace that the environment's file names, and how patiently it is asked."""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.ai.ml import MLClient
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.identity import (
    AzureCliCredential,
    ChainedTokenCredential,
    ClientAssertionCredential,
    EnvironmentCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from azure.storage.blob import ExponentialRetry

from mlops.azure.failures import told
from mlops.azure.sign_in import in_job, token_of_job
from mlops.azure.tokens import tenant_of
from mlops.errors import UsageError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline import PipelineRequest

    from mlops.settings import AzureSettings, Environment

PACE = 1.0
"""Seconds between two requests while a job is followed, however many steps it has."""
POLL = 5
"""Seconds between two questions whether the service is done with a change, where it does not say."""
ARM = "https://management.azure.com/.default"
BACKOFF = 2.0
"""Seconds between two tries of a blob; they double."""
_HALF = 0.2  # of what is waited before the second try, in seconds; it doubles with each
RETRIES, _LONGEST = 5, 20.0  # after a 429, a 5xx or a dropped connection; seconds between two tries where the service does not say


class Spread(SansIOHTTPPolicy):  # type: ignore[misc]
    """Spreads what the SDK's own retry policy asks again, so that a hundred jobs do not come back at once; a `Retry-After` is kept.

    It is no retry policy itself: such a one knows the next policy of its pipeline, so that of the many pipelines of an `MLClient` that share one,
    whoever was built last would answer for all.
    """

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Wait a random part of the time that was waited already, where this is not the first try."""
        tried = request.context.get("slipway.tried", 0)
        request.context["slipway.tried"] = tried + 1
        if tried:
            time.sleep(random.uniform(0.0, min(_LONGEST, _HALF * 2 ** (tried - 1))))  # noqa: S311 - no secret


@dataclass
class Pace(SansIOHTTPPolicy):  # type: ignore[misc]
    """Lets requests through no closer than `seconds` to one another, from the moment that it is turned on."""

    seconds: float
    on: bool = False
    _last: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on_request(self, _request: object) -> None:
        """Wait for the next request's time."""
        self.wait()

    def wait(self) -> None:
        """Wait until one more request may be made, and count it."""
        with self._lock:
            if self.on:
                time.sleep(max(0.0, self._last + self.seconds - time.monotonic()))
            self._last = time.monotonic()


@dataclass
class Connection:
    """One workspace that was found to be the one that is meant."""

    settings: AzureSettings
    environment: str
    """The name of the environment's file."""
    client: MLClient
    credential: TokenCredential
    pace: Pace
    tracking: str = ""
    """The address of the workspace's MLflow server."""

    @property
    def facts(self) -> dict[str, str]:
        """What of it belongs into a run's record."""
        return {"environment": self.environment, **vars(self.settings)}


def connect(settings: AzureSettings, environment: str) -> Connection:
    """Sign in, and find the workspace; nothing is changed.

    Args:
        settings: Where it is.
        environment: The name of the file that says so, for what is told.

    Raises:
        UsageError: Whoever is signed in is of another tenant, or there is no such workspace.
        PlatformError: Nobody is signed in, or Azure cannot be reached.
    """
    where = f"environments/{environment}.yml"
    claimed = os.environ.get("AZURE_TENANT_ID", settings.tenant)
    if claimed.lower() != settings.tenant.lower():
        raise _stranger(claimed, settings.tenant, where)
    pace, credential = Pace(PACE), credential_of(settings)
    with told("sign in", where=where):
        tenant = tenant_of(credential.get_token(ARM).token)
    if tenant.lower() != settings.tenant.lower():
        raise _stranger(tenant, settings.tenant, where)
    place = (settings.subscription, settings.resource_group, settings.workspace)
    client = MLClient(
        credential,
        *place,
        show_progress=False,
        polling_interval=POLL,
        enable_telemetry=False,
        **retries(),
        per_retry_policies=[Spread(), pace],
    )
    with told("find the workspace", where=where):
        found = client.workspaces.get(settings.workspace)
    tracking = str(found.mlflow_tracking_uri or "").replace("azureml://", "https://", 1)
    return Connection(settings, environment, client, credential, pace, tracking)


def retries() -> dict[str, Any]:
    """Return how patiently Azure is asked, as options of a retry policy; `Spread` goes with them."""
    return {"retry_total": RETRIES, "retry_backoff_factor": _HALF, "retry_backoff_max": _LONGEST}


def blob_patience() -> ExponentialRetry:
    """Return how patiently Azure Storage is asked: its own policy, which waits 15 seconds before it asks again, with shorter waits."""
    return ExponentialRetry(initial_backoff=0, increment_base=BACKOFF, retry_total=RETRIES, random_jitter_range=BACKOFF / 2)


def place_of(environment: Environment) -> AzureSettings:
    """Return the workspace that an environment's file names.

    Raises:
        UsageError: It names none.
    """
    if environment.azure is None:
        where = f"environments/{environment.name}.yml"
        raise UsageError("it does not say which Azure ML workspace it is", where=where, hint="docs/azure.md")
    return environment.azure


def _stranger(tenant: str, wanted: str, where: str) -> UsageError:
    hint = f"az login --tenant {wanted}; in CI, the variable AZURE_TENANT_ID. Nothing was changed."
    return UsageError(f"signed in to the tenant {tenant}, and this environment is of {wanted}", where=where, hint=hint)


def credential_of(settings: AzureSettings) -> TokenCredential:
    """Return who signs in: what the variables say, in CI whom the environment's file names, a managed identity, or whoever is signed in with `az login`."""
    ways: list[TokenCredential] = []
    if os.environ.get("AZURE_CLIENT_ID") and (os.environ.get("AZURE_CLIENT_SECRET") or os.environ.get("AZURE_CLIENT_CERTIFICATE_PATH")):
        ways.append(EnvironmentCredential())
    if os.environ.get("AZURE_FEDERATED_TOKEN_FILE"):
        ways.append(WorkloadIdentityCredential())
    if not ways and settings.ci_client and in_job(os.environ):  # nobody else is tried: why it cannot sign in is what has to be told
        return ClientAssertionCredential(settings.tenant, settings.ci_client, lambda: token_of_job(os.environ, settings.ci_connection))
    if os.environ.get("IDENTITY_ENDPOINT") or os.environ.get("MSI_ENDPOINT"):
        ways.append(ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID")))
    return ChainedTokenCredential(*ways, AzureCliCredential(tenant_id=settings.tenant))

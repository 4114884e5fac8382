"""One online endpoint of a workspace, as the service tells it, and the requests that change it.

Azure ML has no etag on endpoints. So every change is made of what was decided on: the endpoint is read again first, and where somebody else has moved
traffic or tags since, nothing is changed. The service itself refuses a second change while one goes on (409).
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from azure.ai.ml.entities import KubernetesOnlineEndpoint, ManagedOnlineEndpoint
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from mlops.azure.failures import clean, told
from mlops.azure.following import word
from mlops.azure.names import LIMITS
from mlops.azure.submission import silent
from mlops.azure.traffic import ENDED, MODEL, Change, Deployed, Seen
from mlops.errors import JobFailed, Overtaken, PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mlops.azure.connection import Connection
    from mlops.settings import OnlineSettings

LONGEST = 3600.0
"""Seconds that the service may take for one change. Images are built and machines are fetched in that time."""
POLL = 5.0
"""Seconds between two questions whether a change is done."""
LOG_LINES = 100


class _Changing(Protocol):
    @property
    def state(self) -> str: ...

    @property
    def deployments(self) -> Mapping[str, Deployed]: ...


_Any = TypeVar("_Any", bound=_Changing)


def settled(look: Callable[[], _Any], name: str, shown_by: str) -> _Any:
    """Return an endpoint of either kind as it is once nothing of it changes any more.

    Args:
        look: Asks for it.
        name: What it is called.
        shown_by: The command that shows it to a person.

    Raises:
        PlatformError: It goes on for too long.
    """
    until = time.monotonic() + LONGEST
    while True:
        seen = look()
        busy = [one.name for one in seen.deployments.values() if one.state not in ENDED]
        if not busy and seen.state in ENDED:
            return seen
        if time.monotonic() > until:
            raise PlatformError(f"{busy[0] if busy else name} is being changed for an hour", where=name, hint=shown_by)
        time.sleep(POLL)


@dataclass
class Endpoint:
    """An endpoint that exists. `seen` is what the next change is decided on; `look` and `change` renew it."""

    connection: Connection
    name: str
    where: str
    seen: Seen = field(default_factory=lambda: Seen({}, {}, {}, {}))
    _entity: Any = None

    @property
    def id(self) -> str:
        """Its ARM id."""
        return str(self._entity.id)

    @property
    def address(self) -> str:
        """Where it is asked, without `/score`, as endpoints on this machine are told."""
        return str(self._entity.scoring_uri or "").removesuffix("/score")

    @property
    def auth(self) -> str:
        """aad_token, key or aml_token."""
        return str(self._entity.auth_mode)

    @property
    def _client(self) -> Any:
        return self.connection.client

    def look(self) -> Seen:
        """Return the endpoint as it is now."""
        self._entity, self.seen = self._read()
        return self.seen

    def _read(self) -> tuple[Any, Seen]:
        with told("look at the endpoint", where=self.where), silent():
            found = self._client.online_endpoints.get(self.name)
            listed = [*self._client.online_deployments.list(self.name)]
        deployments = {one.name: Deployed(one.name, word(one.provisioning_state), dict(one.tags or {})) for one in listed}
        traffic, mirror = ({name: int(n) for name, n in (part or {}).items() if n} for part in (found.traffic, found.mirror_traffic))
        return found, Seen(traffic, mirror, dict(found.tags or {}), deployments, word(found.provisioning_state))

    def settled(self) -> Seen:
        """Return the endpoint as it is once nothing of it changes any more: a change of a process that was killed goes on without it.

        Raises:
            PlatformError: It goes on for too long.
        """
        return settled(self.look, self.name, "az ml online-endpoint show")

    def change(self, change: Change) -> None:
        """Move traffic and tags, in one request.

        Raises:
            JobFailed: The endpoint is not any more what this was decided on; nothing was changed.
            PlatformError: The service did not do it.
        """
        entity, now = self._read()
        if now.moved != self.seen.moved:
            hint = "Nothing was changed. See what it does: mlops status; then run the same command again."
            raise Overtaken(f"somebody else moved the endpoint {self.name} while this was decided", where=self.where, hint=hint)
        entity.traffic, entity.mirror_traffic = dict(change.traffic), dict(change.mirror)
        entity.tags = {**(entity.tags or {}), **change.tags}
        with told("move the traffic", where=self.name), silent():
            done(self._client.online_endpoints.begin_create_or_update(entity))
        self.look()
        if dict(self.seen.traffic) != dict(change.traffic):
            raise Overtaken(f"somebody else moved the endpoint {self.name} at the same time", where=self.where, hint="mlops status")

    def create(self, deployment: Any) -> None:
        """Create a deployment, and wait until it is healthy. One that fails is deleted, and the end of its log is told.

        Raises:
            JobFailed: The container did not become healthy; the traffic is as it was.
            PlatformError: The service could not make it: a quota, a lost connection. What is left of it is deleted by the next run.
        """
        try:
            with told("create the deployment", where=self.name), silent():
                done(self._client.online_deployments.begin_create_or_update(deployment))
        except (UsageError, PlatformError) as error:
            failed = self.look().deployments.get(deployment.name)
            if failed is None or failed.state != "Failed":
                raise
            log = self.log(deployment.name)
            self.delete(deployment.name)
            if isinstance(error, PlatformError) and not log:
                raise
            hint = "The traffic is as it was, and the deployment was deleted." + (f" The end of its log:\n{log}" if log else "")
            raise JobFailed(
                f"the deployment {deployment.name} did not become healthy: {error.message}", where=self.name, hint=hint
            ) from error
        self.look()

    def log(self, deployment: str, lines: int = LOG_LINES) -> str:
        """Return the end of what a deployment's container wrote; nothing where it has written nothing."""
        with contextlib.suppress(HttpResponseError):
            return str(self._client.online_deployments.get_logs(deployment, self.name, lines)).strip()
        return ""

    def delete(self, deployment: str) -> None:
        """Delete a deployment that nobody is sent to.

        Raises:
            JobFailed: It has traffic.
        """
        seen = self.look()
        if seen.traffic.get(deployment) or seen.mirror.get(deployment):
            raise JobFailed(f"{deployment} has traffic, and is not deleted", where=self.name, hint="mlops status")
        with told("delete the deployment", where=f"{self.name}/{deployment}"), silent(), contextlib.suppress(ResourceNotFoundError):
            done(self._client.online_deployments.begin_delete(deployment, self.name))
        self.look()


def done(poller: Any) -> Any:
    """Wait until the service is done with a change, and return what it made."""
    return poller.result(timeout=LONGEST)


def find(connection: Connection, settings: OnlineSettings, model: str, environment: str) -> Endpoint | None:
    """Return the model's endpoint: the one that the settings name, or that is tagged with model and environment; None where there is none yet.

    Raises:
        UsageError: Several are tagged with it.
    """
    where = f"environments/{environment}.yml"
    with told("look for the endpoint", where=where), silent():
        if settings.endpoint:
            names = [settings.endpoint] if _there(connection, settings.endpoint) else []
        else:
            names = tagged(connection.client.online_endpoints.list(), model, environment, "online")
    if not names:
        return None
    made = Endpoint(connection, names[0], where)
    made.look()
    return made


def tagged(listed: Iterable[Any], model: str, environment: str, section: str) -> list[str]:
    """Return the name of the endpoint that is tagged with a model and an environment; nothing where there is none.

    Args:
        listed: The workspace's endpoints, online or batch.
        model: The model's name.
        environment: The environment's; an endpoint without that tag is of any.
        section: Where a person names one: online or batch.

    Raises:
        UsageError: Several are tagged with it.
    """
    names = [one.name for one in listed if _of(one.tags or {}, model, environment)]
    if len(names) > 1:
        told_of = f"several {'batch ' * (section == 'batch')}endpoints are tagged with the model {model}: {', '.join(names)}"
        raise UsageError(told_of, where=f"environments/{environment}.yml", hint=f"Name one: {section}: {{endpoint: NAME}}")
    return names


def _of(tags: Mapping[str, str], model: str, environment: str) -> bool:
    return tags.get(MODEL) == model and tags.get("environment", environment) == environment


def _there(connection: Connection, name: str) -> bool:
    try:
        connection.client.online_endpoints.get(name)
    except ResourceNotFoundError:
        return False
    return True


def create(connection: Connection, settings: OnlineSettings, model: str, environment: str, tags: Mapping[str, str]) -> Endpoint:
    """Create a model's endpoint, with no deployment behind it. One that failed half way is created again.

    Raises:
        UsageError: Its name is not allowed, or somebody else in the region has it.
        PlatformError: The service could not make it.
    """
    where, name = f"environments/{environment}.yml", settings.endpoint or own_name(connection, model, environment)
    if complaint := LIMITS["endpoint"].complaint(name):
        raise UsageError(f"the endpoint's name {complaint}", where=where, hint="Name another: online: {endpoint: NAME}")
    common: dict[str, Any] = {
        "name": name,
        "auth_mode": settings.auth,
        "tags": {**tags, MODEL: model},
        "description": f"The model {model}.",
    }
    kind: Callable[..., Any] = KubernetesOnlineEndpoint if settings.compute else ManagedOnlineEndpoint
    own = {"compute": settings.compute} if settings.compute else {"public_network_access": _access(settings)}
    with told("create the endpoint", where=where), silent():
        try:
            done(connection.client.online_endpoints.begin_create_or_update(kind(**common, **own)))
        except HttpResponseError as error:
            if "taken" in clean(error).lower() or "already" in clean(error).lower():
                hint = "A name is unique in its region. Name another: online: {endpoint: NAME}"
                raise UsageError(f"the endpoint's name {name!r} is taken: {clean(error)}", where=where, hint=hint) from error
            raise
    made = Endpoint(connection, name, where)
    made.look()
    return made


def own_name(connection: Connection, model: str, environment: str) -> str:
    """Return what an endpoint is called where nobody says: the model, and characters of its own for each environment."""
    place = connection.settings
    unique = hashlib.sha256(f"{place.subscription}/{place.resource_group}/{place.workspace}/{environment}".lower().encode()).hexdigest()[:7]
    return f"{model[:24].rstrip('-')}-{unique}"


def _access(settings: OnlineSettings) -> str:
    return "disabled" if settings.network == "private" else "enabled"


def rotate(endpoint: Endpoint) -> str:
    """Have the service make the secondary key anew, and say how callers change over.

    Raises:
        UsageError: Callers sign in, and there is no key.
        PlatformError: It may not be done.
    """
    if endpoint.auth != "key":
        hint = "Take the role `caller` from whoever shall not call it any more: infra/roles.json, docs/azure.md."
        raise UsageError(f"the endpoint {endpoint.name} has no key: callers sign in with Entra", where=endpoint.where, hint=hint)
    with told("make a new key", where=endpoint.name), silent():
        done(endpoint.connection.client.online_endpoints.begin_regenerate_keys(endpoint.name, key_type="secondary"))
    shown = f"az ml online-endpoint get-credentials --name {endpoint.name}"
    return f"the secondary key is new, and the primary one works on; callers take it from: {shown}"

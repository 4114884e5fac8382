"""One batch endpoint of a workspace: which of its deployments scores where nobody names one, and the requests that change it.

As with online endpoints there is no etag: before a change the endpoint is read again, and where it is not what was decided on, nothing is changed.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.ai.ml.entities import BatchEndpoint as Entity
from azure.core.exceptions import ResourceNotFoundError

from mlops.azure import endpoint
from mlops.azure.endpoint import done, own_name, tagged
from mlops.azure.failures import told
from mlops.azure.following import word
from mlops.azure.names import LIMITS
from mlops.azure.submission import silent
from mlops.azure.traffic import BEFORE, MODEL, Deployed
from mlops.errors import Overtaken, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.azure.connection import Connection
    from mlops.settings import BatchSettings

COMPONENT = "component"
"""The tag of a deployment that says which pipeline component it holds."""


@dataclass(frozen=True)
class Standing:
    """A batch endpoint as it was seen: which deployment is its default, its tags, and its deployments by name."""

    default: str | None
    tags: Mapping[str, str]
    deployments: Mapping[str, Deployed]
    state: str = "Succeeded"

    @property
    def scores(self) -> Deployed | None:
        """The deployment that scores; None where there is none."""
        return self.deployments.get(self.default or "")

    @property
    def before(self) -> str | None:
        """The deployment that is kept for a rollback."""
        named = self.tags.get(BEFORE, "")
        return named if named in self.deployments and named != self.default else None

    def spare(self, coming: str = "") -> tuple[str, ...]:
        """Return the deployments of ours that may go: neither the default, nor the one before, nor the one that comes."""
        kept = {self.default, self.before, coming}
        return tuple(name for name, one in sorted(self.deployments.items()) if name not in kept and one.version is not None)

    @property
    def moved(self) -> tuple[str | None, str]:
        """What a change is decided on."""
        return self.default, self.tags.get(BEFORE, "")


@dataclass
class BatchEndpoint:
    """An endpoint that exists. `seen` is what the next change is decided on; `look` and `change` renew it."""

    connection: Connection
    name: str
    where: str
    seen: Standing = field(default_factory=lambda: Standing(None, {}, {}))
    _entity: Any = None

    @property
    def address(self) -> str:
        """Where jobs are asked for."""
        return str(self._entity.scoring_uri or "")

    @property
    def _client(self) -> Any:
        return self.connection.client

    def look(self) -> Standing:
        """Return the endpoint as it is now."""
        self._entity, self.seen = self._read()
        return self.seen

    def _read(self) -> tuple[Any, Standing]:
        with told("look at the batch endpoint", where=self.where), silent():
            found = self._client.batch_endpoints.get(self.name)
            listed = [*self._client.batch_deployments.list(self.name)]
        deployments = {one.name: Deployed(one.name, word(one.provisioning_state), dict(one.tags or {})) for one in listed}
        default = getattr(found.defaults, "deployment_name", None) or None
        return found, Standing(default, dict(found.tags or {}), deployments, word(found.provisioning_state))

    def settled(self) -> Standing:
        """Return the endpoint as it is once nothing of it changes any more.

        Raises:
            PlatformError: It goes on for too long.
        """
        return endpoint.settled(self.look, self.name, "az ml batch-endpoint show")

    def change(self, default: str, before: str) -> None:
        """Have a deployment be the default, and note which one a rollback goes to, in one request.

        Raises:
            Overtaken: The endpoint is not any more what this was decided on; nothing was changed.
            PlatformError: The service did not do it.
        """
        entity, now = self._read()
        if now.moved != self.seen.moved:
            hint = "Nothing was changed. See what it does: mlops status; then run the same command again."
            raise Overtaken(f"somebody else moved the batch endpoint {self.name} while this was decided", where=self.where, hint=hint)
        entity.defaults = {"deployment_name": default}
        entity.tags = {**(entity.tags or {}), BEFORE: before}
        with told("change the batch endpoint's default", where=self.name), silent():
            done(self._client.batch_endpoints.begin_create_or_update(entity))
        if self.look().default != default:
            raise Overtaken(f"somebody else moved the batch endpoint {self.name} at the same time", where=self.where, hint="mlops status")

    def create(self, deployment: Any) -> None:
        """Create a deployment, or bring one up to date, and wait until it is done."""
        with told("create the batch deployment", where=self.name), silent():
            done(self._client.batch_deployments.begin_create_or_update(deployment))
        self.look()

    def delete(self, deployment: str) -> None:
        """Delete a deployment that is not the default."""
        what = told("delete the batch deployment", where=f"{self.name}/{deployment}")
        with what, silent(), contextlib.suppress(ResourceNotFoundError):
            done(self._client.batch_deployments.begin_delete(deployment, self.name))
        self.look()

    def end(self) -> None:
        """Delete the endpoint with all its deployments, in one request; jobs that it has begun go on."""
        with told("delete the batch endpoint", where=self.name), silent(), contextlib.suppress(ResourceNotFoundError):
            done(self._client.batch_endpoints.begin_delete(self.name))


def find(connection: Connection, settings: BatchSettings, model: str, environment: str) -> BatchEndpoint | None:
    """Return the model's batch endpoint: the one that the settings name, or that is tagged with model and environment; None where there is none.

    Raises:
        UsageError: Several are tagged with it.
    """
    where = f"environments/{environment}.yml"
    with told("look for the batch endpoint", where=where), silent():
        listed = list(connection.client.batch_endpoints.list())
        named = [one.name for one in listed if one.name == settings.endpoint]
        names = named if settings.endpoint else tagged(listed, model, environment, "batch")
    if not names:
        return None
    made = BatchEndpoint(connection, names[0], where)
    made.look()
    return made


def create(connection: Connection, settings: BatchSettings, model: str, environment: str, tags: Mapping[str, str]) -> BatchEndpoint:
    """Create a model's batch endpoint, with no deployment behind it; one whose creation failed half way is created again.

    Raises:
        UsageError: Its name is not allowed, or somebody else in the region has it.
        PlatformError: The service could not make it.
    """
    where, name = (
        f"environments/{environment}.yml",
        settings.endpoint or own_name(connection, f"{model[:18].rstrip('-')}-batch", environment),
    )
    if complaint := LIMITS["endpoint"].complaint(name):
        raise UsageError(f"the batch endpoint's name {complaint}", where=where, hint="Name another: batch: {endpoint: NAME}")
    wanted = Entity(name=name, auth_mode="aad_token", tags={**tags, MODEL: model}, description=f"The model {model}, in batches.")
    with told(f"create the batch endpoint {name}", where=where), silent():
        done(connection.client.batch_endpoints.begin_create_or_update(wanted))
    made = BatchEndpoint(connection, name, where)
    made.look()
    return made

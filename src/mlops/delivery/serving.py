"""What serves an environment, wherever that is: the moves know this and nothing of processes, traffic or Azure.

`Here` is the endpoint on this machine, which takes over the moment that a version is deployed to it. On Azure ML (`azure/online.py`) a version is deployed
beside what serves, and takes over by a shift. `Workspace.serving` chooses, and nobody else asks where an environment is.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlops.delivery import stations
from mlops.errors import JobFailed
from mlops.files import shown
from mlops.serving import endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion
    from mlops.serving.endpoint import Served


class Serving(Protocol):
    """One model's endpoint in one environment."""

    def look(self) -> Served:
        """Return what serves now."""

    def prepare(self, before: ModelVersion | None) -> None:
        """Have what is registered there serve before something else is tried, so that there is something to go back to."""

    def deploy(self, version: ModelVersion, folder: Path) -> Served:
        """Have a version ready to be tried; what served before is kept."""

    def trial(self, version: ModelVersion, smoke_file: Path | None, *, load: bool = True) -> dict[str, Any]:
        """Try a version that was deployed, with held-out rows and load: `smoke`, `load` and `rules`."""

    def shift(self, version: ModelVersion, smoke_file: Path | None, *, at_once: bool) -> dict[str, Any]:
        """Have a version that passed its trial answer everybody; what breaks a bound on the way is put back, and raised."""

    def watch(self, version: ModelVersion, smoke_file: Path | None) -> dict[str, Any]:
        """Watch a version that serves: facts, and `rules` that were judged."""

    def back(self, version: ModelVersion, before: ModelVersion | None) -> None:
        """Undo the deployment of a version that did not pass: serve what was served before, or nothing."""

    def settle(self) -> None:
        """Take away what is not needed any more, once a version serves for good."""

    def stop(self) -> bool:
        """End what serves; return whether anything did."""

    def rotate_key(self) -> str:
        """Give the endpoint a new key, and return what to tell of it."""


@dataclass(frozen=True)
class Here:
    """The endpoint on this machine."""

    workspace: Workspace
    environment: str

    @property
    def _home(self) -> Path:
        return self.workspace.endpoint(self.environment)

    def look(self) -> Served:
        """Return what serves now, as its process says."""
        return endpoint.look(self._home)

    def prepare(self, before: ModelVersion | None) -> None:
        """Where nothing runs (a machine that has only just started), serve what the registry says is there."""
        if before is None or self.workspace.state is None or self.look().health == "ready":
            return
        try:
            stations.deploy(self.workspace, self.environment, before, self.workspace.registry.fetch(before))
        except JobFailed as error:  # it cannot be gone back to; that is no reason to keep what is better away
            print(f"  v{before.version}, which {self.environment} serves, cannot be started here: {error.message}", file=sys.stderr)

    def deploy(self, version: ModelVersion, folder: Path) -> Served:
        """Serve a version, by blue/green behind the same address."""
        return stations.deploy(self.workspace, self.environment, version, folder)

    def trial(self, _version: ModelVersion, smoke_file: Path | None, *, load: bool = True) -> dict[str, Any]:
        """Try the endpoint."""
        return stations.trial(self.workspace, self.environment, self.look(), smoke_file, load=load)

    def shift(self, _version: ModelVersion, _smoke_file: Path | None, *, at_once: bool) -> dict[str, Any]:  # noqa: ARG002 - see Serving
        """Nothing: it took over when it was deployed."""
        return {}

    def watch(self, _version: ModelVersion, smoke_file: Path | None) -> dict[str, Any]:
        """Watch the endpoint for as long as its environment asks."""
        return stations.watch(self.workspace, self.environment, self.look(), smoke_file)

    def back(self, _version: ModelVersion, before: ModelVersion | None) -> None:
        """Serve what was served before, or nothing."""
        if before is None:
            endpoint.stop(self._home)
        else:
            stations.deploy(self.workspace, self.environment, before, self.workspace.registry.fetch(before))

    def settle(self) -> None:
        """Nothing: the endpoint ends the deployment before by itself."""

    def stop(self) -> bool:
        """End the endpoint; requests in flight are answered first."""
        return endpoint.stop(self._home)

    def rotate_key(self) -> str:
        """Write a new key; the one before it works until the next time."""
        endpoint.rotate_key(self._home)
        return f"the new key is in {shown(self._home / 'key', self.workspace.root)}; the one before it works until the next rotation"

"""What every station of the way needs to know: the project, one model of it, its environments, and where state is kept."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.assets.lookup import open_assets
from mlops.errors import UsageError
from mlops.place import find_root, state_dir
from mlops.registry.store import MlflowStore
from mlops.registry.versions import Registry
from mlops.settings import Environment, ModelSettings, Project, choose_model, read_environment, read_place, read_project
from mlops.spec.pipeline import load_pipeline
from mlops.spec.source import did_you_mean
from mlops.state.branch import StateBranch
from mlops.state.git import Git
from mlops.tracking.server import tracking_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.azure.connection import Connection
    from mlops.delivery.serving import Serving
    from mlops.spec.values import Pipeline

ENVIRONMENTS = ("staging", "production")


@dataclass(frozen=True)
class Workspace:
    """One model of one project on this machine."""

    root: Path
    home: Path
    project: Project
    model: ModelSettings
    state: StateBranch | None = None
    """The branch that the registry is kept in between jobs; None where this machine, or a server, keeps it."""
    apart: bool = False
    """Whether models are trained here and no registry is asked, wherever staging is: so a change is tried, which signs in nowhere."""

    def load(
        self, path: Path | str, settings: Mapping[str, str] | None = None, *, complete: bool = True, fetching: bool = True
    ) -> Pipeline:
        """Read a pipeline of the model, with the references that this project knows.

        Args:
            path: The file, below the project or whole.
            settings: Inputs of the pipeline, as text.
            complete: Whether every input that a step needs must have a value by now.
            fetching: Whether what is elsewhere is fetched, or taken for what its address says.

        Raises:
            SpecError: With every mistake at its file and line.
        """
        return load_pipeline(self.root / path, settings, complete=complete, assets=open_assets(self.root, self.home, fetching=fetching))

    def endpoint(self, environment: str) -> Path:
        """Return the folder of the model's endpoint in an environment."""
        return self.home / "endpoints" / self.model.name / environment

    @functools.cached_property
    def registry(self) -> Registry:
        """The model versions: where staging is on Azure ML in its workspace, else in MLflow's store, which is imported when it is read."""
        if self.remote is None:
            return Registry(self.home, MlflowStore(self.home, tracking_uri(self.home)))
        from mlops.azure.versions import WorkspaceStore

        return Registry(self.home / "azure", WorkspaceStore(self.remote))

    @functools.cached_property
    def remote(self) -> Connection | None:
        """The way to staging's workspace where it is on Azure ML: models are trained and registered there. None where staging is here.

        Raises:
            MlopsError: Nobody is signed in, or it is another workspace.
        """
        if self.apart or read_place(self.root, "staging") != "azure":
            return None
        from mlops.azure.connection import connect, place_of

        return connect(place_of(read_environment(self.root, "staging", self.model)), "staging")

    @property
    def shared(self) -> bool:
        """Whether other machines see the registry: this one may be new, and know of no run."""
        return self.state is not None or (not self.apart and read_place(self.root, "staging") == "azure")

    @functools.cached_property
    def local(self) -> Environment:
        return read_environment(self.root, "local", self.model)

    @functools.cached_property
    def staging(self) -> Environment:
        return read_environment(self.root, "staging", self.model)

    @functools.cached_property
    def production(self) -> Environment:
        return read_environment(self.root, "production", self.model)

    def environment(self, name: str) -> Environment:
        """Return an environment that models are deployed to.

        Raises:
            UsageError: There is none of that name.
        """
        if name not in ENVIRONMENTS:
            raise UsageError(f"there is no environment {name!r}", hint=did_you_mean(name, ENVIRONMENTS, label="environments"))
        return self.staging if name == "staging" else self.production

    def serving(self, name: str) -> Serving:
        """Return what serves the model in an environment: the endpoint on this machine, or the one on Azure ML.

        Raises:
            UsageError: There is no environment of that name.
        """
        if name not in self._serving:
            self._serving[name] = self._place(self.environment(name))
        return self._serving[name]

    @functools.cached_property
    def _serving(self) -> dict[str, Serving]:
        return {}

    def _place(self, environment: Environment) -> Serving:
        if environment.where == "azure":
            from mlops.azure.online import Online

            online = Online(self.root, self.project.name, self.model, environment)
            if environment.batch is None:
                return online
            from mlops.azure.batch import Batch
            from mlops.azure.serving import OnlineAndBatch

            return OnlineAndBatch(online, Batch(self.root, self.model, environment, lambda: online.connection))
        from mlops.delivery.serving import Here

        return Here(self, environment.name)


def open_workspace(model: str | None) -> Workspace:
    """Find the project around the working directory, and choose its model.

    Raises:
        UsageError: There is no project here, no such model, or its settings are wrong.
        PlatformError: The state folder cannot be written.
    """
    root = find_root(Path.cwd())
    project = read_project(root)
    chosen = choose_model(project, model)
    home, prefix = state_dir(root), os.environ.get("MLOPS_STATE")
    if not prefix:
        return Workspace(root, home, project, chosen)
    beside = home / "shared" / chosen.name  # what is brought here must not replace what this machine keeps for itself
    beside.mkdir(parents=True, exist_ok=True)
    elsewhere = os.environ.get("MLFLOW_TRACKING_URI") or read_place(root, "staging") == "azure"
    return Workspace(root, beside, project, chosen, None if elsewhere else StateBranch(Git(root, os.environ), prefix, chosen.name))

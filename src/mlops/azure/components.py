"""Components in a workspace, where the studio's Designer shows them to be dragged onto a canvas: one version for each content, so that nothing is there twice."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from azure.ai.ml import load_component
from azure.core.exceptions import ResourceNotFoundError

from mlops.assets.bundle import bundle
from mlops.azure.failures import told
from mlops.azure.submission import silent
from mlops.files import digest_folder
from mlops.spec.source import read

if TYPE_CHECKING:
    from mlops.azure.connection import Connection

_LETTERS = 16  # of the digest


@dataclass(frozen=True)
class Registered:
    """One component as the workspace has it; `new` where it was not there before."""

    name: str
    version: str
    new: bool

    @property
    def reference(self) -> str:
        """What a pipeline names it by."""
        return f"azureml:{self.name}:{self.version}"


def version_of(file: Path) -> str:
    """Return the version of a component's content: its YAML without the version that stands there, its code, and all that it names by path."""
    with tempfile.TemporaryDirectory() as folder:
        bundle(read(file), Path(folder))
        return digest_folder(Path(folder)).removeprefix("sha256:")[:_LETTERS]


def register(connection: Connection, file: Path) -> Registered:
    """Register a component, unless the workspace has one of this content.

    Raises:
        MlopsError: It is refused, or the workspace cannot be reached.
    """
    version = version_of(file)
    with told("register the component", where=str(file)), silent():
        made = load_component(file, params_override=[{"version": version}])
        components = connection.client.components
        try:
            components.get(made.name, version=version)
        except ResourceNotFoundError:
            components.create_or_update(made)
            return Registered(made.name, version, new=True)
    return Registered(made.name, version, new=False)

"""What references mean where a job goes to Azure ML: data, models and environments are the workspace's affair, and components are read from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from mlops.assets.elsewhere import AtTheirWord
from mlops.assets.reference import Reference, parse
from mlops.azure.failures import told
from mlops.azure.registries import client_of
from mlops.errors import UsageError
from mlops.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops.azure.connection import Connection


_SERVICE = {"code", "creation_context", "id"}
"""What the service adds to a component, and its code, which is there already."""


class WorkspaceAssets(AtTheirWord):
    """The assets of a workspace, as far as reading a job needs them. `connect` is asked for the workspace only where a component is in it.

    Args:
        folder: Where the files of components go.
        connect: Returns the workspace.
    """

    def __init__(self, folder: Path, connect: Callable[[], Connection]) -> None:
        self.folder = folder
        self.connect = connect

    def component(self, reference: str) -> Path:
        """Return the YAML file of a component of the workspace or of a registry, whose ports a job is checked against.

        Raises:
            UsageError: There is none.
        """
        named = parse(reference)
        if not isinstance(named, Reference):
            raise UsageError(f"{reference!r} names no component", hint="azureml:NAME:VERSION or azureml:NAME@latest")
        label = named.label or (None if named.version or named.registry else "latest")
        with told(f"find the component {reference}", where=reference):
            client = client_of(self.connect(), named.registry) if named.registry else self.connect().client
            found = client.components.get(named.name, version=named.version, label=label)
            path = self.folder / (named.registry or "") / named.name / f"{found.version}.yml"
            scratch = path.with_suffix(".whole.yml")
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch.unlink(missing_ok=True)
            found.dump(scratch)
        said = yaml.safe_load(scratch.read_text(encoding="utf-8"))
        write_atomic(path, yaml.safe_dump({key: value for key, value in said.items() if key not in _SERVICE}))
        return path

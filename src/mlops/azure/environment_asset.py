"""What a scoring script runs in: an environment of the workspace, or a file of environments/images, which is registered once by its content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.ai.ml import load_environment

from mlops.azure.failures import told
from mlops.azure.submission import silent
from mlops.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.azure.connection import Connection


def environment_asset(connection: Connection, root: Path, named: str) -> str:
    """Return the ARM id of an environment.

    Args:
        connection: The workspace.
        root: The project.
        named: azureml:NAME:VERSION, or a file below the project.

    Raises:
        UsageError: There is none.
    """
    if named.startswith("azureml:"):
        name, _, version = named.removeprefix("azureml:").partition(":")
        with told(f"find the environment {named}", where=named):
            return str(connection.client.environments.get(name, version=version).id)
    path = root / named
    if not path.is_file():
        raise UsageError(
            f"there is no environment {named!r}", where="online: environment", hint="azureml:NAME:VERSION, or a file below the project."
        )
    with told("register the environment", where=named), silent():
        made = load_environment(path)
        return str(connection.client.environments.create_or_update(made).id)

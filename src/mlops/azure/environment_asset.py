"""What a scoring script runs in: an environment of the workspace or a registry, or a file of environments/images, which is registered once by its content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.assets.definition import read_definition
from mlops.azure.failures import told
from mlops.azure.registries import catalogue
from mlops.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.azure.connection import Connection


def environment_asset(connection: Connection, root: Path, named: str) -> str:
    """Return the id of an environment.

    Args:
        connection: The workspace.
        root: The project.
        named: azureml:NAME:VERSION, azureml://registries/..., or a file below the project.

    Raises:
        UsageError: There is none.
    """
    if named.startswith("azureml://registries/"):
        return named
    if named.startswith("azureml:"):
        name, _, version = named.removeprefix("azureml:").partition(":")
    else:
        path = root / named
        if not path.is_file():
            raise UsageError(
                f"there is no environment {named!r}", where="online: environment", hint="azureml:NAME:VERSION, or a file below the project."
            )
        source = read_definition(path, {})
        said = source.value.get("version")
        made = catalogue(connection, "environment").create(source, None if said is None else str(said))
        name, version = made.name, made.version
    with told(f"find the environment {named}", where=named):
        return str(connection.client.environments.get(name, version=version).id)

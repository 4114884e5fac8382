"""The blobs that a job leaves: the logs of its steps while they run, and its outputs when it has ended."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient

from mlops.azure.connection import blob_patience
from mlops.azure.failures import told
from mlops.azure.mended import with_models
from mlops.azure.submission import silent

if TYPE_CHECKING:
    from mlops.azure.connection import Connection

_ARTIFACTS = "workspaceartifactstore"
_OVERVIEW = "logs/job_progress_overview"
_NOTHING_NEW = 416


def opened(connection: Connection, datastore: str) -> ContainerClient:
    """Return the container behind a datastore of the workspace, opened as whoever is signed in."""
    store = connection.client.datastores.get(datastore)
    account = f"{store.protocol}://{store.account_name}.blob.{store.endpoint}"
    return ContainerClient(account, store.container_name, credential=connection.credential, retry_policy=blob_patience())


@dataclass
class Logs:
    """Reads what steps write. Each look is one request, and brings what came since the last."""

    connection: Connection
    _container: ContainerClient | None = field(default=None, init=False)

    def grow(self, run: str, log: Path) -> bool:
        """Append to the file `log` what a step's run has written beyond it; return whether that was anything."""
        self.connection.pace.wait()
        start = log.stat().st_size if log.exists() else 0
        try:
            blob = self._opened().get_blob_client(f"ExperimentRun/dcid.{run}/user_logs/std_log.txt")
            data: bytes = blob.download_blob(offset=start).readall()
        except ResourceNotFoundError:
            return False
        except HttpResponseError as error:
            if error.status_code == _NOTHING_NEW:
                return False
            raise
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(data)
        return bool(data)

    def batches(self, run: str) -> str:
        """Return the last line of what Azure ML writes of a parallel step's mini-batches, or the empty string: two requests."""
        self.connection.pace.wait()
        found = sorted(self._opened().list_blobs(f"ExperimentRun/dcid.{run}/{_OVERVIEW}"), key=lambda blob: blob.last_modified)
        if not found:
            return ""
        self.connection.pace.wait()
        text = self._opened().download_blob(found[-1].name).readall().decode(errors="replace")
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")

    def _opened(self) -> ContainerClient:
        if self._container is None:
            self._container = opened(self.connection, _ARTIFACTS)
        return self._container

    def close(self) -> None:
        """Close the connection to the store."""
        if self._container is not None:
            self._container.close()


def fetch(connection: Connection, job: str, output: str, place: Path, *, file: bool = False) -> Path | None:
    """Bring one output of a job to `place`, whole or not at all; return where it is, or None where the job has none of that name.

    A `file` is brought by azure-ai-ml as a folder that has it alone.

    Raises:
        PlatformError: It cannot be read.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".fetching-") as scratch:
        with told(f"fetch the output {output}", where=job), silent():
            with_models(connection.client.jobs).download(job, output_name=output, download_path=scratch)
        found = Path(scratch, "named-outputs", output)
        if not found.exists():
            return None
        inside = list(found.iterdir()) if file and found.is_dir() else []
        if len(inside) == 1 and inside[0].is_file():
            found = inside[0]
        if place.is_dir():
            shutil.rmtree(place)
        found.replace(place)
    return place

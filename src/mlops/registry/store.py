"""Where versions are kept: the few operations that a registry needs of MLflow, or of Azure ML.

A store knows names, numbers, tags, aliases and files, and nothing of what they mean (see `versions.py`).
"""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from mlops.errors import MlopsError, PlatformError
from mlops.files import locked
from mlops.registry import artifacts
from mlops.tracking.server import connect, experiment_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

TRIES = 4


class ChangedElsewhereError(Exception):
    """Another machine changed the model's versions while this one did: nothing of this was kept, and it is decided again."""


@dataclass(frozen=True)
class Stored:
    """One version as a store has it."""

    number: int
    created: float
    """Seconds since 1970."""
    run: str | None
    tags: Mapping[str, str]


class Store(Protocol):
    """What a registry asks of the place that keeps versions. Each raises PlatformError where that place does not answer."""

    @property
    def uri(self) -> str:
        """Where it is, for messages."""

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Return a block in which nobody else changes the model's versions.

        Raises:
            ChangedElsewhereError: At its end: somebody did, and nothing of the block was kept but files.
        """

    def versions(self, name: str) -> list[Stored]:
        """Return every version of a model; none where there is no such model."""

    def aliases(self, name: str) -> dict[str, int]:
        """Return the model's aliases, and the version that each points at."""

    def run(self, name: str, wanted: str | None) -> str:
        """Return the run that files are kept under: the wanted one, or where the store does not know it, another."""

    def keep(self, run: str, folder: Path, place: str) -> str:
        """Upload a folder, and return its address. What is at that place is the same files, from a try before."""

    def fetch(self, address: str, digest: str, cache: Path) -> Path:
        """Return the folder at an address on this machine; what comes is not judged here."""

    def create(self, name: str, place: str, run: str, tags: Mapping[str, str]) -> None:
        """Let there be a version of the model that was kept at `place`, with all of its tags at once."""

    def delete(self, name: str, number: int) -> None:
        """Take a version away."""

    def tag(self, name: str, number: int, key: str, value: str) -> None:
        """Set a tag of a version."""

    def untag(self, name: str, number: int, key: str) -> None:
        """Take a tag away."""

    def point(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""

    def unpoint(self, name: str, alias: str) -> None:
        """Take an alias away."""


@dataclass
class MlflowStore:
    """MLflow's registry and artifact store: this machine's, or a server's.

    Args:
        home: The state folder, for locks.
        uri: The tracking address, for messages; the client is made when it is first needed.
    """

    home: Path
    uri: str
    _made: Any = field(default=None, init=False, repr=False)

    @property
    def client(self) -> Any:
        """The MLflow client; the first use imports MLflow."""
        if self._made is None:
            self._made = connect(self.home)
        return self._made

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Return a lock of this machine: MLflow has none to offer."""
        return locked(self.home / f"registry-{urllib.parse.quote(name, safe='')}.lock")

    def versions(self, name: str) -> list[Stored]:
        """Return every version of a model."""
        found = self._ask(lambda: self.client.search_model_versions(f"name = '{name}'", max_results=10_000))
        return [Stored(int(one.version), one.creation_timestamp / 1000, one.run_id, dict(one.tags)) for one in found]

    def aliases(self, name: str) -> dict[str, int]:
        """Return the model's aliases, and the version that each points at."""
        found = self._ask(lambda: dict(self.client.get_registered_model(name).aliases))
        return {alias: int(number) for alias, number in found.items()}

    def run(self, name: str, wanted: str | None) -> str:
        """Return the wanted run where the store knows it (a store brought from elsewhere may not), else a new one."""
        from mlflow.exceptions import MlflowException

        def known() -> bool:
            try:
                return bool(self.client.get_run(wanted))
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return False

        return wanted if wanted and self._ask(known) else self._new_run(name)

    def _new_run(self, name: str) -> str:
        experiment = self._ask(lambda: experiment_id(self.client, self.home, name))
        run = str(self._ask(lambda: self.client.create_run(experiment, run_name="registration").info.run_id))
        self._ask(lambda: self.client.set_terminated(run))
        return run

    def keep(self, run: str, folder: Path, place: str) -> str:
        """Upload a folder to a run's artifacts."""
        self._ask(lambda: self.client.log_artifacts(run, str(folder), place))
        return f"{self._ask(lambda: self.client.get_run(run).info.artifact_uri)}/{place}"

    def fetch(self, address: str, digest: str, cache: Path) -> Path:
        """Return the folder itself where it is on this machine; from a server it is copied once."""
        return artifacts.local(address, digest, cache, self.uri)

    def create(self, name: str, place: str, run: str, tags: Mapping[str, str]) -> None:
        """Make the model where there is none yet, and a version of it."""
        self._make_model(name)
        source = f"runs:/{run}/{place}"
        self._ask(lambda: self.client.create_model_version(name, source, run, tags=dict(tags), await_creation_for=None))

    def _make_model(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        def make() -> None:
            try:
                self.client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

        self._ask(make)

    def delete(self, name: str, number: int) -> None:
        """Take a version away."""
        self._ask(lambda: self.client.delete_model_version(name, str(number)))

    def tag(self, name: str, number: int, key: str, value: str) -> None:
        """Set a tag of a version."""
        self._ask(lambda: self.client.set_model_version_tag(name, str(number), key, value))

    def untag(self, name: str, number: int, key: str) -> None:
        """Take a tag away."""
        self._ask(lambda: self.client.delete_model_version_tag(name, str(number), key))

    def point(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        self._ask(lambda: self.client.set_registered_model_alias(name, alias, str(number)))

    def unpoint(self, name: str, alias: str) -> None:
        """Take an alias away."""
        self._ask(lambda: self.client.delete_registered_model_alias(name, alias))

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Ask the store. Half an answer is asked for again; MLflow itself asks again after 429 and 5xx, and waits for a busy database.

        Raises:
            PlatformError: It did not answer in the end.
        """
        import random
        import time

        for attempt in range(TRIES):
            try:
                return question()
            except MlopsError:
                raise
            except Exception as error:
                if attempt == TRIES - 1 or not _transient(error):
                    raise _told(error, self.uri) from error
                time.sleep(0.1 * 2**attempt * (1 + random.random()))  # noqa: S311 - jitter
        raise AssertionError


def _transient(error: Exception) -> bool:
    """Return whether half an answer came: MLflow could not read it, and quotes it."""
    return "JSON" in str(error) or "Response body:" in str(error)


def _told(error: Exception, uri: str) -> MlopsError:
    lines = str(error).strip().splitlines() or [repr(error)]
    return PlatformError(
        f"the registry did not do it: {lines[0][:300]}", where=uri, hint="Production is as it was. Run the same command again."
    )

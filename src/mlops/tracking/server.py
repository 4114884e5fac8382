"""Where MLflow keeps runs and models: SQLite in the state folder, or the server that `MLFLOW_TRACKING_URI` names."""

from __future__ import annotations

import contextlib
import os
import sys

from mlops.errors import PlatformError
from mlops.files import locked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

_REACH_SECONDS = 3.0


def tracking_uri(home: Path) -> str:
    """Return the tracking address: what the user set, else SQLite under `home`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}"


def connect(home: Path) -> Any:
    """Return an `MlflowClient` whose store is there and answers.

    The first use of a new database is done under a lock: processes that all migrate at once fail with "duplicate column".

    Raises:
        PlatformError: A server does not answer, or the database is broken, locked or not writable.
    """
    uri = tracking_uri(home)
    if uri.startswith("http"):
        reach(uri)
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import logging

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from mlflow import MlflowClient, __version__

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    try:
        with locked(home / "mlflow.lock"), _new_database(home, uri, __version__):
            client = _opened(home, uri, lambda: MlflowClient(tracking_uri=uri, registry_uri=uri))
    except PlatformError:
        raise
    except Exception as error:
        first = str(error).strip().splitlines()[0][:300] if str(error).strip() else repr(error)
        hint = "If the file is broken, move it away: a new one is made, and .mlops/runs still has every run."
        raise PlatformError(f"MLflow's store cannot be used: {first}", where=uri, hint=hint) from error
    return client


@contextlib.contextmanager
def _new_database(home: Path, uri: str, version: str) -> Iterator[None]:
    """Give a home without a database of its own an empty one, where one is kept; otherwise keep the one that MLflow makes."""
    from mlops.tracking import blank

    own = home / "mlflow.db"
    if uri != f"sqlite:///{own}" or own.exists() or blank.lay(own, version):
        yield
        return
    yield
    blank.keep(own, version)


def _opened(home: Path, uri: str, make: Callable[[], Any]) -> Any:
    """Return a client that answers. A database of ours that an older MLflow made is brought to this one's form; a copy of it stays beside it."""
    try:
        client = make()
        client.search_experiments(max_results=1)
    except Exception as error:
        import shutil
        import subprocess

        own = home / "mlflow.db"
        if "out-of-date database schema" not in str(error) or uri != f"sqlite:///{own}":
            raise
        shutil.copyfile(own, own.with_suffix(".db.before"))
        command = [sys.executable, "-m", "mlflow", "db", "upgrade", uri]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise
        client = make()
        client.search_experiments(max_results=1)
    return client


def reach(uri: str) -> None:
    """Knock at a server before MLflow does: its own retries keep a person waiting for minutes."""
    import socket
    import urllib.parse

    parts = urllib.parse.urlsplit(uri)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), _REACH_SECONDS).close()
    except OSError as error:
        hint = "Start it, correct MLFLOW_TRACKING_URI, or unset it to keep runs in .mlops on this machine."
        raise PlatformError(f"the tracking server does not answer: {error.strerror or error}", where=uri, hint=hint) from error


def experiment_id(client: Any, home: Path, name: str) -> str:
    """Return the id of an experiment, made where it is new; artifacts lie in the state folder unless a server keeps them."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    import urllib.parse

    local = tracking_uri(home).startswith("sqlite")
    location = (home / "mlflow-artifacts" / urllib.parse.quote(name, safe="")).absolute().as_uri() if local else None
    from mlflow.exceptions import MlflowException

    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        found = client.get_experiment_by_name(name)  # somebody else made it in this moment
        if found is None:
            raise
        return str(found.experiment_id)

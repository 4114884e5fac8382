"""An environment's endpoint, seen from outside: deploy a version to it, look at it, stop it.

The endpoint is a process of its own that outlives the command that started it (`supervisor.py`). Whether it is alive is asked of its lock,
what it serves is asked of itself, and its folder remembers both for the time when it does not run.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, MlopsError, PlatformError
from mlops.files import locked
from mlops.serving.home import Home, ensure_key, rotate_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mlops.settings import ServeSettings

__all__ = ["Served", "deploy", "look", "rotate_key", "stop"]

DEPLOY_SECONDS = 120.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Served:
    """What an endpoint serves.

    `health` is "ready", "starting", "restarting", "not running" or "never started"; `version`, `digest` and `address` are the last known
    ones where it does not run. `previous` has the version, digest and folder that were served before. `note` is what the caller should
    be told, such as another port than the one that was asked for. `batch` is what scores batches, where an endpoint does.
    """

    environment: str
    address: str | None
    version: int | None
    digest: str | None
    health: str
    pid: int | None
    key_file: str | None
    sample_file: str | None
    previous: dict[str, Any] | None
    note: str | None = None
    batch: dict[str, Any] | None = None


def deploy(
    home: Path,
    *,
    model: str,
    version: int,
    folder: Path,
    digest: str,
    settings: ServeSettings,
    trusted: Sequence[str],
    positive: str | None = None,
) -> Served:
    """Serve a version: start the endpoint if it does not run, let the new deployment load and try itself, then swap.

    Args:
        home: The endpoint's folder; its name is the environment's.
        model: The model's name.
        version: The registered version that `folder` holds.
        folder: The MLflow model folder. It must stay: the deployment is started from it again after a crash.
        digest: What `files.digest_folder` gave for it when it was registered.
        settings: Port (a wish), `max_body_mb` and `timeout_seconds`.
        trusted: Types that the model file may hold, from project.yml.
        positive: The class whose probability is answered, of a binary task.

    Returns:
        What is served, once every new connection goes to it.

    Raises:
        JobFailed: The model was tampered with, does not load, or cannot score its own example. What served before goes on.
        PlatformError: The endpoint itself could not be started or does not answer.
    """
    place = Home(home.absolute())
    wanted = {
        "model": model,
        "version": version,
        "folder": str(folder.absolute()),
        "digest": digest,
        "trusted": list(trusted),
        "max_body_mb": settings.max_body_mb,
        "timeout_seconds": settings.timeout_seconds,
        "positive": positive,
    }
    with locked(place.path / "deploy.lock"):
        ensure_key(place)
        if place.owner() is None:
            _start(place, settings.port)
            _restore(place, wanted)
        _ask(place, {"command": "deploy", "deployment": wanted}, DEPLOY_SECONDS)
        return look(home)


def look(home: Path) -> Served:
    """Return what an endpoint serves now, as its process says; what it served last where it does not run."""
    place = Home(home.absolute())
    state = place.read()
    running = place.owner() is not None
    health, now = "not running" if state else "never started", {}
    if running:
        try:
            now = _ask(place, {"command": "status"}, 5.0)
            health = now["health"]
        except MlopsError:
            health = "does not answer"
    facts = state | now
    served = facts.get("deployment") or {}
    return Served(
        environment=place.environment,
        address=facts.get("address"),
        version=served.get("version"),
        digest=served.get("digest"),
        health=health,
        pid=now.get("pid"),
        key_file=str(place.key) if place.key.exists() else None,
        sample_file=str(place.sample) if place.sample.exists() else None,
        previous=facts.get("previous"),
        note=facts.get("note"),
    )


def stop(home: Path) -> bool:
    """End an endpoint and its deployments; requests in flight are answered first.

    Returns:
        Whether one was running.

    Raises:
        PlatformError: It holds its lock still, after it was killed.
    """
    place = Home(home.absolute())
    pid = place.owner()
    if pid is None:
        return False
    with contextlib.suppress(MlopsError):
        _ask(place, {"command": "stop"}, STOP_SECONDS)
    if not _gone(place, STOP_SECONDS) and pid:
        os.kill(pid, signal.SIGKILL)
        if not _gone(place, 5.0):
            raise PlatformError(f"the endpoint, process {pid}, does not end", where=str(place.lock), hint=f"kill -9 {pid}")
    return True


def _gone(place: Home, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if place.owner() is None:
            return True
        time.sleep(0.02)
    return False


def _restore(place: Home, wanted: dict[str, Any]) -> None:
    """After a crash, serve what was served before anything new is tried, so that a bad new version costs nothing."""
    state = place.read()
    before = state.get("deployment")
    if before and not state.get("stopped") and before["digest"] != wanted["digest"]:
        with contextlib.suppress(JobFailed):
            _ask(place, {"command": "deploy", "deployment": before}, DEPLOY_SECONDS)


def _start(place: Home, port: int) -> None:
    """Start the endpoint's process in a session of its own, and wait until it takes commands."""
    command = [sys.executable, "-m", "mlops.serving.supervisor", str(place.path), str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "MAKE", "MFLAGS"))}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        raise PlatformError(f"the endpoint did not start: {said[-800:]}", where=str(place.path), hint=f"Its log is {place.log}")


def _ask(place: Home, message: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Send a command to the endpoint's process, and return its answer."""
    try:
        with _connected(place, seconds) as connection, connection.makefile("rwb") as stream:
            stream.write(json.dumps(message).encode() + b"\n")
            stream.flush()
            answer: dict[str, Any] = json.loads(stream.readline() or b"{}")
    except (OSError, ValueError) as error:
        raise PlatformError(
            f"the endpoint does not answer: {error}", where=str(place.control), hint=f"mlops stop ends it; its log is {place.log}"
        ) from error
    if "error" in answer or not answer:
        said = answer.get("error", "it ended while it was asked")
        raise JobFailed(said, where=answer.get("where"), hint=answer.get("hint"))
    return answer


@contextlib.contextmanager
def _connected(place: Home, seconds: float) -> Iterator[socket.socket]:
    """Connect to the control socket through its folder's descriptor: the address of a socket has room for about 100 bytes only."""
    folder = os.open(place.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(_short(place, folder))
            yield connection
    finally:
        os.close(folder)


def _short(place: Home, folder: int) -> str:
    full = str(place.control)
    return full if len(os.fsencode(full)) < 100 else f"/proc/self/fd/{folder}/{place.control.name}"

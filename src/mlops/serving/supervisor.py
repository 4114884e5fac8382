"""The endpoint's own process: it owns the listening socket, and starts, swaps, restarts and ends the deployments that inherit it.

It loads no model and no scientific library, so it is small and has little that can fail. The socket is never closed while it lives: a caller
that connects in the middle of a swap waits in the socket's queue for a moment instead of being refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, MlopsError, PlatformError
from mlops.serving.deployment import Deployment, Worker
from mlops.serving.home import Home

if TYPE_CHECKING:
    from collections.abc import Callable

BACKOFF = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each try to start a crashed deployment again; after the last one the endpoint ends."""
SETTLED_SECONDS = 60.0
"""A deployment that lived so long has used up none of those tries."""


class Endpoint:
    """What is served now, and the changes to it, one at a time."""

    def __init__(self, home: Home, listener: socket.socket, state: dict[str, Any]) -> None:
        self.home = home
        self.listener = listener
        self.state = state
        self.current: Worker | None = None
        self.health = "starting"
        self.ended = asyncio.Event()
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._crashes = 0

    def facts(self) -> dict[str, Any]:
        return self.state | {"health": self.health, "pid": os.getpid(), "worker": self.current.pid if self.current else None}

    async def deploy(self, wanted: Deployment) -> None:
        """Serve `wanted`, and let go of what was served before once the new one is ready.

        Raises:
            JobFailed: It did not become ready; nothing has changed.
            PlatformError: The change could not be written down; nothing has changed.
        """
        async with self._changing:
            if self.current and self.current.alive and self.current.deployment == wanted:
                return
            green, blue = await Worker.start(self.home, self.listener, wanted), self.current
            try:
                self._remember(wanted)
            except PlatformError:
                await green.end()
                raise
            self._serve(green)
            if blue:
                await blue.let_go()
                self._spawn(blue.end())

    def _remember(self, wanted: Deployment) -> None:
        before = self.state.get("deployment")
        previous = self.state.get("previous")
        if before and before["version"] != wanted.version:
            previous = {name: before[name] for name in ("version", "digest", "folder")}
        state = self.state | {"deployment": wanted.facts(), "previous": previous, "started": time.time(), "stopped": False}
        self.home.write(state)
        self.state = state

    def _serve(self, worker: Worker) -> None:
        self.current, self.health = worker, "ready"
        self._spawn(self._watch(worker))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, worker: Worker) -> None:
        """Start a deployment again that ended by itself, from the same folder and digest."""
        began = time.monotonic()
        status = await worker.process.wait()
        if self.current is not worker or self.ended.is_set():
            return
        self.health = "restarting"
        worker.close()
        self._crashes = 0 if time.monotonic() - began > SETTLED_SECONDS else self._crashes
        log(f"v{worker.deployment.version} ended by itself ({_ending(status)})")
        while self._crashes < len(BACKOFF):
            await asyncio.sleep(BACKOFF[self._crashes])
            self._crashes += 1
            async with self._changing:
                if self.current is not worker or self.ended.is_set():
                    return
                try:
                    self._serve(await Worker.start(self.home, self.listener, worker.deployment))
                except JobFailed as error:
                    log(str(error))
                else:
                    log(f"v{worker.deployment.version} was started again")
                    return
        log("it does not stay up: the endpoint ends")
        self.current = None
        self.ended.set()

    async def end(self) -> None:
        """Answer what was accepted, and leave nothing behind."""
        self.listener.close()
        worker, self.current = self.current, None
        if worker:
            await worker.end()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=15)


def _ending(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"


def log(said: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {said}", flush=True)


async def serve(home: Home, listener: socket.socket, state: dict[str, Any], ready: Callable[[], None]) -> None:
    """Take commands until told to end."""
    endpoint = Endpoint(home, listener, state)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, endpoint.ended.set)
    os.umask(0o177)
    control = await asyncio.start_unix_server(lambda r, w: _answer(endpoint, r, w), path=home.control.name)
    os.umask(0o022)
    home.write(state)
    ready()
    log(f"listens at {state['address']}")
    watching = loop.create_task(_watch_home(endpoint))
    await endpoint.ended.wait()
    watching.cancel()
    crashed = endpoint.current is None and endpoint.health == "restarting"
    await endpoint.end()
    control.close()
    with contextlib.suppress(MlopsError, OSError):
        if home.path.exists():
            home.write(endpoint.state | {"stopped": not crashed})
    log("ended")


async def _answer(endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one command: a JSON object on a line."""
    try:
        message = json.loads(await reader.readline())
        answer = await _obey(endpoint, message)
    except MlopsError as error:
        answer = {"error": error.message, "where": error.where, "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - a broken command must not end the endpoint
        answer = {"error": f"{type(error).__name__}: {error}"}
    with contextlib.suppress(OSError):
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()
    if answer.get("health") == "stopping":
        endpoint.ended.set()


async def _obey(endpoint: Endpoint, message: dict[str, Any]) -> dict[str, Any]:
    command = message.get("command")
    if command == "deploy":
        await endpoint.deploy(Deployment.of(message["deployment"]))
    elif command == "stop":
        return endpoint.facts() | {"health": "stopping"}
    elif command != "status":
        raise PlatformError(f"there is no command {command!r}")
    return endpoint.facts()


async def _watch_home(endpoint: Endpoint) -> None:
    """End where the endpoint's folder was deleted: nobody could find this process again."""
    mine = os.stat(endpoint.home.lock).st_ino
    while True:
        await asyncio.sleep(1.0)
        try:
            there = os.stat(endpoint.home.lock).st_ino
        except OSError:
            there = None
        if there != mine:
            log("the endpoint's folder was deleted")
            endpoint.ended.set()


def listen(state: dict[str, Any], wish: int) -> tuple[socket.socket, str | None]:
    """Return a listening socket on loopback, and what to tell where its port is not the wished one.

    The port that was used before comes first, unless the wish has changed since; then the wish; then any free one.
    """
    remembered = state.get("port") if state.get("wish") == wish else None
    crashed = bool(state.get("deployment")) and not state.get("stopped")
    tries = [(remembered, 3.0 if crashed else 0.0), (wish, 0.0), (0, 0.0)]
    for port, patience in tries:
        if port is None:
            continue
        made = _bind(port, patience)
        if made is not None:
            used = made.getsockname()[1]
            note = f"port {wish} is taken by another program; this endpoint stays at {used}" if wish and used != wish else None
            return made, note
    raise PlatformError("no port is free on 127.0.0.1")


def _bind(port: int, patience: float) -> socket.socket | None:
    """Bind a port, and wait for it a little: deployments of an endpoint that was killed let go of theirs within moments."""
    until = time.monotonic() + patience
    while True:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(("127.0.0.1", port))
            made.listen(1024)
        except OSError:
            made.close()
            if time.monotonic() > until:
                return None
            time.sleep(0.05)
        else:
            made.setblocking(False)
            return made


def hold(home: Home) -> int:
    """Take the endpoint's lock for the rest of this process's life, and return its descriptor.

    Raises:
        PlatformError: Another endpoint has it.
    """
    handle = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    for _ in range(50):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"pid {os.getpid()}".encode(), 0)
            return handle
        time.sleep(0.02)
    raise PlatformError("another endpoint runs here", where=str(home.path))


def _run(home: Home, wish: int, tell: int) -> None:
    """Be the endpoint; `tell` is where the command that started it reads "ready", or why not."""
    try:
        os.chdir(home.path)
        hold(home)
        before = home.read()
        listener, note = listen(before, wish)
        port = listener.getsockname()[1]
        state = before | {"address": f"http://127.0.0.1:{port}", "port": port, "wish": wish, "note": note}
    except (MlopsError, OSError) as error:
        os.write(tell, str(error).encode())
        os._exit(1)

    def ready() -> None:
        os.write(tell, b"ready")
        os.close(tell)

    asyncio.run(serve(home, listener, state, ready))


def main() -> int:
    """Start the endpoint in a session of its own: `python -m mlops.serving.supervisor HOME PORT`."""
    home, wish = Home(Path(sys.argv[1]).absolute()), int(sys.argv[2])
    home.path.mkdir(parents=True, exist_ok=True)
    hear, tell = os.pipe()
    if os.fork():
        os.close(tell)
        said = b"".join(iter(lambda: os.read(hear, 4096), b"")).decode()
        if said != "ready":
            print(said or f"it ended at once; see {home.log}", file=sys.stderr)
        return 0 if said == "ready" else 1
    os.close(hear)
    os.setsid()
    out = os.open(home.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    _run(home, wish, tell)
    return 0


if __name__ == "__main__":
    sys.exit(main())

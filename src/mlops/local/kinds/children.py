"""The processes of one step: trials, ranks, workers.

They are started by a *nursery*, a fork of the driver made before the driver does anything else: a spawner (see spawner.py) that already
holds the step's imports, has one thread, and forks each child as the engine's own spawner forks a step. So a trial starts in milliseconds,
and the driver may use MLflow, threads and connections without a child ever inheriting them. The nursery ends when the driver does, however
that happens, and with it all that it started.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn, Self

from mlops.local import spawner
from mlops.local.logs import overwritten
from mlops.local.messages import LOST, Messages
from mlops.local.progress import progress_in
from mlops.local.snapshot import plain_python

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

GRACE = 3.0  # seconds between asking a child to end and ending it; shorter than the engine's own patience with the driver
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def shared_cores(count: int) -> dict[str, str]:
    """Return the variables that share the machine's cores out among `count` processes that compute at the same time.

    What the user has set stays: more threads than cores, each waiting for the others, make minutes of seconds.
    """
    share = str(max(1, (os.cpu_count() or 1) // max(1, count)))
    return {name: share for name in _THREADS if name not in os.environ}


class Children:
    """The driver's side of the nursery. Use it in a `with` block; nothing that was started outlives the block.

    Args:
        imports: The modules that the children import, brought in while the nursery has nothing else to do.
        warm: Whether a plain `python SCRIPT` is forked; otherwise each child is a fresh process.
        variables: Set in the nursery and in every child.
        prepare: Called in the nursery once the imports are there, to do what every child would do first.
    """

    def __init__(
        self,
        imports: Sequence[str] = (),
        *,
        warm: bool = True,
        variables: Mapping[str, str] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self.warm = warm
        self.imports = list(imports)
        self.variables = dict(variables or {})
        self.running: set[str] = set()
        self.tell: Callable[[str], None] | None = None
        """Told the newest of what children say of their progress, where they print through a mark."""
        self.selector = selectors.DefaultSelector()
        self._heard: list[dict[str, Any]] = []
        self._outputs: dict[str, _Output] = {}
        request, self._requests = os.pipe()
        self._inbox, message = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if self._pid == 0:
            _nursery(self.imports if warm else [], request, message, self.variables, prepare if warm else None)
        os.close(request)
        os.close(message)
        self._messages = Messages(self._requests, self._inbox)
        self.selector.register(self._inbox, selectors.EVENT_READ, self._read)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, name: str, command: str, *, cwd: Path, log: Path, variables: Mapping[str, str] | None = None, mark: str = "") -> None:
        """Start `command` as `bash -c` would.

        Args:
            name: What messages call it.
            command: A plain `python SCRIPT` is forked.
            cwd: Its working directory.
            log: Takes what it prints.
            variables: More of its environment.
            mark: Where given, what it prints goes to the driver's own output, each line behind this; `log` is then only a pipe.
        """
        if mark:
            self._outputs[name] = _Output(self.selector, log, mark, self.tell)
        argv = list(plain_python(command)) if self.warm else []
        environment = {**os.environ, **self.variables, **(variables or {})}
        self._messages.send(
            op="run", id=name, argv=argv, command=command, imports=self.imports, cwd=str(cwd), env=environment, log=str(log)
        )
        self.running.add(name)

    def end(self, name: str, number: int = signal.SIGTERM) -> None:
        """Send a signal to a child and all that it started."""
        self._messages.send(op="signal", id=name, signal=int(number))

    def next(self, timeout: float | None = None) -> tuple[str, int] | None:
        """Return the next child that ended, with its exit status, or None after `timeout` seconds.

        While it waits, whatever else is registered with `selector` is served: each key's data is called when its file can be read. It
        returns None after that too, so that a caller sees what was changed.

        Raises:
            SystemExit: The nursery was killed.
        """
        if not self._heard:
            for key, _ in self.selector.select(timeout):
                key.data()
        while self._heard:
            message = self._heard.pop(0)
            if message["event"] == "exited":
                self.running.discard(message["id"])
                self._silence(message["id"])
                return message["id"], message["code"]
        return None

    def end_all(self) -> None:
        """Ask every child to end, and wait up to `GRACE` seconds for that; what is still there then ends with the nursery."""
        for name in self.running:
            self.end(name)
        deadline = time.monotonic() + GRACE
        with contextlib.suppress(SystemExit):
            while self.running and time.monotonic() < deadline:
                self.next(deadline - time.monotonic())

    def close(self) -> None:
        """End every child, then the nursery."""
        if self._pid == 0:
            return
        self.end_all()
        for handle in (self._requests, self._inbox):
            with contextlib.suppress(OSError):
                os.close(handle)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        self._pid = 0
        for name in list(self._outputs):
            self._silence(name)
        self.selector.close()

    def _silence(self, name: str) -> None:
        output = self._outputs.pop(name, None)
        if output is not None:
            output.close()

    def _read(self) -> None:
        self._heard += self._messages.read()
        if self._heard[-1:] == [LOST]:
            raise SystemExit("the process that starts the children was killed")


def _nursery(imports: list[str], request: int, message: int, variables: Mapping[str, str], prepare: Callable[[], None] | None) -> NoReturn:
    """Become the spawner: requests on standard input, messages where it writes them, a session of its own."""
    try:
        os.setsid()
        os.dup2(request, 0)
        os.dup2(message, spawner.MESSAGES)
        os.closerange(spawner.MESSAGES + 1, 4096)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ.update(variables)
        if sys.path and sys.path[0] in {"", os.getcwd()}:
            del sys.path[0]
        spawner.become_subreaper()
        _limit_threads(variables)
        nursery = spawner.Spawner()
        nursery.modules = list(imports)
        if prepare:
            for module in imports:
                nursery.bring(module)
            with contextlib.suppress(Exception):
                prepare()
        nursery.loop()
    finally:
        os._exit(0)


def _limit_threads(variables: Mapping[str, str]) -> None:
    """Tell the linear algebra that was loaded before the variables were set."""
    pools = sys.modules.get("threadpoolctl")
    share = variables.get("OMP_NUM_THREADS")
    if pools is not None and share:
        pools.ThreadpoolController().limit(limits=int(share))


class _Output:
    """What a child prints, as whole lines with a mark before each, on the driver's own output.

    The child's log is a named pipe, held open at this end so that a child never waits for a reader.
    """

    def __init__(self, selector: selectors.BaseSelector, path: Path, mark: str, tell: Callable[[str], None] | None) -> None:
        self.path, self.mark, self._tell = path, mark, tell
        self._selector = selector
        self._rest = b""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        self._handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._selector.register(self._handle, selectors.EVENT_READ, self.read)

    def read(self) -> None:
        """Print what is there."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._handle, 1 << 16):
                *lines, self._rest = (self._rest + data).split(b"\n")
                self._print(lines)
                if b"\r" in self._rest:  # a bar: of what is written over the last alone is kept
                    self._rest = b"\r" + next((part for part in reversed(self._rest.split(b"\r")) if part.strip()), b"")
                self._say([*lines, self._rest])

    def _say(self, lines: list[bytes]) -> None:
        newest = next((line for line in reversed(lines) if line.strip()), b"")
        if self._tell and (progress := progress_in(newest[-500:].decode(errors="replace"))):
            self._tell(f"{self.mark} {progress}")

    def close(self) -> None:
        """Print the rest, and take the pipe away."""
        self.read()
        self._print([self._rest] if self._rest else [])
        self._selector.unregister(self._handle)
        os.close(self._handle)
        self.path.unlink(missing_ok=True)

    def _print(self, lines: list[bytes]) -> None:
        for line in lines:
            print(f"{self.mark} {overwritten(line.decode(errors='replace'))}", flush=True)

"""How steps run on this machine: laid out, started, watched, sealed.

The executor hands commands to a spawner (see spawner.py), at most `workers` at a time, and turns what happens to them into events.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections import deque

from mlops.engine.events import Canceled, Event, Failed, Finished, Product, Progress, Started
from mlops.errors import PlatformError
from mlops.files import unwritable, write_json, write_protect
from mlops.local import logs
from mlops.local.messages import LOST, ended
from mlops.local.packages import PACKAGES, lay_environment
from mlops.local.progress import Watch
from mlops.local.warm import MINE, Spawner, inherited
from mlops.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from mlops.engine.freshness import Recipe
    from mlops.engine.order import Task
    from mlops.local.digests import Digests
    from mlops.local.snapshot import Code, Snapshot

UNMADE = "unmade"  # the type of an output, file or folder, that the step itself makes
_LOOK_EVERY = 1.0  # seconds between two looks at what steps print: how much it is, and how far they say that they are
GRACE = 5.0  # seconds between SIGTERM and SIGKILL
_IMPORT_TIME = ("OMP_", "OPENBLAS_", "MKL_", "PYTHON", "LD_")


@dataclass(frozen=True)
class Launch:
    """One step, ready to start: everything resolved."""

    step: str
    command: str
    code: Code
    folder: Path
    variables: Mapping[str, str]
    """The variables that the component itself sets."""
    outputs: Mapping[str, tuple[Path, str]]
    """Output -> where it must be written, and its type."""
    inputs: Mapping[str, tuple[Path, str]]
    """Asset inputs -> where they are, and the digest that they must still have afterwards."""
    recipe: Recipe
    timeout: float | None
    job: Mapping[str, Any] | None = None
    """What a driver of `kinds/` reads from job.json; None for a plain command."""
    artifacts: str | None = None
    """The output that holds what the step leaves in `./outputs`, if one does."""
    installs_over: Path | None = None
    """The environment over which the step has an own one, to install into; None where it installs nothing."""
    differs: tuple[str, ...] = ()
    """What is otherwise here than the step's environment asks for."""


@dataclass
class _Running:
    launch: Launch
    spawner: Spawner
    warm: bool
    began: float
    watch: Watch
    deadline: float | None = None
    ended_because: str = ""
    canceled: bool = False
    killed_at: float | None = None


@dataclass
class ProcessExecutor:
    """Runs each task's `Launch` as a process.

    Args:
        launches: By task: how to start it, with its inputs resolved; there when the task is.
        environment: Gives the variables of a step's MLflow run; called just before the step starts.
        digests: Digests the outputs.
        snapshot: Lays out the code.
        workers: Steps at the same time.
        warm: Whether plain Python steps are forked from a process that has their imports already.
        imports: The modules that the steps of this run will import, in the order in which they are wanted.
        early: A spawner that was started already.
        measured: Gives what steps have logged last, by step, as far as somebody knows.
    """

    launches: Mapping[str, Launch]
    environment: Callable[[Launch], Mapping[str, str]]
    digests: Digests
    snapshot: Snapshot
    workers: int = 2
    warm: bool = True
    imports: list[str] = field(default_factory=list)
    early: Spawner | None = None
    measured: Callable[[], Mapping[str, str]] = dict
    idle: Callable[[], object] = dict
    """Called before each time that there is nothing to do but wait."""
    _look_at: float = 0.0
    _waiting: deque[tuple[Task, str, Launch]] = field(default_factory=deque)
    _running: dict[str, _Running] = field(default_factory=dict)
    _ready: deque[Event] = field(default_factory=deque)
    _spawners: dict[bool, Spawner] = field(default_factory=dict)
    _messages: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _base: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._base = inherited()

    @property
    def room(self) -> bool:
        return len(self._running) + len(self._waiting) <= self.workers  # one more: it is laid out while the others run

    def start(self, task: Task, reason: str) -> None:
        launch = self.launches[task.name]
        try:
            self._lay_out(launch)
        except OSError as error:
            self._ready.append(Failed(task.name, 0.0, str(unwritable(launch.folder, error)), ours=True))
        except PlatformError as error:
            self._ready.append(Failed(task.name, 0.0, str(error), ours=True))
        else:
            self._waiting.append((task, reason, launch))
            self._fill()

    def next(self) -> Event:
        while not self._ready:
            self.idle()
            come = self._messages.select(self._patience())
            for key, _ in come:
                for message in key.fileobj.messages.read():  # type: ignore[union-attr]
                    self._take(message, key.fileobj)  # type: ignore[arg-type]
            if not come:
                self._enforce()
            if time.monotonic() >= self._look_at:
                self._look()
            self._fill()
        return self._ready.popleft()

    @property
    def busy(self) -> bool:
        """Whether an event is still to come."""
        return bool(self._running or self._waiting or self._ready)

    def cancel(self, reason: str) -> None:
        while self._waiting:
            self._ready.append(Canceled(self._waiting.popleft()[0].name, 0.0, reason))
        for running in self._running.values():
            running.canceled = True
            self._end(running, reason)

    def close(self) -> None:
        """End the spawners; nothing that they started outlives them."""
        for spawner in self._spawners.values():
            spawner.close(idle=all(running.spawner is not spawner for running in self._running.values()))
        self._spawners.clear()
        if self.early:
            self.early.close(idle=True)
        self._messages.close()

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self.workers:
            task, reason, launch = self._waiting.popleft()
            try:
                self._launch(launch)
            except PlatformError as error:
                self._ready.append(Failed(task.name, 0.0, str(error), ours=True))
            else:
                self._ready.append(Started(task.name, reason, time.time()))

    def _lay_out(self, launch: Launch) -> None:
        self.snapshot.copy(launch.code, launch.folder / "code")
        _lay_artifacts(launch)
        if launch.installs_over is not None:
            lay_environment(launch.folder / PACKAGES, launch.installs_over)
        if launch.job is not None:
            write_json(launch.folder / "job.json", launch.job)
        for path, kind in launch.outputs.values():
            os.makedirs(path.parent if kind in {"uri_file", UNMADE} else path, exist_ok=True)

    def _launch(self, launch: Launch) -> None:
        warm = self.warm and bool(launch.code.argv) and not any(name.startswith(_IMPORT_TIME) for name in launch.variables)
        spawner = self._spawner(warm=warm)
        spawner.messages.send(
            op="run",
            id=launch.step,
            argv=list(launch.code.argv) if warm else [],
            command=launch.command,
            imports=list(launch.code.imports),
            cwd=str(launch.folder / "code"),
            env=self._environment(launch),
            log=str(launch.folder / "log.txt"),
        )
        watch = Watch(launch.folder, driven=launch.job is not None)
        self._running[launch.step] = _Running(launch, spawner, warm, time.monotonic(), watch)

    def _environment(self, launch: Launch) -> dict[str, str]:
        """Return what a step has beside what the spawner has: its own variables."""
        own = {**self.environment(launch), **launch.variables}
        return {MINE: self._base[MINE], **own} if MINE in self._base else own

    def _spawner(self, *, warm: bool) -> Spawner:
        if warm not in self._spawners:
            self._spawners[warm], self.early = self.early or Spawner(), None
            self._messages.register(self._spawners[warm], selectors.EVENT_READ)
            if warm and self.imports:
                self._spawners[warm].messages.send(op="import", modules=self.imports)
        return self._spawners[warm]

    def _patience(self) -> float | None:
        """Return the seconds until something must be ended, or None to wait for a message alone."""
        times = [t for r in self._running.values() for t in (r.deadline if not r.ended_because else None, r.killed_at) if t is not None]
        look = [_LOOK_EVERY] if self._running else []
        return max(0.0, min([t - time.monotonic() for t in times] + look, default=0.0)) if times or look else None

    def _look(self) -> None:
        """Keep the logs within their bounds, and tell how far each running step is, where it has said something new."""
        self._look_at = time.monotonic() + _LOOK_EVERY
        measured = self.measured() if self._running else {}
        for name, running in self._running.items():
            logs.hollow(running.launch.folder / "log.txt")
            news = running.watch.news(measured.get(name, ""))
            if news:
                self._ready.append(Progress(name, news))

    def _enforce(self) -> None:
        moment = time.monotonic()
        for running in self._running.values():
            if running.killed_at is not None and running.killed_at <= moment:
                running.killed_at = None
                running.spawner.messages.send(op="signal", id=running.launch.step, signal=int(signal.SIGKILL))
            elif running.deadline is not None and running.deadline <= moment and not running.ended_because:
                self._end(running, f"ran longer than its limit of {running.launch.timeout:g} s")

    def _end(self, running: _Running, reason: str) -> None:
        """Ask a step's process group to end; a second call insists, and so do `GRACE` seconds."""
        again = bool(running.ended_because)
        running.ended_because = running.ended_because or reason
        running.killed_at = time.monotonic() + (0 if again else GRACE)
        running.spawner.messages.send(op="signal", id=running.launch.step, signal=int(signal.SIGKILL if again else signal.SIGTERM))

    def _take(self, message: dict[str, Any], spawner: Spawner) -> None:
        if message == LOST:
            self._lost(spawner)
        elif message["event"] == "started":
            spawner.pids[message["id"]] = message["pid"]
            if message["id"] in self._running:
                self._begun(self._running[message["id"]], cold=bool(message["cold"]))
        elif message["id"] in self._running:
            running = self._running.pop(message["id"])
            logs.shorten(running.launch.folder / "log.txt")
            running.spawner.pids.pop(message["id"], None)
            self._ready.append(self._verdict(running, message["code"]))

    @staticmethod
    def _begun(running: _Running, *, cold: bool) -> None:
        """The process is there: its time limit begins, for it is not the step that waited while imports were made for others."""
        running.warm = running.warm and not cold
        if running.launch.timeout:
            running.deadline = time.monotonic() + running.launch.timeout

    def _lost(self, spawner: Spawner) -> None:
        """The spawner itself was killed: end what it started, and fail what ran in it."""
        for pid in spawner.pids.values():
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        for name in [n for n, r in self._running.items() if r.spawner is spawner]:
            running = self._running.pop(name)
            self._ready.append(self._failed(running, "the process that starts steps was killed", ours=True))
        self._messages.unregister(spawner)
        spawner.close(idle=True)
        self._spawners = {warm: s for warm, s in self._spawners.items() if s is not spawner}

    def _verdict(self, running: _Running, code: int) -> Event:
        if running.canceled:
            return Canceled(running.launch.step, time.monotonic() - running.began, running.ended_because)
        if running.ended_because:
            return self._failed(running, running.ended_because)
        if code:
            from mlops.local.causes import cause

            reason = _told(running.launch) or _in_words(code)
            lacked = cause(logs.lines(running.launch.folder / "log.txt"), running.launch.differs)
            return self._failed(running, f"{reason}: {lacked}" if lacked else reason)
        try:
            return self._sealed(running)
        except OSError as error:
            return self._failed(running, str(unwritable(running.launch.folder, error)), ours=True)

    def _sealed(self, running: _Running) -> Event:
        """Check that the step wrote what it declares and left its inputs alone, then digest and lock what it wrote."""
        launch = running.launch
        for name, (path, kind) in launch.outputs.items():
            if (kind == "uri_file" and not path.is_file()) or not path.exists() or (path.is_dir() and not any(path.iterdir())):
                return self._failed(running, f"it ended well and did not write its output {name!r}")
        for name, (path, digest) in launch.inputs.items():
            if self._digest(path) != digest:
                return self._failed(running, f"its input {name!r} changed while it ran: {path}")
        outputs = {}
        for name, (path, _) in launch.outputs.items():
            write_protect(path)
            outputs[name] = Product(str(path), self.digests.of(path))
        summary = logs.last_line(launch.folder / "log.txt")
        return Finished(launch.step, time.monotonic() - running.began, outputs, summary, running.warm)

    def _digest(self, path: Path) -> str:
        try:
            return self.digests.of(path)
        except OSError:
            return "gone"

    def _failed(self, running: _Running, reason: str, *, ours: bool = False) -> Failed:
        log = running.launch.folder / "log.txt"
        return Failed(running.launch.step, time.monotonic() - running.began, reason, str(log), _tail(log), ours)


class Nobody:
    """The executor of a run that is only foreseen: whatever would run has its verdict already, and nothing is ever started."""

    room = True

    def start(self, task: Task, reason: str) -> None:
        raise PlatformError(f"{task.name} was to be started, and nothing is: {reason}")

    def next(self) -> Event:
        raise PlatformError("nothing was started")

    def cancel(self, reason: str) -> None:
        """Nothing runs."""


def _told(launch: Launch) -> str:
    """Return the reason that a driver of `kinds/` left, if any."""
    reason = launch.folder / "reason.txt"
    return reason.read_text(encoding="utf-8") if launch.job is not None and reason.is_file() else ""


def _lay_artifacts(launch: Launch) -> None:
    """Make `./outputs`, which is there on Azure ML for files that a step wants kept without declaring them."""
    place = launch.folder / "code" / "outputs"
    if launch.artifacts and not place.exists():
        kept = launch.outputs[launch.artifacts][0] / "outputs"
        kept.mkdir(parents=True, exist_ok=True)
        place.symlink_to(kept)
    elif not place.exists():
        place.mkdir()


def _in_words(code: int) -> str:
    """Return a process's exit status as a person would say it."""
    more = ": often the machine ran out of memory" if code == -signal.SIGKILL else ""
    return f"it {ended(code)}{more}"


def _tail(log: Path, count: int = 12) -> tuple[str, ...]:
    return tuple(line[:400] for line in logs.lines(log) if line.strip())[-count:]

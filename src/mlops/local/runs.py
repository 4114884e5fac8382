"""Run folders: `.mlops/runs/<n>/`, one a run, readable by a person and left behind by every run however it ends.

events.jsonl    the events as they came, each written at once: the journal; without the progress of running steps, which is in run.json
run.json        what is going on, or how it ended: inputs, steps, outputs, reasons. Written whole at the beginning and the end, and in
                between as often as it costs little; who reads it adds what the journal has in addition
steps/<step>/   code/ (the working directory), outputs/, log.txt
lock            held by the process that runs it: a run that says `running` and whose lock is free was killed
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import subprocess
import threading
import time
from datetime import UTC, datetime

from mlops.engine import events
from mlops.errors import UsageError
from mlops.files import read_json, shown, unwritable, write_json
from mlops.hashing import sha256
from mlops.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from mlops.spec.values import Pipeline

_FIRST = [
    "amber",
    "brave",
    "brisk",
    "calm",
    "clear",
    "eager",
    "early",
    "fair",
    "fleet",
    "gentle",
    "keen",
    "light",
    "lucky",
    "merry",
    "mild",
    "noble",
    "proud",
    "quick",
    "quiet",
    "ready",
    "sharp",
    "steady",
    "sunny",
    "swift",
    "true",
    "vivid",
    "warm",
    "wise",
]
_SECOND = [
    "badger",
    "crane",
    "dove",
    "eagle",
    "egret",
    "falcon",
    "finch",
    "gannet",
    "gull",
    "hawk",
    "heron",
    "ibis",
    "kestrel",
    "kite",
    "lark",
    "osprey",
    "otter",
    "owl",
    "petrel",
    "pipit",
    "plover",
    "puffin",
    "robin",
    "sandpiper",
    "skua",
    "starling",
    "stork",
    "swallow",
    "swan",
    "swift",
    "tern",
    "wren",
]


_READ_BY_EYE = 200  # steps: run.json of a larger run is one line, which is ten times as fast to write
_WRITE_EVERY, _SHARE = 1.0, 20  # seconds between two writings of run.json, and how much longer than a writing they are at least
_AS_LINE = json.JSONEncoder(ensure_ascii=False).encode
_NOT_TOLD = {"event", "step", "at", "facts"}


_ASK = """git -C "$1" status --porcelain=v2 --branch; printf '\\0'; git -C "$1" config user.email"""


@dataclass(frozen=True)
class Origin:
    """Who runs what, from which commit."""

    user: str
    commit: str | None
    dirty: bool


def origin(root: Path) -> Origin:
    """Return who runs from which commit of the repository at `root`; no commit where it is not one."""
    return ask_origin(root)()


def ask_origin(root: Path) -> Callable[[], Origin]:
    """Ask git for the origin of a run, and return what waits for its answer: there is other work to do meanwhile."""
    words = ["/bin/sh", "-c", _ASK, "sh", str(root)]  # one process to start here, whatever it starts
    try:
        asked = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return lambda: _told([])
    return lambda: _told([answer.strip() for answer in asked.communicate()[0].split("\0")])


def _told(answers: list[str]) -> Origin:
    status, user = answers or ("", "")
    lines = status.splitlines()
    found = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    dirty = any(not line.startswith("#") for line in lines)
    if not user:
        try:
            import getpass

            user = getpass.getuser()
        except (OSError, KeyError):
            user = f"uid {os.getuid()}"
    return Origin(user, None if found == "(initial)" else found, dirty)


def now() -> str:
    """Return the time, in UTC, as ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class RunRecord:
    """The reader of events that keeps a run's folder."""

    folder: Path
    facts: dict[str, Any]
    began: float = field(default_factory=time.time)
    _lock: int = -1
    _journal: int = -1
    _described: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Facts of steps that no event has carried into the journal yet."""
    _next_write: float = 0.0
    _writing: threading.RLock = field(default_factory=threading.RLock)

    @property
    def failed(self) -> str | None:
        """The name of the first step that failed, or None."""
        return next((name for name, facts in self.facts["steps"].items() if facts.get("state") == "failed"), None)

    def step_folder(self, step: str) -> Path:
        return self.folder.joinpath("steps", step)

    def describe_step(self, step: str, **facts: Any) -> None:
        """Add facts of a step that no event carries: its command, its inputs."""
        with self._writing:
            self.facts["steps"].setdefault(step, {}).update(facts)
            self._described.setdefault(step, {}).update(facts)

    def apply(self, event: events.Event) -> None:
        """Take an event into the record: into the journal at once, and into run.json before long; of a step's progress the newest, into that alone."""
        with self._writing:
            if isinstance(event, events.Progress):
                self.facts["steps"].setdefault(event.step, {})["progress"] = event.text
                if time.monotonic() >= self._next_write:
                    self.write()
                return
            line = {"at": now(), **events.to_json(event)}
            described = self._described.pop(getattr(event, "step", ""), None)
            if described:
                line["facts"] = described
            self._append(line)
            _apply(self.facts, line, self.began)
            if isinstance(event, events.RunFinished):
                self.write()
            elif isinstance(event, events.Failed) or time.monotonic() >= self._next_write:
                self.write(durable=False)

    def _append(self, line: dict[str, Any]) -> None:
        data = _AS_LINE(line).encode() + b"\n"
        try:
            if self._journal < 0:
                self._journal = os.open(self.folder / "events.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            written = os.write(self._journal, data)
        except OSError as error:
            raise unwritable(self.folder / "events.jsonl", error) from error
        if written < len(data):
            raise unwritable(self.folder / "events.jsonl", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self.facts["journal"] = self.facts.get("journal", 0) + len(data)

    def write(self, *, durable: bool = True) -> None:
        """Write run.json; one that a power cut may take with it while the run goes on takes a tenth of the time.

        Raises:
            PlatformError: The disk is full, or the folder not writable.
        """
        with self._writing:
            began = time.monotonic()
            write_json(self.folder / "run.json", self.facts, compact=len(self.facts["steps"]) > _READ_BY_EYE, durable=durable)
            self._next_write = time.monotonic() + max(_WRITE_EVERY, _SHARE * (time.monotonic() - began))

    def close(self) -> None:
        """Let go of the run's lock."""
        for handle in (self._lock, self._journal):
            if handle >= 0:
                os.close(handle)
        self._lock = self._journal = -1


def _apply(facts: dict[str, Any], line: Mapping[str, Any], began: float) -> None:
    """Take one line of the journal into a run's facts: the same for who writes the journal and who reads it later."""
    kind, step = line["event"], line.get("step")
    if kind == "RunFinished":
        facts.update(state=line["state"], seconds=round(line["seconds"], 3), finished=line["at"])
    if step is None:
        return
    own = facts["steps"].setdefault(step, {})
    own.update(line.get("facts", {}))
    if kind != "Started":
        own.pop("progress", None)
    told = {name: value for name, value in line.items() if name not in _NOT_TOLD and value not in ("", (), [], None)}
    own.update(told, state="running" if kind == "Started" else kind.lower())
    if kind == "Started":
        own["at"] = round(line["at"] - began, 3) if isinstance(line["at"], float) else None


def facts_of(
    pipeline: Pipeline, root: Path, who: Origin, settings: Mapping[str, str], *, force: bool, asset: Callable[[Path], Mapping[str, str]]
) -> dict[str, Any]:
    """Return what a run's record says of the pipeline and its inputs, wherever it runs.

    Args:
        pipeline: What runs.
        root: The project, to which paths are relative.
        who: Who runs it, from which commit.
        settings: The inputs that were given on the command line.
        force: Whether nothing is reused.
        asset: Returns what is told of an input that is a file or folder.
    """
    from mlops.spec.values import Asset, Literal

    inputs: dict[str, Any] = {}
    for name, bound in pipeline.values.items():
        kind = pipeline.inputs[name].type
        if isinstance(bound, Asset):
            inputs[name] = {"type": kind, **asset(bound.path)}
        elif isinstance(bound, Literal):
            inputs[name] = {"type": kind, "value": bound.value}
    return {
        "pipeline": shown(pipeline.path.resolve(), root),
        "experiment": pipeline.experiment,
        "tags": dict(pipeline.tags),
        "settings": dict(settings),
        "force": force,
        "user": who.user,
        "commit": who.commit,
        "dirty": who.dirty,
        "inputs": inputs,
    }


def open_run(home: Path, facts: Mapping[str, Any]) -> RunRecord:
    """Make the next run folder below `home` and its record.

    Raises:
        PlatformError: The state folder is full or not writable.
    """
    runs = home / "runs"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        number = max((n for n, _ in _folders(runs)), default=0) + 1
        while True:
            try:
                (runs / str(number)).mkdir()
                break
            except FileExistsError:
                number += 1
        folder = runs / str(number)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(lock, f"{os.getpid()}\n".encode())
    except OSError as error:
        raise unwritable(runs, error) from error
    first, second, *_ = sha256(str(number).encode()).digest()
    name = f"{_FIRST[first % len(_FIRST)]}-{_SECOND[second % len(_SECOND)]}"
    record = RunRecord(
        folder, {"run": number, "name": name, "state": "running", "started": now(), **facts, "steps": {}, "outputs": {}}, _lock=lock
    )
    record.write(durable=False)
    return record


def reopen_run(folder: Path) -> RunRecord:
    """Return the record of a run that is followed again, from where its journal ends.

    Raises:
        UsageError: Another process follows it.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise UsageError(f"run {folder.name} is followed already", hint=f"mlops logs {folder.name} --follow") from error
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    facts = read_json(folder / "run.json")
    _replay(folder, facts)
    facts["journal"] = (folder / "events.jsonl").stat().st_size if (folder / "events.jsonl").exists() else 0
    facts.update(state="running")
    facts.pop("error", None)
    return RunRecord(folder, facts, datetime.fromisoformat(facts["started"]).timestamp(), _lock=lock)


def _folders(runs: Path) -> Iterator[tuple[int, Path]]:
    for path in runs.iterdir() if runs.is_dir() else ():
        if path.name.isdigit():
            yield int(path.name), path


def read_runs(home: Path) -> list[dict[str, Any]]:
    """Return the records of all runs, the newest first; one whose process was killed says so."""
    found = sorted(_folders(home / "runs"), reverse=True)
    return [facts for _, folder in found if (facts := read_run(folder)) is not None]


def read_run(folder: Path) -> dict[str, Any] | None:
    """Return one run's record, or None for a folder that has none: also where the power went off before it was on the disk.

    Raises:
        PlatformError: It is there, and cannot be read or makes no sense.
    """
    with contextlib.suppress(OSError):
        if not (folder / "run.json").read_bytes().strip(b"\0"):
            return None
    facts = read_json(folder / "run.json")
    if not isinstance(facts, dict):
        return None
    if facts.get("state") == "running":
        killed = not alive(folder)
        _replay(folder, facts)
        if killed and facts["state"] == "running" and "job" in facts:
            facts["state"], facts["error"] = "detached", f"nobody follows it here: mlops resume {facts['run']}"
        elif killed and facts["state"] == "running":
            facts["state"], facts["error"] = "killed", "its process ended without a word"
    return facts


def _replay(folder: Path, facts: dict[str, Any]) -> None:
    """Add to a run's facts what its journal tells and run.json does not yet; a last line that a kill has cut is not told."""
    began = datetime.fromisoformat(facts["started"]).timestamp() if "started" in facts else 0.0
    with contextlib.suppress(OSError), (folder / "events.jsonl").open("rb") as file:
        file.seek(facts.get("journal", 0))
        for line in file:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                _apply(facts, json.loads(line), began)


def alive(folder: Path) -> bool:
    """Return whether the process of a run still holds its lock."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look must not see each other
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def owner(folder: Path) -> int | None:
    """Return the process that a run goes on in, or None where it does not."""
    try:
        text = (folder / "lock").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and alive(folder) else None


def find_run(home: Path, which: str, model: str | None = None) -> Path:
    """Return the folder of a run by number, name or `latest`; of one model's runs where it is named.

    Raises:
        UsageError: There is none.
    """
    runs = [facts for facts in read_runs(home) if model is None or facts.get("model") == model]
    for facts in runs:
        if which in {"latest", str(facts["run"]), facts["name"]}:
            return home / "runs" / str(facts["run"])
    known = ", ".join(f"{facts['run']} ({facts['name']})" for facts in runs[:5]) or "none yet: make run"
    raise UsageError(f"there is no run {which!r}{f' of {model}' if model else ''}", hint=f"The latest runs: {known}")

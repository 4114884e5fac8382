"""Run folders: `.mlops/runs/<n>/`, one a run, readable by a person and left behind by every run however it ends.

run.json        what is going on, or how it ended: inputs, steps, outputs, reasons (written anew at every event, atomically)
events.jsonl    the events as they came
steps/<step>/   code/ (the working directory), outputs/, log.txt
lock            held by the process that runs it: a run that says `running` and whose lock is free was killed
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import random
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops.engine import events
from mlops.errors import UsageError
from mlops.files import read_json, unwritable, write_atomic, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

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


@dataclass(frozen=True)
class Origin:
    """Who runs what, from which commit."""

    user: str
    commit: str | None
    dirty: bool


def origin(root: Path) -> Origin:
    """Return who runs from which commit of the repository at `root`; no commit where it is not one."""

    def git(*words: str) -> str | None:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        commit, status = git("rev-parse", "HEAD"), git("status", "--porcelain")
        user = git("config", "user.email")
    except OSError:
        commit, status, user = None, None, None
    if not user:
        try:
            user = getpass.getuser()
        except (OSError, KeyError):
            user = f"uid {os.getuid()}"
    return Origin(user, commit, bool(status))


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
    _writing: threading.RLock = field(default_factory=threading.RLock)

    def step_folder(self, step: str) -> Path:
        return self.folder / "steps" / step

    def describe_step(self, step: str, **facts: Any) -> None:
        """Add facts of a step that no event carries: its command, its inputs."""
        with self._writing:
            self.facts["steps"].setdefault(step, {}).update(facts)

    def apply(self, event: events.Event) -> None:
        """Take an event into the record, and write both files."""
        with self._writing:
            self._apply(event)

    def _apply(self, event: events.Event) -> None:
        with contextlib.suppress(OSError), (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": now(), **events.to_json(event)}, ensure_ascii=False) + "\n")
        if isinstance(event, events.RunStarted | events.Progress):
            return
        if isinstance(event, events.RunFinished):
            self.facts.update(state=event.state, seconds=round(event.seconds, 3), finished=now())
        else:
            self._apply_step(event)
        self.write()

    def _apply_step(self, event: Any) -> None:
        state = type(event).__name__.lower()
        facts = {k: v for k, v in asdict(event).items() if k not in {"step", "at"} and v not in ("", (), None)}
        if isinstance(event, events.Started):
            state, facts["at"] = "running", round(event.at - self.began, 3)
        if isinstance(event, events.Finished):
            facts.pop("reason", None)
        self.facts["steps"].setdefault(event.step, {}).update(state=state, **facts)

    def write(self) -> None:
        """Write run.json.

        Raises:
            PlatformError: The disk is full, or the folder not writable.
        """
        with self._writing:
            write_json(self.folder / "run.json", self.facts)

    def close(self) -> None:
        """Let go of the run's lock."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


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
    except OSError as error:
        raise unwritable(runs, error) from error
    fcntl.flock(lock, fcntl.LOCK_EX)
    chosen = random.Random(number)  # noqa: S311 - a name, not a secret
    name = f"{chosen.choice(_FIRST)}-{chosen.choice(_SECOND)}"
    record = RunRecord(
        folder, {"run": number, "name": name, "state": "running", "started": now(), **facts, "steps": {}, "outputs": {}}, _lock=lock
    )
    record.write()
    write_atomic(folder / "events.jsonl", "")
    return record


def _folders(runs: Path) -> Iterator[tuple[int, Path]]:
    for path in runs.iterdir() if runs.is_dir() else ():
        if path.name.isdigit():
            yield int(path.name), path


def read_runs(home: Path) -> list[dict[str, Any]]:
    """Return the records of all runs, the newest first; one whose process was killed says so."""
    found = sorted(_folders(home / "runs"), reverse=True)
    return [facts for _, folder in found if (facts := read_run(folder)) is not None]


def read_run(folder: Path) -> dict[str, Any] | None:
    """Return one run's record, or None for a folder that has none."""
    facts = read_json(folder / "run.json")
    if not isinstance(facts, dict):
        return None
    if facts.get("state") == "running" and not alive(folder):
        facts["state"], facts["error"] = "killed", "its process ended without a word"
    return facts


def alive(folder: Path) -> bool:
    """Return whether the process of a run still holds its lock."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


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

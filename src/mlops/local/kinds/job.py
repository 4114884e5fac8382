"""`job.json`: what a driver is to do, with all references resolved; and the one line that says why it could not.

A driver is a program, so what it tells the engine goes through files of the step's folder: `reason.txt` holds the reason of a failure, in
words that are better than an exit code, `progress.txt` how many of the step's parts are done.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mlops.errors import MlopsError
from mlops.files import read_json, write_atomic
from mlops.local.progress import FILE as PROGRESS
from mlops.spec import expressions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REASON = "reason.txt"
_WIDTH = 200  # bytes of progress.txt: always the same, so that it is written over in one call


@dataclass(frozen=True)
class Job:
    """One step for a driver.

    Args:
        step: Its name.
        code: Its copy of the code folder, where the driver runs.
        folder: The step's folder: log, outputs, and what the driver keeps.
        state: Where a driver keeps what it has finished, for the same step of a later run; None where nothing is to be kept.
        workers: Processes at the same time.
        warm: Whether plain Python commands are forked from a process that has their imports.
        inputs: Name -> {"type", "value"} or {"type", "path"}; optional ones that were not given are absent.
        outputs: Name -> {"type", "path"}.
        job: The keys of the YAML.
    """

    step: str
    code: Path
    folder: Path
    state: Path | None
    workers: int
    warm: bool
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]
    job: Mapping[str, Any]

    def tell(self, progress: str) -> None:
        """Say how far the step is; it costs a few system calls, so it may be said of each of thousands of parts."""
        line = progress.replace("\n", " ").encode()[: _WIDTH - 1].ljust(_WIDTH - 1) + b"\n"
        with contextlib.suppress(OSError):
            handle = os.open(self.folder / PROGRESS, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.pwrite(handle, line, 0)
            finally:
                os.close(handle)

    def fill(self, text: str, more: Mapping[str, str] | None = None, outputs: Mapping[str, str] | None = None) -> str:
        """Return `text` with its expressions filled in.

        Args:
            text: A command or an argument.
            more: What `${{search_space.x}}` is.
            outputs: Where outputs are to be written instead.
        """

        def look_up(parts: tuple[str, ...]) -> str | None:
            name = ".".join(parts[1:])
            if parts[0] == "search_space":
                return (more or {}).get(name)
            if parts[0] == "inputs":
                given = self.inputs.get(name)
                return str(given["path"] if "path" in given else given["value"]) if given else None
            if parts[0] == "outputs" and name in self.outputs:
                return outputs[name] if outputs else str(self.outputs[name]["path"])
            return self.step if parts == ("name",) else None

        return expressions.fill(text, look_up)


def read_job(path: Path) -> Job:
    """Return the job in a file.

    Raises:
        PlatformError: It is not JSON.
    """
    facts = read_json(path)
    state = facts.get("state")
    return Job(
        step=facts["step"],
        code=Path(facts["code"]),
        folder=Path(facts["folder"]),
        state=Path(state) if state else None,
        workers=int(facts["workers"]),
        warm=bool(facts.get("warm", True)),
        inputs=facts["inputs"],
        outputs=facts["outputs"],
        job=facts["job"],
    )


def drive(program: Callable[[Job], None]) -> NoReturn:
    """Run a driver's program on the job that the command line names, and end with its exit status; its errors become the step's reason."""
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    signal.signal(signal.SIGTERM, _ended)
    job = read_job(Path(sys.argv[1]).resolve())
    try:
        program(job)
    except MlopsError as error:
        write_atomic(job.folder / REASON, error.message)
        print(error, file=sys.stderr, flush=True)
        raise SystemExit(error.exit_code) from None
    raise SystemExit(0)


def _ended(number: int, _frame: object) -> NoReturn:
    """End by raising, so that every `with` block of the driver ends its children."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)

"""The process that starts steps (see spawner.py), from outside: how it is started, what it is given, how it ends.

It is another interpreter, which takes a moment to start. Who knows early that there are steps to run starts it then.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from mlops.local.messages import Messages

MINE = "OPENBLAS_NUM_THREADS"  # as in spawner.py, whose imports are not needed here
# On a busy machine OpenMP's threads, spinning while they wait for each other, make a training of 4 s one of a minute: let them sleep.
# OpenBLAS's spin for as long as a small fit takes, and may for 2**16 ticks: some twenty microseconds.
_DEFAULTS = {"PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "16"}


def inherited() -> dict[str, str]:
    """Return what a step finds in its environment before its own variables, less the switch that would compile every import again at every start."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    folder = str(Path(sys.executable).parent)
    path = own.get("PATH", os.defpath)
    return {**_DEFAULTS, **own, "PATH": path if path.split(os.pathsep)[0] == folder else f"{folder}{os.pathsep}{path}"}


class Spawner:
    """The client's side of one spawner process."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("spawner.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**inherited(), MINE: "1"},
            start_new_session=True,
            bufsize=0,
        )
        assert self.process.stdin is not None  # noqa: S101 - opened as a pipe above
        assert self.process.stdout is not None  # noqa: S101
        self.pids: dict[str, int] = {}
        self.messages = Messages(self.process.stdin.fileno(), self.process.stdout.fileno())

    def fileno(self) -> int:
        assert self.process.stdout is not None  # noqa: S101 - opened as a pipe above
        return self.process.stdout.fileno()

    def close(self, *, idle: bool) -> None:
        """End the process, and with it all that it started; an idle one need not finish what it is importing. A second call does nothing."""
        assert self.process.stdin is not None  # noqa: S101 - opened as a pipe above
        assert self.process.stdout is not None  # noqa: S101
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        if not idle:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

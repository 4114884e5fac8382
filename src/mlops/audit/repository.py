"""The repository that is looked at: its files, and the programs that look."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlops.errors import PlatformError, UsageError
from mlops.state.git import answer

TOOLS = Path(".venv/tools/bin")


@dataclass(frozen=True)
class Repository:
    """A git checkout. `tools` is the folder with the programs; `base` the commit that a change goes onto, where there is one."""

    root: Path
    tools: Path
    base: str | None = None

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Paths of what is in version control, or is on its way in: neither deleted nor ignored.

        Raises:
            UsageError: This is no git checkout.
        """
        listed = self.git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        if listed is None:
            raise UsageError(
                "not a git checkout, or git is not installed: there is no list of the files to look at",
                where=str(self.root),
                hint="git init",
            )
        return tuple(sorted(name for name in set(listed.split("\0")) if name and (self.root / name).is_file()))

    def git(self, *words: str) -> str | None:
        """Return what git answers; None where it says no."""
        return answer(self.root, *words)

    def run(self, tool: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program of `tools` in the root; its exit code is for the caller to read.

        Raises:
            PlatformError: It is not there, or did not end in ten minutes.
        """
        path = str(self.tools / tool)
        given = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # or each start compiles anew
        search = f"{self.tools}{os.pathsep}{os.environ.get('PATH', '')}"
        try:
            return subprocess.run(
                [path, *words],
                cwd=self.root,
                env={**given, "PATH": search, "NO_COLOR": "1"},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=600,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except OSError as error:
            raise PlatformError(
                f"cannot start {tool}: {error.strerror}", where=path, hint="make audit (it installs what is missing)"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise PlatformError(f"{tool} did not end within ten minutes", where=path, hint="Run it by itself to see why.") from error


def failed(tool: str, done: subprocess.CompletedProcess[str]) -> PlatformError:
    """Return the error of a program that ended without an answer."""
    last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
    return PlatformError(f"{tool} gave no answer (exit {done.returncode}): {last}", hint=f"Run {TOOLS / tool} by itself to see why.")

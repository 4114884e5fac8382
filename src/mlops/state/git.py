"""Git, asked without touching the work tree, the index or the user's own configuration; a token never stands in a command line."""

from __future__ import annotations

import base64
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECONDS = 300
_REASONS = ("remote:", "fatal:", "!")
"""How the line begins that says why; what follows it is advice."""


@dataclass(frozen=True)
class Git:
    """A repository, and what its remote asks for."""

    root: Path
    environ: Mapping[str, str]

    def ask(self, *words: str, stdin: bytes = b"", index: Path | None = None, good: tuple[int, ...] = (0,)) -> tuple[int, bytes]:
        """Run one git command and return its exit status and output.

        Args:
            words: The command after `git`.
            stdin: What it reads.
            index: An index of its own, instead of the work tree's.
            good: Exit statuses that are answers.

        Raises:
            PlatformError: Git is missing, hangs, or ended with another status.
        """
        variables = {**os.environ, **_access(self.environ), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        if index is not None:
            variables["GIT_INDEX_FILE"] = str(index)
        try:
            done = subprocess.run(
                ["git", "-C", str(self.root), *words], input=stdin, capture_output=True, env=variables, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise PlatformError(
                f"git {words[0]} did not end in {SECONDS} s",
                where=str(self.root),
                hint="Is the server up? The same command may be run again.",
            ) from error
        except OSError as error:
            raise PlatformError(f"git {words[0]} could not be run: {error}", where=str(self.root)) from error
        if done.returncode not in good:
            said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
            told = next((line.strip() for line in said if line.strip().startswith(_REASONS) and line.strip() != "remote:"), said[-1])
            raise GitRefused(f"git {words[0]} did not do it: {told[:300]}", "\n".join(said), where=str(self.root))
        return done.returncode, done.stdout

    def text(self, *words: str, stdin: bytes = b"", index: Path | None = None) -> str:
        """Return what one git command prints, without the last line's end."""
        return self.ask(*words, stdin=stdin, index=index)[1].decode(errors="replace").rstrip("\n")


class GitRefused(PlatformError):
    """Git, or the server behind it, said no; `said` is all of it."""

    def __init__(self, message: str, said: str, *, where: str) -> None:
        super().__init__(
            message,
            where=where,
            hint="Can this machine read and write the repository? In CI the job needs `contents: write`. The same command may be run again.",
        )
        self.said = said


def answer(root: Path, *words: str) -> str | None:
    """Return what git says, or None where it says no, or where there is no git: a run is then recorded without its commit."""
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False, errors="replace")
    except OSError:
        return None
    return done.stdout.strip("\n") if done.returncode == 0 else None


def _access(environ: Mapping[str, str]) -> dict[str, str]:
    """Return variables that give git the CI system's token, for that system's own server only."""
    github, azure = environ.get("GITHUB_TOKEN"), environ.get("SYSTEM_ACCESSTOKEN")
    if environ.get("GITHUB_ACTIONS") and github:
        given = base64.b64encode(f"x-access-token:{github}".encode()).decode()
        server, header = environ.get("GITHUB_SERVER_URL", "https://github.com"), f"AUTHORIZATION: basic {given}"
    elif environ.get("TF_BUILD") and azure:
        server, header = environ.get("SYSTEM_COLLECTIONURI", "https://dev.azure.com/"), f"AUTHORIZATION: bearer {azure}"
    else:
        return {}
    key = f"http.{server.rstrip('/')}/.extraheader"
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": header}

"""Which repository a checkout belongs to, and who may be asked about it: what a verb on a person's own machine needs where Actions says it all."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.ci.github import GitHub
from mlops.ci.host import current
from mlops.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops.ci.host import Host

_FORMS = (
    re.compile(r"(?:https?|ssh|git)://(?:[^@/]*@)?(?P<host>[^/:]+)(?::\d+)?/(?P<name>[^/]+/[^/]+?)(?:\.git)?/?"),
    re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<name>[^/]+/[^/]+?)(?:\.git)?/?"),
)
_GITHUB = {"github.com", "www.github.com", "ssh.github.com"}


@dataclass(frozen=True)
class Origin:
    """A server, and the repository's name there."""

    host: str
    name: str


def parsed(address: str) -> Origin | None:
    """Return what the address of a remote says, in its https or ssh form; None where it is neither."""
    found = next((match for form in _FORMS if (match := form.fullmatch(address.strip()))), None)
    return Origin(found["host"].lower(), found["name"]) if found else None


def hosted(root: Path, environ: Mapping[str, str]) -> Host:
    """Return the host of this checkout: of the run that this is, else of the remote `origin`, asked with the person's own token.

    Raises:
        UsageError: There is no remote `origin`, or it is on no system that is known here.
        PlatformError: There is no token.
    """
    if environ.get("GITHUB_ACTIONS") == "true" or environ.get("TF_BUILD"):
        return current(environ)
    name = environ.get("GITHUB_REPOSITORY") or _origin(root, environ).name
    return GitHub({**environ, "GITHUB_REPOSITORY": name, "GITHUB_TOKEN": _token(environ)})


def _origin(root: Path, environ: Mapping[str, str]) -> Origin:
    told = _said(environ, "git", "-C", str(root), "remote", "get-url", "origin")
    if not told:
        hint = "git remote add origin https://github.com/OWNER/NAME, or set GITHUB_REPOSITORY=OWNER/NAME"
        raise UsageError("this checkout has no remote `origin`, so nobody knows whose CI is meant", where=str(root), hint=hint)
    origin = parsed(told)
    if origin is None or (origin.host not in _GITHUB and not environ.get("GITHUB_API_URL")):
        hint = "On a GitHub of your own, set GITHUB_API_URL=https://HOST/api/v3"
        raise UsageError(f"`origin` is on {origin.host if origin else 'no server'}, and not on GitHub", where=str(root), hint=hint)
    return origin


def _token(environ: Mapping[str, str]) -> str:
    given = environ.get("GITHUB_TOKEN") or environ.get("GH_TOKEN")
    if given:
        return given
    told = _said(environ, "gh", "auth", "token")
    if not told:
        raise PlatformError("there is no token to ask GitHub with", hint="gh auth login, or set GITHUB_TOKEN")
    return told


def _said(environ: Mapping[str, str], program: str, *words: str) -> str:
    """Return what a program prints; nothing where it is not installed, or fails."""
    path = shutil.which(program, path=environ.get("PATH"))
    done = subprocess.run([path, *words], capture_output=True, text=True, check=False) if path else None
    return done.stdout.strip() if done and not done.returncode else ""

"""Which repository a checkout belongs to, and who may be asked about it: what a verb on a person's own machine needs where Actions says it all."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from mlops.ci.azure_devops import TOKENS, AzureDevOps
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
_USER, _PLACE = r"(?:[^@/]*@)?", r"(?:(?P<project>[^/]+)/)?_git/(?P<name>[^/]+?)/?"
_AZURE = (
    re.compile(rf"https?://{_USER}dev\.azure\.com/(?P<organization>[^/]+)/{_PLACE}", re.IGNORECASE),
    re.compile(rf"https?://{_USER}(?P<organization>[^/.:@]+)\.visualstudio\.com/(?:DefaultCollection/)?{_PLACE}", re.IGNORECASE),
    re.compile(
        rf"(?:ssh://)?{_USER}(?:ssh\.dev\.azure|vs-ssh\.visualstudio)\.com(?::\d+)?[:/]"
        r"v3/(?P<organization>[^/]+)/(?P<project>[^/]+)/(?P<name>[^/]+?)/?",
        re.IGNORECASE,
    ),
)


@dataclass(frozen=True)
class Origin:
    """A server, and the repository's name there."""

    host: str
    name: str


def parsed(address: str) -> Origin | None:
    """Return what the address of a remote says, in its https or ssh form; None where it is neither."""
    found = next((match for form in _FORMS if (match := form.fullmatch(address.strip()))), None)
    return Origin(found["host"].lower(), found["name"]) if found else None


@dataclass(frozen=True)
class AzureOrigin:
    """An organization of Azure DevOps, a project, and the repository's name there."""

    organization: str
    project: str
    name: str


def parsed_azure(address: str) -> AzureOrigin | None:
    """Return what the address of a remote on Azure DevOps says, in its https or ssh form, of today or of the time before; else None."""
    found = next((match for form in _AZURE if (match := form.fullmatch(address.strip()))), None)
    if found is None:
        return None
    return AzureOrigin(unquote(found["organization"]), unquote(found["project"] or found["name"]), unquote(found["name"]))


def hosted(root: Path, environ: Mapping[str, str]) -> Host:
    """Return the host of this checkout: of the run that this is, else of the remote `origin`, asked with the person's own token.

    Raises:
        UsageError: There is no remote `origin`, or it is on no system that is known here.
        PlatformError: There is no token.
    """
    if environ.get("GITHUB_ACTIONS") == "true" or environ.get("TF_BUILD"):
        return current(environ)
    if environ.get("GITHUB_REPOSITORY"):
        return GitHub({**environ, "GITHUB_TOKEN": _token(environ)})
    address = _address(root, environ)
    there = parsed_azure(address)
    if there is not None:
        return AzureDevOps({**environ, **_variables(there, environ)})
    origin = parsed(address)
    if origin is None or (origin.host not in _GITHUB and not environ.get("GITHUB_API_URL")):
        hint = "On a GitHub of your own, set GITHUB_API_URL=https://HOST/api/v3"
        told = f"`origin` is on {origin.host if origin else 'no server'}, and neither on GitHub nor on Azure DevOps"
        raise UsageError(told, where=str(root), hint=hint)
    return GitHub({**environ, "GITHUB_REPOSITORY": origin.name, "GITHUB_TOKEN": _token(environ)})


def _address(root: Path, environ: Mapping[str, str]) -> str:
    told = _said(environ, "git", "-C", str(root), "remote", "get-url", "origin")
    if not told:
        hint = "git remote add origin https://github.com/OWNER/NAME, or set GITHUB_REPOSITORY=OWNER/NAME"
        raise UsageError("this checkout has no remote `origin`, so nobody knows whose CI is meant", where=str(root), hint=hint)
    return told


def _variables(there: AzureOrigin, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a job would have been told about its repository."""
    if not any(environ.get(name) for name in TOKENS):
        hint = "Set AZURE_DEVOPS_EXT_PAT to a personal access token of yours (docs/how-to/azure-devops.md says which scopes it needs)."
        raise PlatformError("there is no token to ask Azure DevOps with", hint=hint)
    return {
        "SYSTEM_COLLECTIONURI": environ.get("SYSTEM_COLLECTIONURI") or f"https://dev.azure.com/{quote(there.organization, safe='')}/",
        "SYSTEM_TEAMPROJECT": there.project,
        "BUILD_REPOSITORY_ID": there.name,
        "BUILD_REPOSITORY_NAME": there.name,
        "BUILD_REPOSITORY_PROVIDER": "TfsGit",
    }


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

"""The versions that a data set had: in git's history, and among what the state folder remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.datasets.listing import SOURCE, SUMS, Listing, parse, pointed
from mlops.errors import MlopsError
from mlops.files import digest_bytes
from mlops.state.git import Git, answer

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Commit:
    """A commit that changed the data set, and what the data set was in it."""

    commit: str
    when: str
    """ISO 8601."""
    listing: Listing


def commits(folder: Path) -> tuple[Commit, ...]:
    """Return the commits that changed which files a data set is, the newest first; none outside of a repository."""
    logged = answer(folder, "log", "--all", "--format=%H %cI", "--", SUMS, SOURCE)
    found = []
    for line in (logged or "").splitlines():
        sha, _, when = line.partition(" ")
        listing = at(folder, sha)
        if listing.files:
            found.append(Commit(sha, when, listing))
    return tuple(found)


def at(folder: Path, commit: str) -> Listing:
    """Return what a data set was in a commit: the files that its SHA256SUMS had; none where it was not there."""
    try:
        sums, source = (_blob(folder, f"{commit}:./{name}") for name in (SUMS, SOURCE))
        files = parse(sums.decode(errors="replace")) if sums else {}
    except MlopsError:
        return Listing({})
    return Listing(pointed(source) | files | ({SOURCE: digest_bytes(source).removeprefix("sha256:")} if source is not None else {}))


def _blob(folder: Path, name: str) -> bytes | None:
    status, content = Git(folder, {}).ask("cat-file", "blob", name, good=(0, 128))
    return content if status == 0 else None


def added(folder: Path) -> dict[str, str]:
    """Return name -> the day on which a file was first committed, as 2013-02-01."""
    logged = answer(
        folder,
        "-c",
        "core.quotePath=false",
        "log",
        "--diff-filter=A",
        "--no-renames",
        "--relative",
        "--name-only",
        "--format=%x01%cs",
        "--",
        ".",
    )
    found: dict[str, str] = {}
    day = ""
    for line in (logged or "").split("\n"):
        if line.startswith("\x01"):
            day = line[1:]
        elif line:
            found[line] = day
    return found


def is_shallow(folder: Path) -> bool:
    """Return whether git has only the newest commits here, as in most CI jobs."""
    return answer(folder, "rev-parse", "--is-shallow-repository") == "true"

"""What an upgrade will do to each file, decided from values alone.

A fork's file counts as *edited* when the template has never held its content: so nothing has to be recorded in the fork, and it may have
been made from any commit, by a fork, a clone or a copy.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from mlops.release.ownership import LOCK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.release.ownership import Ours
    from mlops.release.repository import Entry, History, Tree

BESIDE = ".new"


@dataclass(frozen=True)
class Side:
    """The fork, or the release: its files, and its list of what is ours."""

    tree: Tree
    ours: Ours


@dataclass(frozen=True)
class Plan:
    """Every file that an upgrade changes, and every one that a person should know of."""

    added: tuple[str, ...]
    replaced: tuple[str, ...]
    removed: tuple[str, ...]
    edited: tuple[str, ...]
    """Of those replaced and removed: the fork had changed them."""
    beside: tuple[str, ...]
    """Ours from this release on, and changed by the fork: the fork's stays, the release's comes beside it."""
    yours_now: tuple[str, ...]
    """Ours until now, yours from this release on: left as they are."""
    left: tuple[str, ...]
    """The fork's own files in folders that are ours: left as they are."""
    offered: tuple[str, ...]
    """Yours, and new in this release: not added, but a person may want them."""
    entries: Mapping[str, Entry | None] = field(repr=False)
    """What the commit changes: the new file, or None where it goes."""


def plan(fork: Side, release: Side, known: History, before: Tree | None) -> Plan:
    """Decide.

    Args:
        fork: The fork's files, and the list of the release that it is on.
        release: The files of the release to go to, and its list.
        known: All that the template has ever held.
        before: The files of the release that the fork is on, where the template still has it.
    """
    edited = {path for path, entry in fork.tree.items() if entry.blob not in known.blobs}
    coming = {path: entry for path, entry in release.tree.items() if path in release.ours and fork.tree.get(path) != entry}
    beside = {path for path in coming if path in edited and path not in fork.ours}
    placed = {path + BESIDE if path in beside else path: entry for path, entry in coming.items()}
    were = {path for path in fork.tree if path in fork.ours}
    own = {path for path in were if path not in known.paths}
    yours_now = {path for path in were - own if path not in release.ours and (path in release.tree or path in edited)}
    removed = were - own - yours_now - release.tree.keys()
    replaced = {path for path in placed if path in fork.tree}
    offered = {path for path in release.tree.keys() - fork.tree.keys() if path not in release.ours and path != LOCK}
    return Plan(
        added=_sorted(placed.keys() - replaced),
        replaced=_sorted(replaced),
        removed=_sorted(removed),
        edited=_sorted((replaced | removed) & edited),
        beside=_sorted(beside),
        yours_now=_sorted(yours_now),
        left=_sorted(own - release.tree.keys()),
        offered=_sorted(offered - before.keys()) if before is not None else (),
        entries={**placed, **dict.fromkeys(removed)},
    )


def _sorted(paths: set[str]) -> tuple[str, ...]:
    return tuple(sorted(paths))


def folders(chosen: Plan) -> dict[str, dict[str, int]]:
    """Return how many files are added, replaced and removed, by folder (two names deep)."""
    found: dict[str, dict[str, int]] = {}
    for kind, paths in (("added", chosen.added), ("replaced", chosen.replaced), ("removed", chosen.removed)):
        for path in paths:
            folder = "/".join(PurePosixPath(path).parts[:-1][:2]) or "."
            counts = found.setdefault(folder, dict.fromkeys(("added", "replaced", "removed"), 0))
            counts[kind] += 1
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Requirements:
    """What a lock file is made of, and the lock itself."""

    project: str
    """The text of pyproject.toml."""
    machinery: str
    """The text of src/mlops/requirements.in."""
    lock: str | None
    """What git calls the content of the lock."""


def lock(fork: Requirements, release: Requirements, known: History) -> Literal["keep", "take", "resolve"]:
    """Decide about requirements.lock: keep the fork's, take the release's as it is, or resolve it anew.

    The release's is right where both ask for the same packages, and nobody has resolved anew in the fork.
    """
    if release.lock in {fork.lock, None}:
        return "keep"
    if _packages(fork.project) == _packages(release.project) and (fork.lock is None or fork.lock in known.blobs):
        return "take"
    return "resolve" if _lines(fork.machinery) != _lines(release.machinery) else "keep"


def _packages(project: str) -> Any:
    """Return what decides about packages in a pyproject.toml; the text itself where it is none."""
    try:
        facts = tomllib.loads(project)
    except tomllib.TOMLDecodeError:
        return project
    of = facts.get("project") or {}
    return (
        sorted(of.get("dependencies") or []),
        of.get("optional-dependencies"),
        of.get("requires-python"),
        (facts.get("tool") or {}).get("uv"),
    )


def _lines(requirements: str) -> list[str]:
    return sorted(line for raw in requirements.splitlines() if (line := re.sub(r"(^|\s)#.*", "", raw).strip()))

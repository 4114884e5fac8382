"""What of the state folder may go: run folders that nobody needs any more, and the recipes whose outputs went with them.

A run is kept where it goes on, is among the last ones, made a registered version, serves, or holds what a kept run was made from or reused.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import MlopsError
from mlops.files import read_json, unwritable
from mlops.local.runs import alive, read_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_GONE = ".pruned-"


@dataclass(frozen=True)
class Kept:
    """A run that stays, and why."""

    run: int
    reason: str


@dataclass(frozen=True)
class Pruning:
    """What stays and what goes; `size` is the bytes of what goes."""

    kept: tuple[Kept, ...]
    gone: tuple[int, ...]
    size: int


def plan(home: Path, keep: int, made_versions: Mapping[int, str]) -> Pruning:
    """Decide which runs go; nothing is changed.

    Args:
        home: The state folder.
        keep: How many of the last runs stay in any case.
        made_versions: Run -> the registered version that it made.
    """
    runs = home / "runs"
    there = sorted(int(path.name) for path in runs.glob("[0-9]*") if path.name.isdigit())
    reasons: dict[int, str] = {}
    for run in there:
        if alive(runs / str(run)):
            reasons[run] = "it goes on"
        elif run in made_versions:
            reasons[run] = f"it made {made_versions[run]}"
    reasons |= dict.fromkeys(there[len(there) - keep :] if keep else [], f"it is one of the last {keep}") | reasons
    for run in _named(runs, (path.read_text(errors="replace") for path in sorted((home / "endpoints").rglob("*.json")))):
        reasons.setdefault(run, "an endpoint serves from it")
    waiting = list(reasons)
    while waiting:
        run = waiting.pop()
        for other in _named(runs, _texts(_record(runs / str(run)))):
            if other in there and other not in reasons:
                reasons[other] = f"run {run} has its files from it"
                waiting.append(other)
    gone = tuple(run for run in there if run not in reasons)
    kept = tuple(Kept(run, reasons[run]) for run in there if run in reasons)
    return Pruning(kept, gone, sum(_size(runs / str(run)) for run in gone))


def carry_out(home: Path, pruning: Pruning) -> None:
    """Remove what goes: each folder leaves its place in one rename, so a kill in between leaves no half of a run.

    Raises:
        PlatformError: A folder cannot be removed.
    """
    runs = home / "runs"
    try:
        for run in pruning.gone:
            (runs / str(run)).rename(runs / f"{_GONE}{run}")
        for folder in runs.glob(f"{_GONE}*"):
            shutil.rmtree(folder)
        for recipe in (*(home / "cache").glob("*.json"), *(home / "cache").glob("[0-9a-f][0-9a-f]/*.json")):
            if not _whole(recipe):
                recipe.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(runs, error) from error


def _whole(recipe: Path) -> bool:
    try:
        kept = read_json(recipe) or {}
    except MlopsError:
        return False
    return all(Path(product["path"]).exists() for product in kept.get("outputs", {}).values())


def _record(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(MlopsError):
        return read_run(folder) or {}
    return {}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _named(runs: Path, texts: Iterator[str]) -> set[int]:
    """Return the runs whose folders are named in the texts, by a full path or by one below the project."""
    pattern = re.compile(rf"{re.escape(runs.parent.name)}/{re.escape(runs.name)}/(\d+)(?![\w-])")
    return {int(number) for text in texts for number in pattern.findall(text)}


def _size(folder: Path) -> int:
    """Return the bytes that a folder takes on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_symlink())

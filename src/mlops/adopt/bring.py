"""The data of an adoption, copied as they came beside the file that says how they are read; large ones stay where they are, with a digest."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.datasets.listing import SUMS, written
from mlops.datasets.parts import parts
from mlops.datasets.source import FILE, read_source
from mlops.datasets.source import text as source_text
from mlops.files import digest_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.adopt.plan import Plan
    from mlops.datasets.source import Source

LARGEST = 50 * 2**20
"""Bytes that are copied into the repository; more are pointed at."""


def bring(plan: Plan, folder: Path) -> str:
    """Lay the data into `folder` with source.yml and SHA256SUMS, and return where they came from."""
    source = read_source(plan.source)
    folder.mkdir(parents=True)
    origin = source.url or source.database
    if source.files:
        origin, source = _files(plan, source, folder)
    elif source.snapshot:
        name = Path(source.snapshot).name
        shutil.copyfile(source.folder / source.snapshot, folder / name)
        source = replace(source, snapshot=name)
    text = source_text(source)
    given = plan.source.read_text(encoding="utf-8")
    head = given[: given.index("\n", 0) + 1] if given.startswith("#") else ""
    notes = "".join(line + "\n" for line in given.splitlines()[1:] if line.startswith("#")) if head else ""
    (folder / FILE).write_text(
        text if "# How it was decided" in text or not notes else text.split("\n", 1)[0] + "\n" + notes + text.split("\n", 1)[1],
        encoding="utf-8",
    )
    own = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in {FILE, SUMS})
    if own:
        _record(folder, {path.relative_to(folder).as_posix(): path for path in own})
    return origin


def _files(plan: Plan, source: Source, folder: Path) -> tuple[str, Source]:
    found = [part.path for part in parts(source)]
    pattern = Path(source.files) if Path(source.files).is_absolute() else source.folder / source.files
    base = _above(pattern)
    origin = str(plan.facts.get("data") or pattern.name)
    if sum(path.stat().st_size for path in found) > LARGEST:
        _record(folder, {str(path): path for path in found})
        return origin, replace(source, files=str(pattern))
    for path in found:
        place = folder / path.relative_to(base)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return origin, replace(source, files=pattern.relative_to(base).as_posix())


def _record(folder: Path, files: Mapping[str, Path]) -> None:
    """Write SHA256SUMS: name below the folder, or absolute -> file."""
    digests = {name: digest_file(path).removeprefix("sha256:") for name, path in files.items()}
    (folder / SUMS).write_text(written(digests), encoding="utf-8")


def _above(pattern: Path) -> Path:
    """Return the last folder of a pattern before its first star."""
    kept: list[str] = []
    for piece in pattern.parts[:-1]:
        if any(sign in piece for sign in "*?["):
            break
        kept.append(piece)
    return Path(*kept)

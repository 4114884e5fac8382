"""The files that a data set comes in: what each is called, which are missing in between, and which names are no names."""

from __future__ import annotations

import itertools
import re
import shlex
from datetime import date
from typing import TYPE_CHECKING

from mlops.datasets.listing import SUMS, is_inside
from mlops.datasets.parts import label_of
from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_STAR = re.compile(r"\*+")
_PERIODS = {"M": re.compile(r"\d{4}-\d{2}"), "D": re.compile(r"\d{4}-\d{2}-\d{2}"), "Y": re.compile(r"\d{4}")}
LISTED = 6
"""Missing partitions that are named."""


def label(pattern: str, name: str) -> str:
    """Return the partition that a file is, by its name below the folder; empty where it is none."""
    found = str(label_of(pattern)(name)) if pattern else ""
    return "" if found == name and "*" in pattern else found


def file_name(pattern: str, file: Path, wanted: str = "") -> str:
    """Return the name below the folder that a new file gets.

    Args:
        pattern: Of the partitions' files, such as `flights/*.csv.gz`.
        file: The new file; its own name says which partition it is, where `wanted` does not.
        wanted: The partition's name; of a pattern with several stars its pieces, with slashes between.

    Raises:
        UsageError: That cannot be a partition's name, or the file is not of the kind that the pattern asks for.
    """
    stars = len(_STAR.findall(pattern))
    if not stars:
        return pattern
    if not wanted:
        wanted = label(_STAR.sub("*", pattern).rpartition("/")[2], file.name) if stars == 1 else ""
        if not wanted or wanted == file.name:
            hint = f"Name it like the others ({pattern}), of the same format and packing, or say which partition it is: --partition NAME"
            raise UsageError(f"its name does not say which partition it is: {file.name!r}", where=str(file), hint=hint)
    pieces = [wanted] if stars == 1 else wanted.split("/")
    if len(pieces) != stars:
        raise UsageError(
            f"the partition {wanted!r} has {len(pieces)} parts, and {pattern} has {stars}", hint="Write them with slashes between."
        )
    for piece in pieces:
        check_name(piece)
    ending = pattern.rpartition("*")[2]
    if not file.name.lower().endswith(ending.lower()):
        raise UsageError(
            f"the file is no {ending}, as the others are", where=str(file), hint=f"Save it as {ending}, or `gzip` it, and add that."
        )
    values = iter(pieces)
    return _STAR.sub(lambda _: next(values), pattern)


def check_name(name: str) -> None:
    """Refuse what would lie elsewhere, be hidden, or break the list of digests.

    Raises:
        UsageError: It is such a name.
    """
    if (
        not name
        or name[0] in ".-* "
        or name[-1] == " "
        or "/" in name
        or "\\" in name
        or not name.isprintable()
        or len(name.encode()) > 200
    ):
        hint = "A name is a word such as 2014-01: no slash, no dot, dash or blank at its start, nothing that cannot be printed."
        raise UsageError(f"{name!r} cannot be a partition's name", hint=hint)


def check_place(folder: Path, name: str) -> None:
    """Refuse a place that is elsewhere, or that a link leads to.

    Raises:
        UsageError: The name is absolute or climbs; or a part of the way to the file, or the file, is a symbolic link.
    """
    if not is_inside(name):
        record = f"sha256sum {shlex.quote(name)} >> {shlex.quote(str(folder / SUMS))}"
        hint = f"Lay the file there yourself, vouch for it, and hold all of them against the contract: {record} && make data"
        raise UsageError("these data lie outside of the data set's folder, and are only pointed at", where=name, hint=hint)
    place = folder
    for piece in name.split("/"):
        place = place / piece
        if place.is_symlink():
            raise UsageError(
                "this is a link, and what is added must lie in the data set's own folder", where=str(place), hint="Take the link away."
            )


def period(labels: Iterable[str]) -> str:
    """Return what all labels are: M (months), D (days), Y (years); or nothing, where they are names."""
    found = list(labels)
    return next((unit for unit, shape in _PERIODS.items() if found and all(map(shape.fullmatch, found))), "")


def gaps(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the partitions that are missing between the first and the last, where these are years, months, or days.

    Days may have their rests: only what is longer than any step between the others but the longest is told as a gap of days.
    """
    found = sorted(set(labels))
    unit = period(found)
    try:
        there = [_ordinal(label, unit) for label in found] if unit else []
    except ValueError:
        return ()
    steps = [later - earlier for earlier, later in itertools.pairwise(there)]
    usual = 1 if unit != "D" else max(sorted(steps)[:-1], default=1)
    return tuple(_named(first + n, unit) for first, step in zip(there, steps, strict=False) if step > usual for n in range(1, step))


def _ordinal(label: str, unit: str) -> int:
    if unit == "D":
        return date.fromisoformat(label).toordinal()
    year, month = int(label[:4]), int(label[5:] or 1)
    if not 1 <= month <= 12:
        raise ValueError(label)
    return year if unit == "Y" else 12 * year + month - 1


def _named(ordinal: int, unit: str) -> str:
    if unit == "D":
        return date.fromordinal(ordinal).isoformat()
    return f"{ordinal:04}" if unit == "Y" else f"{ordinal // 12:04}-{ordinal % 12 + 1:02}"


def few(names: Iterable[str]) -> str:
    """Return names with commas, the first of them where they are many."""
    found = list(names)
    return ", ".join(found[:LISTED]) + (f" and {len(found) - LISTED} more" if len(found) > LISTED else "")

"""What a step said of the rows and columns that went through it: lines of its log that a person reads as well.

    counts validate flights rows_in=336776 rows_out=336775 rows_quarantined=1 columns_in=19 columns_out=19

The first word is the part of the preparation, the next, where there is one, the table. A line costs a step nothing, wherever it runs; logging
by MLflow itself would have every step wait for its import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_LINE = re.compile(r"counts (?P<part>[\w-]+)(?: (?P<table>[^=\s]+))?(?P<numbers>(?: [a-z_]{1,60}=\d{1,18})+)")
_MOST = 4_000_000
"""Bytes of a log that are looked through."""


@dataclass(frozen=True)
class Counts:
    """One such line."""

    part: str
    table: str
    numbers: Mapping[str, int]


def line(part: str, table: str = "", **numbers: int) -> str:
    """Return the line that `read` reads."""
    return " ".join(
        ["counts", part, *([table.replace(" ", "_").replace("=", "_")] if table else []), *(f"{k}={v}" for k, v in numbers.items())]
    )


def read(log: Path) -> tuple[Counts, ...]:
    """Return what a step's log says, in its order; nothing where there is no log."""
    try:
        with log.open("rb") as file:
            text = file.read(_MOST).decode(errors="replace")
    except OSError:
        return ()
    matches = filter(None, map(_LINE.fullmatch, (row.strip() for row in text.splitlines() if row.startswith("counts "))))
    return tuple(Counts(match["part"], match["table"] or "", _numbers(match["numbers"])) for match in matches)


def _numbers(text: str) -> dict[str, int]:
    return {name: int(value) for name, _, value in (pair.partition("=") for pair in text.split())}


def metrics(step: str, found: Iterable[Counts]) -> dict[str, float]:
    """Return what is logged of a step: sums over its tables; a part that is not the whole step has its name before the number's."""
    summed: dict[str, float] = {}
    for counts in found:
        for name, number in counts.numbers.items():
            key = name if counts.part == step else f"{counts.part}/{name}"
            summed[key] = summed.get(key, 0.0) + number
    return summed

"""How far a number of a column may move: learnt from how much it moved between the past partitions of a table.

A band spans what was seen, and a margin on each side: what was seen to move once more (less where many partitions were seen), and no less than
a floor that the number's own kind sets, so that few or equal partitions do not make it narrow. Outside of the band is a warning; outside by
more than its own width stops (`stopBeyond: 1`), where four partitions are known and no single row could have done it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops.contract.statistics import Others, measure, needs_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

TENTHS = 10
_FLOORS = {"mean": 0.1, "median": 0.15, "by": 0.15}
"""In standard deviations; a quantile far out moves more than the middle."""
SENSITIVE = {"mean", "highest", "spread", "by", "correlation", "order", "span", "length"}
"""One row that is far enough out moves these: they are told, and stop nothing."""
FEW = 4
"""Partitions below which a band is one of those days only: it tells, and stops nothing."""
LARGE = 200_000
"""Rows of a table without partitions that its tenths are drawn from."""
_SHARES = {
    "missing",
    "zeros",
    "fractions",
    "negative",
    "tens",
    "top",
    "highest",
    "lowest",
    "frozen",
    "midnight",
    "share",
    "others",
    "duplicates",
    "tells",
}


def pieces(labels: pd.Series | None, rows: int, seed: int = 0) -> list[np.ndarray]:
    """Return the positions of the rows of each partition; of a table with fewer than two, those of random tenths (or thirds of a short one)."""
    if labels is not None:
        found = [np.asarray(rows) for rows in labels.groupby(labels, sort=True).indices.values()]
        if len(found) > 1:
            return found
    mixed = np.random.default_rng(seed).permutation(rows)
    return [np.sort(part) for part in np.array_split(mixed[:LARGE], TENTHS if rows >= 1_000 else 3) if len(part)]


def learn(
    frame: pd.DataFrame,
    column: str,
    names: Iterable[str],
    parts: Sequence[np.ndarray],
    others: Others | None = None,
    *,
    partitions: int = 0,
) -> dict[str, list[Any]]:
    """Return a band for each of the numbers that says something: one that allows all that there could be is left out.

    Args:
        frame: The table.
        column: What is measured; empty for the table itself.
        names: Which numbers.
        parts: Positions of the rows of each piece.
        others: What was made of other columns before.
        partitions: How many partitions are known; with none, the next table is one like the whole.
    """
    whole = [np.arange(len(frame))] * (partitions < 2)
    found = measure(frame, column, names, [*parts, *whole], others)
    there = frame[column].notna().to_numpy() if column else np.ones(len(frame), dtype=bool)
    alike = parts if partitions else whole
    size, known = (min(int(mask[rows].sum()) for rows in alike) for mask in (np.ones(len(frame), dtype=bool), there))
    scale, times = _scale(found), {1: 3.0, 2: 2.0, 3: 1.5}.get(partitions, 1.0)
    made: dict[str, list[Any]] = {}
    for name, values in found.items():
        seen = [value for value in values if not math.isnan(value)]
        if seen:
            low, high = _band(name, seen, max(1, size if name == "missing" else known), scale, times)
            if not _allows_all(name, low, high):
                absent = [None] * (len(seen) < len(values) and needs_rows(name) is not None)  # it was well before that there was none
                made[name] = [_outward(low, -1, high - low), _outward(high, 1, high - low), *absent]
    if sum(name.startswith("share ") for name in made) < sum(name.startswith("share ") for name in found):
        made.pop("others", None)  # it is the share of what is not named
    return made


def _allows_all(name: str, low: float, high: float) -> bool:
    kind = name.partition(" ")[0]
    return high >= 1 and ((kind in _SHARES and low <= 0) or (kind in {"correlation", "order"} and low <= -1))


def _scale(found: dict[str, list[float]]) -> float:
    """Return how far the values themselves lie apart, in standard deviations of a bell curve with the same middle."""
    low, high, spread = (np.array(found.get(name, [math.nan])) for name in ("q05", "q95", "spread"))
    wide = np.nanmedian(high - low) / 3.29 if not np.isnan(high - low).all() else 0.0
    return float(wide or (np.nanmedian(spread) if not np.isnan(spread).all() else 0.0))


def _band(name: str, seen: list[float], size: int, scale: float, times: float) -> tuple[float, float]:
    low, high = min(seen), max(seen)
    moved = (high - low) * (1.0 if len(seen) <= FEW else 0.7 if len(seen) <= 2 * FEW else 0.5)
    middle = float(np.median(seen))
    floor = 0.05 * middle if name == "daily" and len(seen) >= FEW else _floor(name, middle, size, scale)
    margin = times * max(moved, floor)
    low, high = low - margin, high + margin
    kind = name.partition(" ")[0]
    if kind in _SHARES:
        return max(0.0, low), min(1.0, high)
    if kind in {"correlation", "order"}:
        return max(-1.0, low), min(1.0, high)
    if kind in {"distinct", "length", "spread", "hour", "days", "span", "daily"}:
        return max(0.0, low), high
    return low, high


def _floor(name: str, middle: float, size: int, scale: float) -> float:
    """Return the least margin: what moves a number of this kind without anything being wrong."""
    kind = name.partition(" ")[0]
    if kind == "tells":
        return max(0.2, middle)
    if kind == "frozen":
        return max(0.05, 3 / size, middle)
    if kind in _SHARES:
        return max(0.01, 3 / size, 0.15 * min(middle, 1 - middle), 5 * math.sqrt(max(middle * (1 - middle), 0.0) / size))
    if kind in {"correlation", "order"}:
        return max(0.1, 4 / math.sqrt(size))
    if kind == "distinct":
        return max(2.0, 0.3 * middle)
    if kind in {"length", "spread"}:
        return max(0.1 if kind == "length" else 0.0, 0.15 * middle)
    if kind in {"days", "span"}:
        return max(1.0, 0.03 * middle)
    if kind == "daily":
        return 0.15 * middle
    if kind == "hour":
        return max(0.5, 24 / math.sqrt(size))
    wide = scale or abs(middle) * 0.1
    if kind == "by":
        wide, size = wide or abs(middle) * 0.1, max(1, size // 5)
    errors = 4 if kind in {"mean", "by"} else 5 if kind == "median" else 8  # a quantile's own error is 1.3 to 2.1 times that of a mean
    return max(wide * _FLOORS.get(kind, 0.35), errors * wide / math.sqrt(size), abs(middle) * 1e-6, 1e-9)


def _outward(value: float, way: int, wide: float) -> float:
    """Return a number of three figures or so (of two that its band is wide), not nearer than the one that is given."""
    if value in {0.0, 1.0, -1.0}:
        return int(value)
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    step = min(step, 10.0 ** (math.floor(math.log10(wide)) - 1)) if wide > abs(value) * 1e-9 else step
    made = float(f"{(math.ceil if way > 0 else math.floor)(value / step) * step:.12g}")
    return int(made) if made.is_integer() and abs(made) < 1e15 else made

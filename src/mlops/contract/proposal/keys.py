"""The columns that name a row, where nobody says which they are: one that differs from row to row, or two or three that do so together.

Together many columns differ by chance. A compound key is believed where chance, with the columns independent of each other, would have made
the same values meet several times, and they never do.
"""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlops.contract.proposal.look import FEW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST = 12
"""Columns that a compound key is looked for among."""
SAMPLE = 5_000
MEETINGS = 100
"""Pairs of rows that chance must have made alike."""
_CALLED = re.compile(r"(.*(^|_|\b))?(id|key|uuid|code|nr|no|number|index)")


def find_key(frame: pd.DataFrame, kinds: Mapping[str, str], partition: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that name a row; none where there are none."""
    if len(frame) < FEW:
        return ()
    for position, name in enumerate(kinds):
        if kinds[name] not in {"string", "integer"} or name in partition or not (_called(name) or position == 0):
            continue
        column = frame[name]
        if column.notna().all() and column.is_unique and (kinds[name] == "integer" or column.astype(str).str.len().max() <= 64):
            return (name,)
    return _compound(frame, _candidates(frame, kinds, partition))


def _called(name: str) -> bool:
    return bool(_CALLED.fullmatch(name.lower())) or name.lower().endswith("id")


def _candidates(frame: pd.DataFrame, kinds: Mapping[str, str], partition: Sequence[str]) -> list[str]:
    """Return columns that can be part of a key, those that are called so first, then times and words; a plain number is a measurement."""
    ranks = {"timestamp": 1, "date": 1, "string": 2}
    ranked = {name: 0 if _called(name) else 1 if name in partition else ranks.get(kind, 9) for name, kind in kinds.items()}
    whole = [n for n, rank in ranked.items() if rank < 9 and kinds[n] in {"integer", *ranks} and frame[n].notna().all()]
    return sorted(whole, key=lambda name: ranked[name])[:MOST]


def _compound(frame: pd.DataFrame, names: Sequence[str], seed: int = 0) -> tuple[str, ...]:
    codes = {name: pd.factorize(frame[name])[0].astype(np.int64) for name in names}
    codes = {name: values for name, values in codes.items() if values.max() > 0}
    alike = {name: float(((np.bincount(values) / len(values)) ** 2).sum()) for name, values in codes.items()}
    some = np.random.default_rng(seed).permutation(len(frame))[:SAMPLE]
    for size in (2, 3):
        for group in combinations(codes, size):
            meetings = len(frame) ** 2 / 2 * np.prod([alike[name] for name in group])
            if meetings >= MEETINGS and all(_differ([codes[name][rows] for name in group]) for rows in (some, slice(None))):
                return group
    return ()


def _differ(columns: Sequence[np.ndarray]) -> bool:
    """Whether no two rows have the same values."""
    key = columns[0]
    for column in columns[1:]:
        key = np.unique(key * (int(column.max()) + 1) + column, return_inverse=True)[1]
    return len(np.unique(key)) == len(key)

"""Which columns a column of numbers is seen beside: those that it goes with, and the slices of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlops.contract.proposal.look import FEW, WIDE, distinct
from mlops.contract.statistics import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping


def going_together(frame: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return for each column of numbers the (two at most) others that its values go with, each pair once."""
    names = [name for name, kind in kinds.items() if kind in {"integer", "number"}]
    if not 2 <= len(names) <= WIDE or len(frame) < FEW:
        return {}
    sample = frame[names].sample(min(len(frame), 20_000), random_state=0)
    with np.errstate(all="ignore"):
        found = pd.DataFrame({name: numbers(sample[name]) for name in names}).corr().abs().to_numpy(copy=True)
    found[np.tril_indices(len(names))] = 0
    strong = {
        name: [other for other in np.argsort(-row)[:3] if row[other] >= 0.4] for name, row in zip(names, np.nan_to_num(found), strict=True)
    }
    return {name: tuple(names[other] for other in others) for name, others in strong.items() if others}


def slices_of(frame: pd.DataFrame, kinds: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of the text column with two to six, of which the rarest is the most frequent."""
    best = 0
    found: tuple[str, ...] = ()
    for name, kind in kinds.items():
        if kind != "string" or "=" in name or not 2 <= distinct(frame[name]) <= 6:
            continue
        counts = frame[name].value_counts()
        if int(counts.min()) > max(best, 50):
            best, found = int(counts.min()), tuple(f"{name}={value}" for value in counts.index)
    return found

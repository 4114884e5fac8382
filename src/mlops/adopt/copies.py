"""Rows that are there twice: on both sides of the split they would be learnt from and then tested on.

A copy is one in every column, or one in all but what merely counts or names rows: exports number the copies too. Where the columns have few
values rows are alike by chance, and stay: what is left out must be more than chance makes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.adopt.plan import Suspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from mlops.adopt.facts import Facts

KEEP, DROP, TWINS = "keep", "drop", "twins"
"""What `clean` does: nothing; one stays of rows that are the same in every column; or in all that the model is shown."""
FEW_VALUES = 40


@dataclass(frozen=True)
class Copies:
    todo: str
    told: tuple[Suspect, ...] = ()


def copies_of(frame: pd.DataFrame, facts: Mapping[str, Facts], shown: Sequence[str]) -> Copies:
    """Return what becomes of rows that are there twice.

    Args:
        frame: The table.
        facts: Of each of its columns.
        shown: The columns that the model is shown: what it learns from, the target, and what rows are split by.
    """
    try:
        whole, twins = int(frame.duplicated().sum()), int(frame[list(shown)].duplicated().sum())
    except TypeError:  # lists and the like cannot be compared
        return Copies(KEEP)
    rows = len(frame)
    if twins > whole and _more(twins, _at_least(frame, facts, shown)):
        why = f"{twins:,} of {rows:,} rows are copies of an earlier one in all that is learnt from, under other names or numbers"
        return Copies(TWINS, (Suspect("", None, f"{why}: they could be on both sides of the split", left_out=True),))
    if not whole:
        return Copies(KEEP)
    real = _more(whole, _by_chance(facts.values(), rows))
    why = f"{whole:,} of {rows:,} rows are copies of an earlier one: they could be on both sides of the split"
    more = "" if real else "; the columns have few values, so that may be chance, and they stay"
    return Copies(DROP if real else KEEP, (Suspect("", None, why + more, left_out=real),))


def _more(count: int, chance: float) -> bool:
    return count > 3 + 10 * chance


def _by_chance(facts: Iterable[Facts], rows: int) -> float:
    """Return how many pairs of rows would be alike if no column knew of another: pairs times the chance of each column to have a value twice."""
    shares = [float(((item.counts / rows) ** 2).sum()) + item.share_missing**2 for item in facts]
    return rows * (rows - 1) / 2 * math.prod(shares)


def _at_least(frame: pd.DataFrame, facts: Mapping[str, Facts], shown: Sequence[str]) -> float:
    """Return the same for rows that a name tells apart, where honest rows may well be alike: columns of few values are counted as they are together."""
    few = [name for name in shown if facts[name].distinct <= FEW_VALUES]
    many = [facts[name] for name in shown if facts[name].distinct > FEW_VALUES]
    sizes = frame.groupby(few, observed=True, dropna=False).size() if few else None
    together = 1.0 if sizes is None else float(((sizes / len(frame)) ** 2).sum())
    return together * _by_chance(many, len(frame))

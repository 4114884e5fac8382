"""How far newer rows are from those that a version was made from, and how much worse its predictions became: plain numbers, no judgement.

What cannot be computed is None with a reason beside it, never NaN and never zero.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops.registry.reference import fill
from mlops.settings import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

FLOOR = 1e-4
"""What an empty bin counts as: the logarithm of nothing is infinite."""


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Return the population stability index of two sets of shares over the same bins.

    It is the sum of (actual - expected) * ln(actual / expected), which is Kullback and Leibler's divergence taken both ways (Jeffreys 1946).
    The usual reading is of Siddiqi, *Credit Risk Scorecards* (2006): below 0.1 no change, above 0.25 a large one. Without any drift it is
    about (bins - 1) * (1/n + 1/m) on samples of n and m rows (Yurdakul and Naranjo 2020), so few rows tell nothing.
    """
    pairs = [(max(one, FLOOR), max(two, FLOOR)) for one, two in zip(expected, actual, strict=True)]
    return sum((two - one) * math.log(two / one) for one, two in pairs)


def column(reference: Mapping[str, Any], values: pd.Series, min_rows: int) -> dict[str, Any]:
    """Return how one column of a window differs from the reference.

    Returns:
        `psi`, `missing` and `reference_missing` as shares, `new` (the share of values that the reference did not have; None for numbers), and
        `why`: empty, or why there is no `psi`. `told` is whether that reason is news: a column that never had a value is not.
    """
    found = fill(reference, values)
    why, told = _lacking(reference, found, values, min_rows)
    psi = None if why else stability_index([*reference["shares"], reference["missing"]], [*found["shares"], found["missing"]])
    return {
        "psi": psi,
        "missing": found["missing"],
        "reference_missing": reference["missing"],
        "new": _new(reference, values),
        "why": why,
        "told": told,
    }


def _lacking(reference: Mapping[str, Any], found: Mapping[str, Any], values: pd.Series, min_rows: int) -> tuple[str, bool]:
    """Return why a column cannot be compared, or nothing, and whether it could have been before."""
    if reference["rows"] < min_rows:
        return f"the reference has {reference['rows']:,} rows, and {min_rows:,} are needed", True
    if len(values) < min_rows:
        return f"{len(values):,} rows, and {min_rows:,} are needed", False
    for kinds, words in ((0, "every value is missing"), (1, "every value is the same")):
        here, there = found["distinct"] == kinds, reference["distinct"] == kinds
        if here or there:
            where = "" if here and there else " here, and not in the reference" if here else " in the reference, and not here"
            return words + where, not (here and there)
    return "", False


def _new(reference: Mapping[str, Any], values: pd.Series) -> float | None:
    if reference["kind"] != "category" or not reference["complete"] or not len(values):
        return None
    words = values.dropna().astype(str)
    return float((~words.isin(reference["values"])).sum()) / len(values)


def change(metric: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return how much better a metric is on newer rows than it was on the held-out ones; below zero it fell.

    The rows are others, so the two intervals are joined as those of independent estimates: the square-root rule of Zou and Donner
    (*Statistics in Medicine* 27, 2008), which needs no rows but only both intervals, of the same confidence.

    Args:
        metric: Its name.
        now: `value`, `low` and `high` on the newer rows.
        before: The same on the held-out rows.

    Returns:
        `gain`, `gain_low` and `gain_high`; each None where it cannot be computed.
    """
    ends = [now.get("value"), now.get("low"), now.get("high"), before.get("value"), before.get("low"), before.get("high")]
    if ends[0] is None or ends[3] is None:
        return dict.fromkeys(("gain", "gain_low", "gain_high"))
    higher, known = METRICS[metric] == "higher", [float(end) for end in ends if end is not None]
    difference = float(ends[0]) - float(ends[3])
    if len(known) < len(ends):
        return {"gain": difference if higher else -difference, "gain_low": None, "gain_high": None}
    one, one_low, one_high, two, two_low, two_high = known
    low = difference - math.hypot(one - one_low, two_high - two)
    high = difference + math.hypot(one_high - one, two - two_low)
    low, high = (low, high) if higher else (-high, -low)
    return {"gain": difference if higher else -difference, "gain_low": low, "gain_high": high}

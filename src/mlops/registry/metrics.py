"""Metrics of a binary classifier that can be computed again and again on weighted rows, and the paired bootstrap over them.

Each metric is prepared once (the sorting is the dear part) and then asked with weights: how often each row was drawn. A resample is one
draw of row counts, shared by all metrics and by both models, so that their difference is paired.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Weighted = Callable[[Numbers], float]

BINS = 10
PARTS = 8
"""The resamples are drawn in so many parts, each from a seed of its own: the same result on any number of threads."""


def auc(target: Numbers, score: Numbers) -> Weighted:
    """Area under the ROC curve, ties counted half (Hanley and McNeil 1982). Shapes: (n,), (n,)."""
    ranked = _Ranked(target, score)

    def ask(weights: Numbers) -> float:
        drawn = weights[ranked.order]
        hits = drawn[ranked.positives]
        below = np.concatenate(([0.0], np.cumsum(drawn * ranked.negative)))
        total = hits.sum() * below[-1]
        return float(hits @ (below[ranked.starts] + below[ranked.ends]) / 2 / total) if total else float("nan")

    return ask


def average_precision(target: Numbers, score: Numbers) -> Weighted:
    """Precision averaged over the steps of recall, as scikit-learn's `average_precision_score`."""
    ranked = _Ranked(target, -score)
    groups = np.searchsorted(ranked.positives, ranked.ends)  # how many positives stand before the end of each positive's tie

    def ask(weights: Numbers) -> float:
        drawn = weights[ranked.order]
        hits = drawn[ranked.positives]
        found, shown = np.concatenate(([0.0], np.cumsum(hits)))[groups], np.cumsum(drawn)[ranked.ends - 1]
        return float(hits @ np.divide(found, shown, out=np.zeros_like(found), where=shown > 0) / hits.sum()) if hits.any() else float("nan")

    return ask


class _Ranked:
    """Rows in the order of a score, and for each positive row where its tie starts and ends in that order."""

    def __init__(self, target: Numbers, score: Numbers) -> None:
        self.order = np.argsort(score, kind="stable")
        ordered = score[self.order]
        self.positives = np.flatnonzero(target[self.order] == 1)
        self.negative = (target[self.order] != 1).astype(float)
        self.starts = np.searchsorted(ordered, ordered[self.positives], side="left")
        self.ends = np.searchsorted(ordered, ordered[self.positives], side="right")


def log_loss(target: Numbers, score: Numbers) -> Weighted:
    """Mean negative log likelihood, in nats; scores are clipped at the type's epsilon, as scikit-learn does."""
    clipped = np.clip(score, np.finfo(float).eps, 1 - np.finfo(float).eps)
    return _mean(-np.where(target == 1, np.log(clipped), np.log1p(-clipped)))


def brier(target: Numbers, score: Numbers) -> Weighted:
    """Mean squared error of the probabilities (Brier 1950)."""
    return _mean((score - target) ** 2)


def calibration_error(target: Numbers, score: Numbers) -> Weighted:
    """Expected calibration error over ten bins of equal frequency (Naeini, Cooper and Hauskrecht 2015; Nixon et al. 2019)."""
    edges = np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1])
    bins = np.searchsorted(edges, score, side="right")
    gap = score - target

    def ask(weights: Numbers) -> float:
        return float(np.abs(np.bincount(bins, weights * gap, BINS)).sum() / weights.sum())

    return ask


METRICS: Mapping[str, tuple[str, Callable[[Numbers, Numbers], Weighted]]] = {
    "auc": ("higher", auc),
    "average_precision": ("higher", average_precision),
    "log_loss": ("lower", log_loss),
    "brier": ("lower", brier),
    "calibration_error": ("lower", calibration_error),
}


@dataclass(frozen=True)
class Difference:
    """A metric of two models on the same rows, and the interval of its difference; None where it cannot be computed."""

    candidate: float | None
    other: float | None
    difference: float | None
    low: float | None
    high: float | None


def compare(
    target: Numbers, candidate: Numbers, other: Numbers, names: Sequence[str], *, resamples: int, confidence: float, seed: int
) -> dict[str, Difference]:
    """Compare two sets of scores by a paired percentile bootstrap over rows (Efron and Tibshirani 1993, chapter 13).

    Args:
        target: 0 or 1, shape (n,).
        candidate: P(positive) of the one, shape (n,).
        other: P(positive) of the other, shape (n,).
        names: Which of `METRICS`.
        resamples: How often the rows are drawn.
        confidence: Of the interval, for example 0.95.
        seed: The same seed draws the same rows.
    """
    asked = {name: (METRICS[name][1](target, candidate), METRICS[name][1](target, other)) for name in names}
    count, names = len(target), list(names)

    def some(part: tuple[np.random.SeedSequence, int]) -> list[list[float]]:
        draw = np.random.default_rng(part[0])
        told = []
        for _ in range(part[1]):
            weights = np.bincount(draw.integers(0, count, count, dtype=np.int32), minlength=count).astype(float)
            told.append([one(weights) - two(weights) for one, two in asked.values()])
        return told

    sizes = [len(part) for part in np.array_split(np.arange(resamples), PARTS)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # numpy lets go of the interpreter's lock while it counts
        drawn = [row for rows in threads.map(some, zip(np.random.SeedSequence(seed).spawn(PARTS), sizes, strict=True)) for row in rows]
    differences = {name: [row[index] for row in drawn] for index, name in enumerate(names)}
    ones = np.ones(count)
    return {name: _difference(one(ones), two(ones), differences[name], confidence) for name, (one, two) in asked.items()}


def _difference(one: float, two: float, drawn: list[float], confidence: float) -> Difference:
    """Close the interval; a resample without both classes has no value, and too many of those leave no interval."""
    known = np.array([value for value in drawn if np.isfinite(value)])
    if not np.isfinite(one) or not np.isfinite(two) or len(known) < 0.95 * len(drawn):
        return Difference(_finite(one), _finite(two), None, None, None)
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Difference(one, two, one - two, float(low), float(high))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _mean(values: Numbers) -> Weighted:
    return lambda weights: float(weights @ values / weights.sum())

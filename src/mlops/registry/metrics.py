"""Metrics of a binary classifier that can be computed again and again on weighted rows, and the paired bootstrap over them.

Each metric is prepared once (the sorting is the dear part) and then asked with weights: how often each row was drawn. A resample is one
draw of row counts, shared by all metrics and by both models, so that their difference is paired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Weighted = Callable[[Numbers], float]

BINS = 10


def auc(target: Numbers, score: Numbers) -> Weighted:
    """Area under the ROC curve, ties counted half (Hanley and McNeil 1982). Shapes: (n,), (n,)."""
    order = np.argsort(score, kind="stable")
    starts = _starts(score[order])
    positive = target[order]

    def ask(weights: Numbers) -> float:
        drawn = weights[order]
        above = np.add.reduceat(drawn * positive, starts)
        below = np.add.reduceat(drawn, starts) - above
        total = above.sum() * below.sum()
        return float(above @ (np.cumsum(below) - below / 2) / total) if total else float("nan")

    return ask


def average_precision(target: Numbers, score: Numbers) -> Weighted:
    """Precision averaged over the steps of recall, as scikit-learn's `average_precision_score`."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(_starts(score[order])[1:], len(score)) - 1
    positive = target[order]

    def ask(weights: Numbers) -> float:
        drawn = weights[order]
        hits, shown = np.cumsum(drawn * positive)[ends], np.cumsum(drawn)[ends]
        if not hits[-1]:
            return float("nan")
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.where(shown > 0, hits / shown, 0.0)
        return float(np.diff(hits, prepend=0.0) @ precision / hits[-1])

    return ask


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
    draw = np.random.default_rng(seed)
    count = len(target)
    differences: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(resamples):
        weights = np.bincount(draw.integers(0, count, count), minlength=count).astype(float)
        for name, (one, two) in asked.items():
            differences[name].append(one(weights) - two(weights))
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


def _starts(ordered: Numbers) -> NDArray[Any]:
    """Return where each run of equal values starts."""
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))

"""Metrics of a binary classifier that can be computed again and again on weighted rows, and the paired bootstrap over them.

Each metric is prepared once (the sorting is the dear part) and then asked with weights: how often each row was drawn. A resample is one
draw of row counts, shared by all metrics and by both models, so that their difference is paired. Counts stay whole numbers all the way:
numpy sums those seven times as fast as floats, and exactly.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops.settings import METRICS as BETTER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Weights = NDArray[Any]
    Weighted = Callable[[Weights], float]

BINS = 10
PARTS = 8
"""The resamples are drawn in so many parts, each from a seed of its own: the same result on any number of threads."""
MOST_UNKNOWN = 0.05
"""The share of resamples that may lack one of the classes; with more there is no interval."""


@dataclass(frozen=True)
class _Ranks:
    """Where each positive stands among the negatives: all that AUC and average precision need of the scores."""

    positives: NDArray[np.int64]
    """Rows of the positives, highest score first."""
    negatives: NDArray[np.int64]
    """Rows of the negatives, lowest score first."""
    below: NDArray[np.int64]
    """For each positive, how many negatives score less; of `upto` how many less or the same."""
    upto: NDArray[np.int64]
    last: NDArray[np.int64]
    """For each positive, the place of the last positive with the same score."""

    @classmethod
    def of(cls, target: Numbers, score: Numbers) -> _Ranks:
        order = np.argsort(score, kind="stable")
        positives, negatives = order[target[order] == 1][::-1], order[target[order] != 1]
        at, among = score[positives], score[negatives]
        below, upto = (np.searchsorted(among, at, side) for side in ("left", "right"))
        return cls(positives, negatives, below, upto, np.searchsorted(-at, -at, "right") - 1)

    def count(self, weights: Weights) -> tuple[Weights, Weights]:
        """Return the positives' weights, and the running sum of the negatives' with a leading zero."""
        running = np.zeros(len(self.negatives) + 1, weights.dtype)
        np.cumsum(weights.take(self.negatives), out=running[1:])
        return weights.take(self.positives), running


def auc(target: Numbers, score: Numbers) -> Weighted:
    """Area under the ROC curve, ties counted half (Hanley and McNeil 1982). Shapes: (n,), (n,)."""
    ranks = _Ranks.of(target, score)

    def ask(weights: Weights) -> float:
        drawn, running = ranks.count(weights)
        pairs = float(drawn.sum()) * float(running[-1])
        return _dot(drawn, running[ranks.below] + running[ranks.upto]) / (2 * pairs) if pairs else float("nan")

    return ask


def average_precision(target: Numbers, score: Numbers) -> Weighted:
    """Precision averaged over the steps of recall, as scikit-learn's `average_precision_score`. Shapes: (n,), (n,)."""
    ranks = _Ranks.of(target, score)

    def ask(weights: Weights) -> float:
        drawn, running = ranks.count(weights)
        hits = np.cumsum(drawn)
        if not len(hits) or not hits[-1]:
            return float("nan")
        found = hits[ranks.last]
        shown = found + running[-1] - running[ranks.below]
        return _dot(drawn, found / np.where(shown > 0, shown, 1)) / float(hits[-1])

    return ask


def log_loss(target: Numbers, score: Numbers) -> Weighted:
    """Mean negative log likelihood, in nats; scores are clipped at the type's epsilon, as scikit-learn does."""
    clipped = np.clip(score, np.finfo(float).eps, 1 - np.finfo(float).eps)
    return _mean(-np.where(target == 1, np.log(clipped), np.log1p(-clipped)))


def brier(target: Numbers, score: Numbers) -> Weighted:
    """Mean squared error of the probabilities (Brier 1950)."""
    return _mean((score - target) ** 2)


def calibration_error(target: Numbers, score: Numbers) -> Weighted:
    """Expected calibration error over ten bins of equal frequency (Naeini, Cooper and Hauskrecht 2015; Nixon et al. 2019).

    The bins are those of all rows, whatever is drawn; rows with the same score share a bin, so that the order of rows does not matter.
    """
    _, place, rows = np.unique(score, return_inverse=True, return_counts=True)
    ends = np.cumsum([len(part) for part in np.array_split(np.arange(len(score)), BINS)])
    bins = np.searchsorted(ends, np.cumsum(rows) - rows, side="right")[place]
    gap = score - target

    def ask(weights: Weights) -> float:
        return float(np.abs(np.bincount(bins, weights * gap, BINS)).sum() / weights.sum())

    return ask


METRICS: Mapping[str, tuple[str, Callable[[Numbers, Numbers], Weighted]]] = {
    made.__name__: (BETTER[made.__name__], made) for made in (auc, average_precision, log_loss, brier, calibration_error)
}


@dataclass(frozen=True)
class Difference:
    """A metric of two models on the same rows, and the interval of its difference; None where it cannot be computed."""

    candidate: float | None
    other: float | None
    difference: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Estimate:
    """A metric of one model, and its interval; None where it cannot be computed."""

    value: float | None
    low: float | None
    high: float | None


def estimate(target: Numbers, score: Numbers, names: Sequence[str], *, resamples: int, confidence: float, seed: int) -> dict[str, Estimate]:
    """Return metrics of one set of scores, with the intervals of the same bootstrap. See `compare` for the arguments."""
    asked = [METRICS[name][1](target, score) for name in names]
    drawn = _drawn(len(target), asked, resamples, seed)
    ones = np.ones(len(target), int)
    found = {name: _difference(ask(ones), 0.0, drawn[:, at], confidence) for at, (name, ask) in enumerate(zip(names, asked, strict=True))}
    return {name: Estimate(one.candidate, one.low, one.high) for name, one in found.items()}


def compare(
    target: Numbers, candidate: Numbers, other: Numbers, names: Sequence[str], *, resamples: int, confidence: float, seed: int
) -> dict[str, Difference]:
    """Compare two sets of scores by a paired percentile bootstrap over rows (Efron and Tibshirani 1993, chapter 13).

    Args:
        target: 0 or 1, shape (n,).
        candidate: P(positive) of the one, shape (n,).
        other: P(positive) of the other, shape (n,).
        names: Which of `METRICS`.
        resamples: How often the rows are drawn; with 0 there is no interval.
        confidence: Of the interval, for example 0.95.
        seed: The same seed draws the same rows.
    """
    asked = {name: (METRICS[name][1](target, candidate), METRICS[name][1](target, other)) for name in names}
    drawn = _drawn(len(target), [_gap(one, two) for one, two in asked.values()], resamples, seed)
    ones = np.ones(len(target), int)
    return {name: _difference(one(ones), two(ones), drawn[:, at], confidence) for at, (name, (one, two)) in enumerate(asked.items())}


def _gap(one: Weighted, two: Weighted) -> Weighted:
    return lambda weights: one(weights) - two(weights)


def _drawn(count: int, asked: Sequence[Weighted], resamples: int, seed: int) -> Numbers:
    """Draw `count` rows again and again, and return what each question answers, shape (resamples, questions)."""

    def some(part: tuple[np.random.SeedSequence, int]) -> list[list[float]]:
        draw = np.random.default_rng(part[0])
        told = []
        for _ in range(part[1]):
            weights = np.bincount(draw.integers(0, count, count), minlength=count)
            told.append([ask(weights) for ask in asked])
        return told

    sizes = [len(part) for part in np.array_split(np.arange(resamples), PARTS)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # numpy lets go of the interpreter's lock while it counts
        parts = threads.map(some, zip(np.random.SeedSequence(seed).spawn(PARTS), sizes, strict=True))
        return np.array([row for rows in parts for row in rows]).reshape(resamples, len(asked))


def _difference(one: float, two: float, drawn: Numbers, confidence: float) -> Difference:
    """Close the interval. A resample without both classes has no value."""
    if not np.isfinite(one) or not np.isfinite(two):
        return Difference(_finite(one), _finite(two), None, None, None)
    known = drawn[np.isfinite(drawn)]
    if not len(known) or len(known) < (1 - MOST_UNKNOWN) * len(drawn):
        return Difference(one, two, one - two, None, None)
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Difference(one, two, one - two, float(low), float(high))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _mean(values: Numbers) -> Weighted:
    return lambda weights: _dot(weights, values) / float(weights.sum())


def _dot(weights: Weights, values: Weights) -> float:
    """Return the sum of products. Not by BLAS: its own threads and those of the resamples would wait for each other, for ten times as long."""
    return float(np.einsum("i,i->", weights, values))

"""Metrics that can be computed again and again on weighted rows: of probabilities, of several classes, and of numbers.

Each metric is prepared once (the sorting is the dear part) and then asked with weights: how often each row was drawn. Counts stay whole
numbers all the way: numpy sums those seven times as fast as floats, and exactly. What has no value on the rows drawn is NaN.

The arguments are, by task (rows n, classes k):

    binary        target 0 or 1, shape (n,);                  score P(positive), shape (n,)
    multiclass    target the class's number, shape (n,);      score the probability of each class, shape (n, k)
    regression    target, shape (n,);                         score the prediction, shape (n,)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops.settings import METRICS as BETTER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Weights = NDArray[Any]
    Weighted = Callable[[Weights], float]

BINS = 10


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
    """Mean negative log likelihood, in nats; scores are clipped at the type's epsilon, as scikit-learn does. Of two classes or more."""
    clipped = np.clip(score, np.finfo(float).eps, 1 - np.finfo(float).eps)
    if score.ndim == 2:
        return _mean(-np.log(clipped[np.arange(len(target)), target.astype(int)]))
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


def accuracy(target: Numbers, score: Numbers) -> Weighted:
    """Share of the rows whose likeliest class is theirs."""
    return _mean((score.argmax(axis=1) == target).astype(float))


def balanced_accuracy(target: Numbers, score: Numbers) -> Weighted:
    """Recall averaged over the classes that the rows drawn have, as scikit-learn's `balanced_accuracy_score`."""
    count = _Confusion.of(target, score).count

    def ask(weights: Weights) -> float:
        right, there, _ = count(weights)
        known = there > 0
        return float(np.mean(right[known] / there[known])) if known.any() else float("nan")

    return ask


def f1_macro(target: Numbers, score: Numbers) -> Weighted:
    """F1 averaged over the classes that are there or predicted, as scikit-learn's `f1_score` with `average="macro"`."""
    count = _Confusion.of(target, score).count

    def ask(weights: Weights) -> float:
        right, there, said = count(weights)
        known = there + said > 0
        return float(np.mean(2 * right[known] / (there + said)[known])) if known.any() else float("nan")

    return ask


def auc_ovr(target: Numbers, score: Numbers) -> Weighted:
    """AUC of each class against the rest, averaged over the classes that the rows drawn have, and do not consist of.

    Where all classes are there it is scikit-learn's `roc_auc_score` with `multi_class="ovr", average="macro"` (Provost and Domingos 2000).
    """
    parts = [auc((target == at).astype(float), score[:, at]) for at in range(score.shape[1]) if 0 < (target == at).sum() < len(target)]

    def ask(weights: Weights) -> float:
        found = np.array([part(weights) for part in parts])
        known = found[np.isfinite(found)]
        return float(known.mean()) if len(known) else float("nan")

    return ask


@dataclass(frozen=True)
class _Confusion:
    """How often each class is there, is predicted, and is predicted where it is there."""

    there: NDArray[np.int64]
    said: NDArray[np.int64]
    right: NDArray[np.int64]
    """Rows whose likeliest class is theirs."""
    classes: int

    @classmethod
    def of(cls, target: Numbers, score: Numbers) -> _Confusion:
        there, said = target.astype(np.int64), score.argmax(axis=1).astype(np.int64)
        return cls(there, said, np.flatnonzero(there == said), score.shape[1])

    def count(self, weights: Weights) -> tuple[Weights, Weights, Weights]:
        """Return the weight of each class's hits, of its rows, and of the rows that are said to be of it, each of shape (k,)."""
        right = np.bincount(self.there[self.right], weights[self.right], self.classes)
        return right, np.bincount(self.there, weights, self.classes), np.bincount(self.said, weights, self.classes)


def rmse(target: Numbers, score: Numbers) -> Weighted:
    """Root of the mean squared error, in the target's unit."""
    squared = _mean((score - target) ** 2)
    return lambda weights: math.sqrt(squared(weights))


def mae(target: Numbers, score: Numbers) -> Weighted:
    """Mean absolute error, in the target's unit."""
    return _mean(np.abs(score - target))


def median_absolute_error(target: Numbers, score: Numbers) -> Weighted:
    """Median of the absolute errors, in the target's unit; of an even number of rows the mean of the middle two."""
    errors = np.abs(score - target)
    order = np.argsort(errors, kind="stable")
    errors = errors[order]

    def ask(weights: Weights) -> float:
        upto = np.cumsum(weights.take(order))
        middle = np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], side="right")
        return float(errors[middle].mean()) if upto[-1] else float("nan")

    return ask


def r2(target: Numbers, score: Numbers) -> Weighted:
    """Share of the target's variance that the prediction explains; below zero it is worse than the mean. Of a constant target it is unknown."""
    centred, errors = target - target.mean(), (score - target) ** 2
    least = 1e-12 * float(np.mean(centred**2))

    def ask(weights: Weights) -> float:
        total = float(weights.sum())
        spread = _dot(weights, centred**2) - _dot(weights, centred) ** 2 / total
        return 1 - _dot(weights, errors) / spread if spread > least * total and np.ptp(target) > 0 else float("nan")

    return ask


_PROBABILITY = (auc, average_precision, log_loss, brier, calibration_error)
_CLASSES = (accuracy, balanced_accuracy, f1_macro, auc_ovr)
_NUMBER = (rmse, mae, r2, median_absolute_error)
METRICS: Mapping[str, tuple[str, Callable[[Numbers, Numbers], Weighted]]] = {
    made.__name__: (BETTER[made.__name__], made) for made in (*_PROBABILITY, *_CLASSES, *_NUMBER)
}


def _mean(values: Numbers) -> Weighted:
    return lambda weights: _dot(weights, values) / float(weights.sum())


def _dot(weights: Weights, values: Weights) -> float:
    """Return the sum of products. Not by BLAS: its own threads and those of the resamples would wait for each other, for ten times as long."""
    return float(np.einsum("i,i->", weights, values))

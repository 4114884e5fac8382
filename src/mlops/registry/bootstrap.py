"""The paired bootstrap over rows: a metric of one model, or of two on the same rows, with an interval.

A resample is one draw of row counts, shared by all metrics and by both models, so that their difference is paired.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlops.registry.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.registry.metrics import Numbers, Weighted

PARTS = 8
"""The resamples are drawn in so many parts, each from a seed of its own: the same result on any number of threads."""
MOST_UNKNOWN = 0.05
"""The share of resamples on which a metric may have no value, such as without one of the classes; with more there is no interval."""


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
        target: What is true, shape (n,); its form, and that of the scores, is the metrics' (see `metrics.py`).
        candidate: What the one says.
        other: What the other says.
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

"""Columns that tell the answer. Each is asked alone how well it predicts the target on rows that it was not looked at with.

A strong column is no leak by itself: petals tell a species, and a law of nature holds. What is left out restates the target: a copy, other words
for it, the number that it was cut from, a column whose name says that it is known afterwards and that predicts it nearly perfectly. Everything else is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops.adopt.afterwards import missing_with, said_by_name
from mlops.adopt.facts import Facts, shown
from mlops.adopt.plan import Suspect
from mlops.adopt.vocabulary import AFTER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROWS = 20_000
TELL, RESTATES = 0.9, 0.98
_BINS = 64
_FOLDS = 5


@dataclass(frozen=True)
class Answer:
    """The target on the rows of the sample: whole numbers for classes, else floats."""

    name: str
    truth: np.ndarray
    classes: tuple[Any, ...]
    folds: np.ndarray
    in_time: bool = False
    """Whether a time orders the rows: then columns that only grow are smooth functions of each other, and that says nothing."""


def answer(target: Facts, classes: tuple[Any, ...], rows: np.ndarray, seed: int, *, in_time: bool) -> Answer:
    """Return the target of some rows, each with a fold drawn by the seed."""
    values = target.series.to_numpy()[rows]
    coded = np.array([{value: code for code, value in enumerate(classes)}[value] for value in values]) if classes else values.astype(float)
    return Answer(target.name, coded, classes, np.random.default_rng(seed).integers(0, _FOLDS, len(rows)), in_time)


def score(facts: Facts, to: Answer, rows: np.ndarray) -> float:
    """Return how well a column predicts the target alone, from 0 (as a guess) to 1 (perfectly).

    The mean target of each bin, of the other folds, is the prediction. binary: |2 AUC - 1|; multiclass: gain of accuracy over the most frequent class,
    as a share of what could be gained; regression: R2, not below 0.
    """
    bins = binned(facts, rows)
    if not to.classes:
        own = coded(facts, rows) if facts.distinct <= facts.filled / 3 else bins
        return max(_r2(bins, to), _r2(own, to), 0.0 if to.in_time else _neighbours(facts, to, rows))
    rates = np.zeros((len(bins), len(to.classes)))
    for fold in range(_FOLDS):
        here = to.folds == fold
        counts = np.zeros((bins.max() + 1, len(to.classes)))
        np.add.at(counts, (bins[~here], to.truth[~here]), 1.0)
        prior = counts.sum(axis=0) / max(1.0, counts.sum())
        rates[here] = ((counts + prior) / (counts.sum(axis=1, keepdims=True) + 1.0))[bins[here]]
    if len(to.classes) == 2:
        return abs(2 * _auc(to.truth, rates[:, 1]) - 1)
    guess = np.bincount(to.truth).max() / len(bins)
    return float(max(0.0, ((rates.argmax(axis=1) == to.truth).mean() - guess) / max(1e-9, 1 - guess)))


def binned(facts: Facts, rows: np.ndarray) -> np.ndarray:
    """Return each row's bin: numbers by their quantiles, words by themselves, missing ones apart."""
    if facts.type == "string" or facts.distinct <= _BINS:
        return coded(facts, rows)
    values = _numbers(facts, rows)
    known = np.isfinite(values)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _BINS + 1)[1:-1])) if known.any() else np.array([])
    return np.where(known, np.searchsorted(edges, values, side="right") + 1, 0)


def coded(facts: Facts, rows: np.ndarray) -> np.ndarray:
    """Return each row's value as a whole number, 0 where it is missing."""
    import pandas as pd

    return pd.factorize(facts.series.iloc[rows])[0] + 1


def _numbers(facts: Facts, rows: np.ndarray) -> np.ndarray:
    series = facts.series.iloc[rows]
    if facts.type in {"date", "timestamp"}:
        return np.where(series.isna(), np.nan, series.astype("int64").to_numpy().astype(float))
    return series.to_numpy(dtype=float, na_value=np.nan)


def _auc(values: np.ndarray, scores: np.ndarray) -> float:
    import pandas as pd

    positive = values == 1
    n, m = int(positive.sum()), int((~positive).sum())
    return float((pd.Series(scores).rank().to_numpy()[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else 0.5


def _r2(bins: np.ndarray, to: Answer) -> float:
    predicted = np.full(len(bins), to.truth.mean())
    for fold in range(_FOLDS):
        here = to.folds == fold
        sums = np.bincount(bins[~here], to.truth[~here], minlength=bins.max() + 1)
        counts = np.bincount(bins[~here], minlength=bins.max() + 1)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), to.truth[~here].mean())
        predicted[here] = means[bins[here]]
    return _explained(to.truth, predicted)


def _explained(values: np.ndarray, predicted: np.ndarray) -> float:
    total = float(((values - values.mean()) ** 2).sum())
    return max(0.0, 1 - float(((values - predicted) ** 2).sum()) / total) if total else 0.0


def _neighbours(facts: Facts, to: Answer, rows: np.ndarray) -> float:
    """Return the R2 of the mean of the two rows beside each in the column's order: near 1 for any smooth function of it. For many different numbers."""
    if facts.type not in {"integer", "number"} or facts.distinct < 0.3 * facts.filled:
        return 0.0
    values = _numbers(facts, rows)
    known = np.isfinite(values)
    if known.sum() < 30 or known.mean() < 0.5:
        return 0.0
    ordered = to.truth[known][np.argsort(values[known], kind="stable")]
    return _explained(ordered[1:-1], (ordered[:-2] + ordered[2:]) / 2)


def suspects(facts: Mapping[str, Facts], among: Sequence[str], to: Answer, rows: np.ndarray, keep: Sequence[str]) -> tuple[Suspect, ...]:
    """Return the columns that may tell the answer, the surest first."""
    found, open_ = [], missing_with(facts, among, to.name)
    for name in among:
        value = score(facts[name], to, rows)
        late = ", ".join(sorted(facts[name].words & AFTER))
        sure = restates(facts[name], to, rows, value) or open_.get(name, "")
        if not sure and late and value >= TELL:
            sure = f"its name says that it is known afterwards ({late}), and it predicts {to.name} nearly perfectly"
        told = f"alone it predicts {to.name} very well; is it known when the question is asked?" if value >= TELL else ""
        reason = sure or told or said_by_name(facts, name, to.name, value)
        if reason:
            found.append(Suspect(name, round(value, 4), reason, bool(sure) and name not in keep))
    return tuple(sorted(found, key=lambda suspect: (not suspect.left_out, -(suspect.score or 0))))


def restates(facts: Facts, to: Answer, rows: np.ndarray, value: float) -> str:
    """Return why a column is practically the target, or an empty text."""
    if value < (RESTATES if to.classes else TELL) or facts.type in {"date", "timestamp"}:
        return ""
    if to.classes:
        return _same_words(facts, to, rows) or _cut(facts, to, rows)
    return _function(facts, to, rows, value)


def _same_words(facts: Facts, to: Answer, rows: np.ndarray) -> str:
    """Return why each value of a column goes with one class: where values repeat, that is other words for it, or a finer division of it."""
    codes, count = coded(facts, rows), len(rows)
    few = facts.distinct <= max(20, 2 * len(to.classes))
    if facts.type not in {"string", "boolean"} and not few:
        return ""
    pairs = np.unique(np.column_stack([codes, to.truth]), axis=0)
    values = len(np.unique(codes))
    if values > count / 3 or (len(pairs) - values) > 0.02 * values:
        return ""
    if values <= len(to.classes) + 1:
        return f"its {values} values are other words for {to.name}"
    return f"each of its {values:,} values has one {to.name} only: it is a finer division of it"


def _cut(facts: Facts, to: Answer, rows: np.ndarray) -> str:
    """Return why classes are ranges of a number: they change at one place, and numbers lie close on both sides of it.

    Where the classes are far apart, as petals of two species are, it may be nature.
    """
    if facts.type not in {"integer", "number"} or facts.distinct < 20:
        return ""
    values = _numbers(facts, rows)
    known = np.isfinite(values)
    order = np.argsort(values[known], kind="stable")
    x, y = values[known][order], to.truth[known][order]
    if len(x) < 50:
        return ""
    cuts = _cuts(x, y)
    steps = np.diff(np.unique(x))
    if not cuts or any(above - below > 3 * np.median(steps) for below, above in cuts):
        return ""
    return f"{to.name} is cut from it: it changes between {', '.join(f'{shown(below)} and {shown(above)}' for below, above in cuts[:3])}"


def _cuts(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    """Return the neighbouring numbers between which classes change, where each class is one range of x; of two classes 0.5 % of rows may be rounded over."""
    borders = np.flatnonzero(np.diff(y))
    if len(borders) == len(np.unique(y)) - 1:
        return [(x[border], x[border + 1]) for border in borders if x[border + 1] > x[border]]
    if len(np.unique(y)) != 2:
        return []
    rising = np.cumsum(y == 1) + ((y == 0).sum() - np.cumsum(y == 0))
    wrong = np.minimum(rising, len(y) - rising)[:-1]
    wrong = np.where(np.diff(x) > 0, wrong, len(y))
    best = int(wrong.argmin())
    return [(x[best], x[best + 1])] if wrong[best] <= max(1, 0.005 * len(y)) else []


def _function(facts: Facts, to: Answer, rows: np.ndarray, value: float) -> str:
    if facts.type not in {"integer", "number", "string", "boolean"}:
        return ""
    if facts.type in {"integer", "number"}:
        values = _numbers(facts, rows)
        known = np.isfinite(values)
        x, y = values[known], to.truth[known]
        if len(x) > 20 and x.std() and y.std() and np.corrcoef(x, y)[0, 1] ** 2 > 0.99999:
            slope, rest = np.polyfit(x, y, 1)
            return f"{to.name} is {slope:.6g} times it{'' if abs(rest) < 1e-6 * abs(y).max() else f', {rest:+.6g}'}"
        dense = facts.distinct > 0.3 * facts.filled
        if not to.in_time and ((dense and value >= 0.9995) or (facts.distinct > 50 and _same_order(x, y))):
            return f"{to.name} is a function of it (R2 {value:.4f} alone)"
    if value >= 0.9995 and facts.distinct < facts.filled / 3:
        return f"each of its {facts.distinct:,} values has one {to.name}"
    return ""


def _same_order(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether one number always grows, or always falls, with the other."""
    import pandas as pd

    ranks = np.corrcoef(pd.Series(x).rank(), pd.Series(y).rank())[0, 1]
    return bool(len(x) > 50 and abs(ranks) > 0.99999)

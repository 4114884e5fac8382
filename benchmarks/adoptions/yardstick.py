"""What a person would try first: a model that only knows the answers' distribution, and a plain HistGradientBoosting, on the same training and test rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Yardstick:
    """A metric on the test rows, by three models; None where it cannot be computed."""

    ours: float | None
    dummy: float | None
    by_hand: float | None


def measure(outputs: dict[str, Path], target: str, task: str, metric: str, positive: Any) -> Yardstick:
    """Take a run's `model` (for its columns), `train`, `test` and `evaluation`, and measure beside what the run found."""
    found = json.loads((outputs["evaluation"] / "metrics.json").read_text(encoding="utf-8"))
    signature = json.loads(yaml.safe_load((outputs["model"] / "MLmodel").read_text(encoding="utf-8"))["signature"]["inputs"])
    names = [column["name"] for column in signature]
    train, test = (pd.read_parquet(outputs[name]).dropna(subset=[target]) for name in ("train", "test"))
    if task == "binary":
        train, test = (part.assign(**{target: part[target].astype(str) == str(positive)}) for part in (train, test))
    seen, asked = _numbers(train[names], test[names])
    models = (DummyRegressor(), HistGradientBoostingRegressor(random_state=7))
    if task != "regression":
        models = (DummyClassifier(), HistGradientBoostingClassifier(random_state=7))
    scores = [_score(model, seen, asked, train[target], test[target], task, metric) for model in models]
    return Yardstick(found.get(metric), *scores)


def _numbers(train: pd.DataFrame, test: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as they are, times as numbers, all else by its place among the values seen in training."""
    seen, asked = {}, {}
    for name in train:
        if pd.api.types.is_numeric_dtype(train[name]):
            seen[name], asked[name] = train[name].astype(float), test[name].astype(float)
        elif pd.api.types.is_datetime64_any_dtype(train[name]):
            seen[name], asked[name] = (part[name].astype("int64").astype(float) for part in (train, test))
        else:
            places = {value: place for place, value in enumerate(sorted(train[name].dropna().unique(), key=str))}
            seen[name], asked[name] = (part[name].map(places).astype(float) for part in (train, test))
    return pd.DataFrame(seen).to_numpy(), pd.DataFrame(asked).to_numpy()


def _score(model: Any, seen: np.ndarray, asked: np.ndarray, known: pd.Series, true: pd.Series, task: str, metric: str) -> float | None:
    try:
        model.fit(seen, known)
        if task == "regression":
            return float(REGRESSION[metric](true, model.predict(asked)))
        chances = model.predict_proba(asked)
        return float(BINARY[metric](true, chances[:, 1]) if task == "binary" else _multiclass(metric, true, chances, model.classes_))
    except ValueError:  # one class alone, a class that training has not: there is no such number
        return None


def _multiclass(metric: str, true: pd.Series, chances: np.ndarray, classes: np.ndarray) -> float:
    if metric == "log_loss":
        return metrics.log_loss(true, chances, labels=classes)
    if metric == "auc_ovr":
        both = [place for place, name in enumerate(classes) if 0 < (true == name).sum() < len(true)]
        return float(np.mean([metrics.roc_auc_score(true == classes[place], chances[:, place]) for place in both]))
    best = classes[chances.argmax(axis=1)]
    if metric == "f1_macro":
        return metrics.f1_score(true, best, average="macro")
    return {"accuracy": metrics.accuracy_score, "balanced_accuracy": metrics.balanced_accuracy_score}[metric](true, best)


BINARY = {
    "auc": metrics.roc_auc_score,
    "average_precision": metrics.average_precision_score,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier_score_loss,
}
REGRESSION = {
    "rmse": metrics.root_mean_squared_error,
    "mae": metrics.mean_absolute_error,
    "r2": metrics.r2_score,
    "median_absolute_error": metrics.median_absolute_error,
}

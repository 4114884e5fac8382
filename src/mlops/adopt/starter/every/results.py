"""What an evaluation says besides its metrics, and the folder that it is written into: by window, by value, by column."""

import json

from sklearn.inspection import permutation_importance
from threadpoolctl import threadpool_limits

import plots
from columns import WINDOW
from metrics import HIGHER


def importance(model, sample, features, target, metric, measure, settings):
    """Return how much of the deciding metric is lost when a column is shuffled, most first; `measure` is given model, rows and answers."""

    def score(model, data, answers):
        found = measure(model, data, answers)[metric]
        return found if metric in HIGHER else -found

    with threadpool_limits(1):  # many short predictions: threads that wait for each other cost more than they save
        lost = permutation_importance(model, sample[features], sample[target], scoring=score, **settings)
    rows = zip(features, lost.importances_mean, lost.importances_std, strict=True)
    return sorted(({"feature": name, "mean": float(mean), "std": float(std)} for name, mean, std in rows), key=lambda row: -row["mean"])


def by_window(parts, summary):
    """Return the summary of each window of the time, from the first to the last; nothing where there is no time."""
    return [
        {"month": str(window), "phase": phase, **summary(rows)}
        for phase, part in parts.items()
        if WINDOW in part
        for window, rows in part.groupby(WINDOW)
    ]


def by_value(test, names, summary):
    return [{"column": name, "value": str(value), **summary(rows)} for name in names for value, rows in test.groupby(name, observed=True)]


def write(folder, result, predictions, baseline):
    folder.mkdir(parents=True, exist_ok=True)
    predictions.to_parquet(folder / "predictions.parquet", index=False, compression="zstd")
    (folder / "baseline.txt").write_text(baseline + "\n", encoding="utf-8")
    for name, value in result.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    plots.draw(result["curves"], result["importance"], folder / "plots")


def number(value):
    return "unknown" if value is None else f"{value:.3f}"

"""How far predicted numbers are from the true ones, as plain values that JSON can hold."""

import numpy as np
from sklearn.metrics import mean_absolute_error, median_absolute_error, r2_score, root_mean_squared_error

HIGHER = {"r2"}
"""The metrics of which more is better."""


def metrics(target, score):
    """Return the metrics; the share of the spread that is explained (R2) is None where there is no spread."""
    spread = len(set(target.tolist())) > 1
    return {
        "rmse": float(root_mean_squared_error(target, score)),
        "mae": float(mean_absolute_error(target, score)),
        "r2": float(r2_score(target, score)) if spread else None,
        "median_absolute_error": float(median_absolute_error(target, score)),
    }


def curves(target, score):
    counts, edges = np.histogram(target - score, bins=30)
    return {
        "predicted_actual": {"predicted": thin(score), "actual": thin(target)},
        "residuals": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def thin(values, most=500):
    """Return at most `most` of the values, evenly taken, with the first and the last."""
    return [float(value) for value in values[np.linspace(0, len(values) - 1, min(most, len(values))).astype(int)]]

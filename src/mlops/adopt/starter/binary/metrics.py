"""How good probabilities are, as plain values that JSON can hold. What needs both classes is None where there is one."""

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, precision_recall_curve, roc_auc_score, roc_curve

BINS = 10
HIGHER = {"auc", "average_precision"}
"""The metrics of which more is better."""


def metrics(target, score):
    """Return the metrics of a probability; the calibration error is the mean distance of predicted and observed share over ten bins."""
    target, score = np.asarray(target, dtype="int64"), np.asarray(score)
    both, found = len(set(target.tolist())) > 1, calibration(target, score)
    distance = np.abs(np.subtract(found["predicted"], found["observed"]))
    return {
        "auc": float(roc_auc_score(target, score)) if both else None,
        "average_precision": float(average_precision_score(target, score)) if target.any() else None,
        "log_loss": float(log_loss(target, score, labels=[0, 1])),
        "brier": float(brier_score_loss(target, score)),
        "calibration_error": float(np.average(distance, weights=found["rows"])),
    }


def calibration(target, score):
    """Return the predicted and the observed share in equally full bins of the score; rows with the same score share a bin."""
    _, place, rows = np.unique(score, return_inverse=True, return_counts=True)
    ends = np.cumsum([len(part) for part in np.array_split(score, BINS)])
    bins = np.searchsorted(ends, np.cumsum(rows) - rows, side="right")[place]
    groups = [np.flatnonzero(bins == number) for number in sorted(set(bins.tolist()))]
    return {
        "predicted": [float(score[group].mean()) for group in groups],
        "observed": [float(target[group].mean()) for group in groups],
        "rows": [len(group) for group in groups],
    }


def curves(target, score):
    if len(set(target.tolist())) < 2:
        return {"calibration": calibration(target, score)}
    fpr, tpr, _ = roc_curve(target, score)
    precision, recall, _ = precision_recall_curve(target, score)
    return {
        "roc": {"fpr": thin(fpr), "tpr": thin(tpr)},
        "pr": {"recall": thin(recall[::-1]), "precision": thin(precision[::-1])},
        "calibration": calibration(target, score),
    }


def thin(values, most=200):
    """Return at most `most` of the values, evenly taken, with the first and the last."""
    return [float(value) for value in values[np.linspace(0, len(values) - 1, min(most, len(values))).astype(int)]]

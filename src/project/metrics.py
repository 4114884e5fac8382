"""How good probabilities are, as plain values that JSON can hold. What needs both classes is None where there is one."""

import numpy as np
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, precision_recall_curve, roc_auc_score, roc_curve


def auc(target, score):
    return float(roc_auc_score(target, score)) if target.nunique() > 1 else None


def metrics(target, score, bins):
    """Return the metrics of a probability; the calibration error is the mean distance of predicted and observed share over `bins` bins."""
    found = calibration(target, score, bins)
    distance = np.abs(np.subtract(found["predicted"], found["observed"]))
    return {
        "auc": auc(target, score),
        "average_precision": float(average_precision_score(target, score)) if target.any() else None,
        "log_loss": float(log_loss(target, score, labels=[0, 1])),
        "brier": float(brier_score_loss(target, score)),
        "calibration_error": float(np.average(distance, weights=found["rows"])),
    }


def calibration(target, score, bins):
    """Return the predicted and the observed share in equally full bins of the score; rows with the same score share a bin."""
    scores, targets = np.asarray(score), np.asarray(target)
    _, place, rows = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum([len(part) for part in np.array_split(scores, bins)])
    at = np.searchsorted(ends, np.cumsum(rows) - rows, side="right")[place]
    groups = [np.flatnonzero(at == number) for number in sorted(set(at.tolist()))]
    return {
        "predicted": [float(scores[group].mean()) for group in groups],
        "observed": [float(targets[group].mean()) for group in groups],
        "rows": [len(group) for group in groups],
    }


def curves(target, score, bins):
    fpr, tpr, _ = roc_curve(target, score)
    precision, recall, _ = precision_recall_curve(target, score)
    return {
        "roc": {"fpr": thin(fpr), "tpr": thin(tpr)},
        "pr": {"recall": thin(recall[::-1]), "precision": thin(precision[::-1])},
        "calibration": calibration(target, score, bins),
    }


def thin(values, most=200):
    """Return at most `most` of the values, evenly taken, with the first and the last."""
    return [float(value) for value in values[np.linspace(0, len(values) - 1, min(most, len(values))).astype(int)]]


def shares(train, rows, columns, target):
    """Return the share of positives in training among rows alike in `columns`; where there were none, the share of all."""
    known = train.groupby(columns)[target].mean().rename("share").reset_index()
    return rows[columns].merge(known, on=columns, how="left")["share"].fillna(train[target].mean()).to_numpy()

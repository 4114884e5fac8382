"""How good the probabilities of several classes are, as plain values that JSON can hold."""

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score, roc_auc_score

HIGHER = {"accuracy", "balanced_accuracy", "f1_macro", "auc_ovr"}
"""The metrics of which more is better."""
LEAST = np.finfo("float64").eps


def metrics(target, scores, classes):
    """Return the metrics of probabilities, shape (rows, classes); `target` and `classes` as the table has them.

    The AUC is the mean of one class against the rest, over the classes that have rows on both sides. To a class that it does not know the model
    gives no chance.
    """
    target, classes = np.array(list(map(str, target))), np.array(list(map(str, classes)))
    said = classes[scores.argmax(axis=1)]
    present = sorted(set(target))
    said_of = dict(zip(classes, scores.T, strict=True))
    sides = [(target == name, said_of.get(name, np.zeros(len(target)))) for name in present]
    areas = [roc_auc_score(inside, score) for inside, score in sides if not inside.all()]
    return {
        "log_loss": log_loss(target, scores, classes),
        "accuracy": float(accuracy_score(target, said)),
        "balanced_accuracy": float(recall_score(target, said, labels=present, average="macro", zero_division=0)),
        "f1_macro": float(f1_score(target, said, average="macro", zero_division=0)),
        "auc_ovr": float(np.mean(areas)) if areas else None,
    }


def log_loss(target, scores, classes):
    """Return the mean of minus the logarithm of the true class's probability; a class that the model does not know has none."""
    places = {name: place for place, name in enumerate(classes)}
    found = [scores[row, places[name]] if name in places else 0.0 for row, name in enumerate(target)]
    return float(-np.log(np.clip(found, LEAST, 1)).mean())


def curves(target, scores, classes):
    """Return how often each class (row) was taken for which (column)."""
    names = list(map(str, classes))
    said = [names[place] for place in scores.argmax(axis=1)]
    counts = confusion_matrix(list(map(str, target)), said, labels=names)
    return {"confusion": {"classes": names, "counts": counts.tolist()}}

"""The model: one scikit-learn Pipeline from raw columns to the probability of each class. Nothing is learnt or computed outside of it."""

import sys

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from transform import for_linear, for_trees

TREES = ("max_iter", "learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization")
SEARCH = {
    "trees": {
        "trees__max_iter": [50, 100, 200, 400],
        "trees__learning_rate": [0.02, 0.05, 0.1, 0.2],
        "trees__max_leaf_nodes": [7, 15, 31, 63],
        "trees__min_samples_leaf": [5, 10, 20, 50],
        "trees__l2_regularization": [0.0, 0.1, 1.0, 10.0],
    },
    "linear": {"linear__C": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]},
}
"""What a search tries (`trials` of these, at random)."""


def build(columns, estimator, seed, strength, **trees):
    """Return the unfitted pipeline: `estimator` is trees or linear; `strength` is the linear model's C."""
    if estimator == "trees":
        last = HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **trees)
        return Pipeline([("transform", for_trees(columns, "multiclass", seed)), ("trees", last)])
    last = LogisticRegression(C=strength, max_iter=2000)
    as_sparse = FunctionTransformer(csr_matrix)  # rows are added up one by one: a row alone gets the same bits as among others
    return Pipeline([("transform", for_linear(columns, "multiclass", seed)), ("rows", as_sparse), ("linear", last)])


def answers(target):
    """Return the classes of the rows, as the table has them."""
    return np.asarray(target, dtype="object" if target.dtype.kind not in "biuf" else target.dtype)


def check(columns, target):
    classes = set(target.tolist())
    if len(classes) < 2:
        sys.exit(f"train: {columns.target} must have two classes at least; it has {sorted(classes, key=str)}.")


def says(model, data, columns):
    """Return the probability of each class, as the columns `score:CLASS`, and the likeliest class as `prediction`."""
    found = pd.DataFrame(model.predict_proba(data), data.index, [f"score:{name}" for name in model.classes_])
    return found.assign(prediction=model.classes_[found.to_numpy().argmax(axis=1)])


def in_short(scores):
    return f"most often {scores['prediction'].mode()[0]}"

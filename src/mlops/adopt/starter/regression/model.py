"""The model: one scikit-learn Pipeline from raw columns to a number. Nothing is learnt or computed outside of it."""

import sys

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
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
    "linear": {"linear__alpha": [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]},
}
"""What a search tries (`trials` of these, at random)."""


def build(columns, estimator, seed, strength, **trees):
    """Return the unfitted pipeline: `estimator` is trees or linear; `strength` is the linear model's alpha."""
    if estimator == "trees":
        last = HistGradientBoostingRegressor(early_stopping=False, random_state=seed, **trees)
        return Pipeline([("transform", for_trees(columns, "continuous", seed)), ("trees", last)])
    last = Ridge(alpha=strength, solver="sparse_cg", tol=1e-8, random_state=seed)
    as_sparse = FunctionTransformer(csr_matrix)  # rows are added up one by one: a row alone gets the same bits as among others
    return Pipeline([("transform", for_linear(columns, "continuous", seed)), ("rows", as_sparse), ("linear", last)])


def answers(target):
    """Return what is to be predicted, as numbers."""
    return target.to_numpy("float64")


def check(columns, target):
    if not np.isfinite(target).all() or len(set(target.tolist())) < 2:
        sys.exit(f"train: {columns.target} must be a finite number in each row, and not always the same.")


def says(model, data, columns):
    """Return the number that is predicted, as the column `score`."""
    return pd.DataFrame({"score": model.predict(data)}, data.index)


def in_short(scores):
    return f"mean {scores['score'].mean():.6g}"

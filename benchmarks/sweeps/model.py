"""The work of one trial: a boosted model on 20,000 rows, grown in eight stages, its loss on the last quarter after each."""

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

STAGES, EACH = 8, 12


def write_data(path):
    """Write the rows that every trial reads."""
    x, y = make_classification(20_000, 20, n_informative=8, flip_y=0.1, random_state=1)
    np.savez(path, x=x.astype("float32"), y=y)


def losses(path, rate, leaves):
    """Yield the loss after each stage."""
    data = np.load(path)
    x, y = data["x"], data["y"]
    cut = len(x) * 3 // 4
    model = HistGradientBoostingClassifier(learning_rate=rate, max_leaf_nodes=leaves, warm_start=True, early_stopping=False, random_state=1)
    for stage in range(1, STAGES + 1):
        model.set_params(max_iter=stage * EACH).fit(x[:cut], y[:cut])
        yield log_loss(y[cut:], model.predict_proba(x[cut:]))

"""An automl step: FLAML searches over learners and their parameters for a table, and its best model becomes an MLflow model.

FLAML is optional, for it brings LightGBM and XGBoost: `uv pip install 'flaml[automl]'`. It is imported in the step's own process alone, since
both start threads. The primary metrics are computed here, as Azure ML defines them, and not taken from FLAML's own list.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, UsageError
from mlops.files import write_json
from mlops.local.kinds.job import drive
from mlops.local.kinds.tables import read_rows, read_table
from mlops.spec.automl import METRICS

if TYPE_CHECKING:
    import pandas as pd

    from mlops.local.kinds.job import Job

LESS_IS_BETTER = frozenset({"normalized_root_mean_squared_error", "normalized_mean_absolute_error"})
_TRIALS = 1000  # Azure ML's defaults, here and below
_MINUTES = 360
_FEW, _MANY = 1_000, 20_000  # rows; 10 folds below the first, 3 up to the second, above it a tenth is held out
_NEEDS = ("flaml", "lightgbm", "xgboost", "scikit-learn", "pandas", "numpy")


def run(job: Job) -> None:
    """Search, and write the best model, the trials (`trials.json`) and their scores (in MLflow, by trial); test it where there are rows for that.

    Raises:
        UsageError: FLAML is not installed.
        JobFailed: The table has no such column, or no trial ended in time.
    """
    if importlib.util.find_spec("flaml") is None:
        raise UsageError("this step needs FLAML, which is not installed", hint="uv pip install 'flaml[automl]'")
    import pandas as pd

    body = job.job
    rows = {name: _read(job, name) for name in job.inputs}
    train, target = rows["training_data"], body["target_column_name"]
    train, test = _apart(train, rows.get("test_data"), body["tested"])
    features, wanted = train.drop(columns=[target]), train[target]
    search = importlib.import_module("flaml").AutoML()
    log = job.folder / "trials.jsonl"
    search.fit(
        X_train=features,
        y_train=wanted,
        **_validation(body, rows.get("validation_data"), len(train)),
        **_limits(body["limits"]),
        task=body["task"],
        metric=metric_of(body["primary_metric"]),
        estimator_list=body["learners"],
        skip_transform=not body["featurize"],
        log_file_name=str(log),
        log_type="all",
        mlflow_logging=False,
        seed=0,
        verbose=0,
    )
    if search.model is None:
        raise JobFailed("no trial ended within the limits", hint="Raise limits.timeout_minutes or limits.trial_timeout_minutes.")
    trials = [_trial(number, json.loads(line), body["primary_metric"]) for number, line in enumerate(_lines(log), 1)]
    write_json(job.folder / "trials.json", trials)
    _tell(trials, body["primary_metric"])
    if test is not None:
        tested = scores(body["task"], search, test.drop(columns=[target]), test[target])
        write_json(job.folder / "test.json", {"rows": len(test), "metrics": tested})
        _tell_test(len(test), tested)
    if "best_model" in job.outputs:
        _save(search, features.head(5), pd.Series(search.predict(features.head(5))), Path(job.outputs["best_model"]["path"]))
    best = min(trials, key=lambda trial: trial["loss"])
    print(f"{len(trials)} trials: best {body['primary_metric']} {best['value']:.6g} of {best['learner']}, trial {best['trial']}")


def _read(job: Job, name: str) -> pd.DataFrame:
    folder = Path(job.inputs[name]["path"])
    table = read_table(folder)
    if table is None or not table.is_rows:
        raise JobFailed(f"{name} is no table of rows: {folder}", hint="Its MLTable reads the files: transformations: [read_delimited: ...]")
    frame = read_rows(table)
    target = job.job["target_column_name"]
    if target not in frame.columns:
        raise JobFailed(f"{name} has no column {target!r}", hint=f"columns: {', '.join(map(str, frame.columns))}")
    return frame


def _validation(body: dict[str, Any] | Any, held: pd.DataFrame | None, count: int) -> dict[str, Any]:
    """Return how trials are validated; where nothing is said, by the number of rows, as on Azure ML."""
    if held is not None:
        target = body["target_column_name"]
        return {"X_val": held.drop(columns=[target]), "y_val": held[target], "eval_method": "holdout"}
    if body["held_out"]:
        return {"eval_method": "holdout", "split_ratio": float(body["held_out"])}
    if body["folds"] is not None and str(body["folds"]).lower() != "auto":
        return {"eval_method": "cv", "n_splits": int(body["folds"])}
    if count > _MANY:
        return {"eval_method": "holdout", "split_ratio": 0.1}
    return {"eval_method": "cv", "n_splits": 10 if count < _FEW else 3}


def _apart(train: pd.DataFrame, test: pd.DataFrame | None, share: float | str | None) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the rows to train with and those to test with: given ones, a share that is drawn from the former, or none."""
    if test is not None or not share:
        return train, test
    drawn = train.sample(frac=float(share), random_state=0)
    if drawn.empty or len(drawn) == len(train):
        raise JobFailed(f"test_data_size {share} of {len(train)} rows leaves none to {'test' if drawn.empty else 'train'} with")
    return train.drop(index=drawn.index), drawn


def _limits(given: dict[str, Any]) -> dict[str, Any]:
    trial = given.get("trial_timeout_minutes")
    return {
        "max_iter": int(given.get("max_trials", _TRIALS)),
        "time_budget": 60 * int(given.get("timeout_minutes", _MINUTES)),
        "train_time_limit": None if trial is None else 60 * int(trial),
        "early_stop": str(given.get("enable_early_termination", True)).lower() == "true",
        "n_jobs": int(given.get("max_cores_per_trial", -1)),
    }


def metric_of(name: str) -> Any:
    """Return a primary metric of Azure ML in the form that FLAML takes: a loss, less is better."""

    def loss(features: Any, wanted: Any, model: Any, labels: Any, *_rest: Any, **_more: Any) -> tuple[float, dict[str, float]]:
        value = score(name, wanted, model.predict(features), lambda: model.predict_proba(features), labels)
        return loss_of(name, value), {name: value}

    return loss


def loss_of(name: str, value: float) -> float:
    """Return what is to be made small where `value` is the metric's."""
    return value if name in LESS_IS_BETTER else 1 - value


def score(name: str, wanted: Any, predicted: Any, chances: Any, labels: Any = None) -> float:
    """Return a primary metric as Azure ML defines it (its page "Evaluate automated machine learning experiment results").

    Args:
        name: The metric.
        wanted: The true values; classes as whole numbers from 0.
        predicted: What the model says.
        chances: Called for the probability of each class, where the metric needs it.
        labels: All classes.
    """
    import numpy as np
    from sklearn import metrics, preprocessing

    if name == "spearman_correlation":
        return float(np.corrcoef(*(rank(values) for values in (wanted, predicted)))[0, 1])
    if name == "r2_score":
        return float(metrics.r2_score(wanted, predicted))
    if name in LESS_IS_BETTER:
        span = float(np.max(wanted) - np.min(wanted)) or 1.0
        wrong = metrics.root_mean_squared_error if "root" in name else metrics.mean_absolute_error
        return float(wrong(wanted, predicted)) / span
    if name == "accuracy":
        return float(metrics.accuracy_score(wanted, predicted))
    if name == "precision_score_weighted":
        return float(metrics.precision_score(wanted, predicted, average="weighted", zero_division=0))
    if name == "norm_macro_recall":
        chance = 1 / len(np.unique(wanted))
        if chance == 1:
            return float("nan")
        return float((metrics.recall_score(wanted, predicted, average="macro", zero_division=0) - chance) / (1 - chance))
    one_hot = preprocessing.label_binarize(wanted, classes=labels)
    given = chances()
    if one_hot.shape[1] == 1:
        one_hot = np.hstack([1 - one_hot, one_hot])
    judged = metrics.roc_auc_score if name == "auc_weighted" else metrics.average_precision_score
    return float(judged(one_hot, given, average="weighted"))


def scores(task: str, model: Any, features: pd.DataFrame, wanted: pd.Series) -> dict[str, float]:
    """Return every primary metric of a task, but for one that these rows do not define (a class that none of them has).

    Args:
        task: classification or regression.
        model: Has `predict`, and for classes `predict_proba` and `classes_`.
        features: The rows to test with.
        wanted: Their true values, as the model was given them.
    """
    import warnings

    import numpy as np

    predicted = model.predict(features)
    labels = list(model.classes_) if task == "classification" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {name: score(name, wanted, predicted, lambda: model.predict_proba(features), labels) for name in METRICS[task]}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def rank(values: Any) -> Any:
    """Return the ranks of values, equal ones with the mean of theirs: Spearman's correlation is that of the ranks."""
    import pandas as pd

    return pd.Series(values).rank().to_numpy()


def _lines(log: Path) -> list[str]:
    """Return the lines of FLAML's log that are trials; its last line names the best."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    return [line for line in lines if "validation_loss" in line]


def _trial(number: int, record: dict[str, Any], metric: str) -> dict[str, Any]:
    loss = float(record["validation_loss"])
    value = loss if metric in LESS_IS_BETTER else 1 - loss
    return {
        "trial": number,
        "learner": record["learner"],
        "loss": loss,
        "value": value,
        "seconds": record["trial_time"],
        "parameters": record["config"],
    }


def _tell(trials: list[dict[str, Any]], metric: str) -> None:
    """Print a line for each trial, and log its score into the step's run where there is one."""
    for trial in trials:
        print(f"trial {trial['trial']:>4}  {trial['learner']:<12} {metric} {trial['value']:.6g}  {trial['seconds']:.1f} s")
    if os.environ.get("MLFLOW_RUN_ID"):
        import mlflow

        for trial in trials:
            mlflow.log_metric(metric, trial["value"], step=trial["trial"])
        mlflow.log_metric(f"best_{metric}", min(trials, key=lambda trial: trial["loss"])["value"])


def _tell_test(rows: int, tested: dict[str, float]) -> None:
    """Print how the best model does on the rows to test with, and log it into the step's run where there is one."""
    print(f"tested on {rows} rows: " + ", ".join(f"{name} {value:.6g}" for name, value in tested.items()))
    if os.environ.get("MLFLOW_RUN_ID"):
        import mlflow

        mlflow.log_metrics({f"test_{name}": value for name, value in tested.items()})


def _save(search: Any, example: pd.DataFrame, said: Any, path: Path) -> None:
    import mlflow.models
    import mlflow.sklearn

    packages = [f"{name}=={importlib.metadata.version(name)}" for name in _NEEDS if _installed(name)]
    mlflow.sklearn.save_model(
        search,
        str(path),
        serialization_format="cloudpickle",
        pip_requirements=packages,
        signature=mlflow.models.infer_signature(example, said),
    )


def _installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    drive(run)

"""AutoML jobs over tables: what is searched, by which score, how long (schemas: `autoMLJob`'s classification and regression)."""

from __future__ import annotations

from mlops.records import replace
from mlops.spec import keys
from mlops.spec.keys import Key
from mlops.spec.values import Component, Output, Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.spec.ports import Ports
    from mlops.spec.reading import Here

DATA = ("training_data", "validation_data", "test_data")
METRICS: Mapping[str, tuple[str, ...]] = {
    "classification": ("auc_weighted", "accuracy", "average_precision_score_weighted", "norm_macro_recall", "precision_score_weighted"),
    "regression": ("normalized_root_mean_squared_error", "normalized_mean_absolute_error", "r2_score", "spearman_correlation"),
}
"""Task -> its primary metrics, the default first."""
LEARNERS: Mapping[str, Mapping[str, str | None]] = {
    "classification": {
        "light_gbm": "lgbm",
        "xg_boost_classifier": "xgboost",
        "random_forest": "rf",
        "extreme_random_trees": "extra_tree",
        "logistic_regression": "lrl2",
        "knn": "kneighbor",
        "gradient_boosting": "histgb",
        "sgd": None,
        "svm": None,
        "linear_svm": None,
        "decision_tree": None,
        "multinomial_naive_bayes": None,
        "bernoulli_naive_bayes": None,
    },
    "regression": {
        "light_gbm": "lgbm",
        "xg_boost_regressor": "xgboost",
        "random_forest": "rf",
        "extreme_random_trees": "extra_tree",
        "knn": "kneighbor",
        "gradient_boosting": "histgb",
        "elastic_net": "enet",
        "lasso_lars": "lassolars",
        "sgd": None,
        "decision_tree": None,
    },
}
"""Task -> Azure ML's algorithm -> FLAML's learner, or None where it has none that gives what the metrics need."""
_INSTEAD = {
    "forecasting": "Write the forecast as a command step; statsforecast or LightGBM on lagged columns are near.",
    "image": "Write the training as a command step with torchvision.",
    "text": "Write the training as a command step; for short texts, TF-IDF and a linear model are near.",
}
_ONE = "one trial runs at a time, on as many cores as it may have"
_LIMITS = {
    "max_trials": Key(keys.counted),
    "timeout_minutes": Key(keys.counted),
    "trial_timeout_minutes": Key(keys.counted),
    "enable_early_termination": Key(keys.truth),
    "max_cores_per_trial": Key(keys.whole),
    "max_concurrent_trials": keys.without_effect(keys.counted, _ONE),
    "max_nodes": keys.without_effect(keys.counted, "this machine is the only node"),
    "exit_score": keys.refused("FLAML has no score to stop at", "Use max_trials or timeout_minutes."),
}
_NO_ENSEMBLE = keys.without_effect(keys.truth, "the best model is that of one trial")
_STACK = keys.without_effect(keys.mapping, "the best model is that of one trial")
_TRAINING = {
    "allowed_training_algorithms": Key(keys.texts),
    "blocked_training_algorithms": Key(keys.texts),
    "enable_stack_ensemble": _NO_ENSEMBLE,
    "enable_vote_ensemble": _NO_ENSEMBLE,
    "stack_ensemble_settings": _STACK,
    "ensemble_model_download_timeout_minutes": keys.without_effect(keys.whole, "nothing is downloaded"),
    "enable_dnn_training": keys.without_effect(keys.truth, "no deep network is tried"),
    "enable_model_explainability": keys.without_effect(keys.truth, "explain the model in a step of its own"),
    "enable_onnx_compatible_models": keys.without_effect(keys.truth, "the model is an MLflow model"),
    "training_mode": keys.without_effect(keys.text, "this machine is the only node"),
}
_BY_HAND = keys.refused("FLAML prepares columns in its own way", "Use mode auto or off, and prepare the columns in a step before.")
_FEATURIZATION = {
    "mode": Key(keys.one_of("auto", "off")),
    "dataset_language": keys.without_effect(keys.text, "texts are taken as categories"),
    **dict.fromkeys(("blocked_transformers", "column_name_and_types", "transformer_params"), _BY_HAND),
}
_FOLDS = keys.refused("FLAML makes its own folds", "Use n_cross_validations or validation_data.")


def _folds(value: Any) -> str | None:
    """A number of folds, or `auto`."""
    return None if str(value).lower() == "auto" else keys.counted(value)


KEYS = {
    "task": Key(keys.text, required=True),
    "primary_metric": Key(keys.text),
    "target_column_name": Key(keys.text, required=True),
    "training_data": Key(required=True),
    "validation_data": Key(),
    "validation_data_size": Key(keys.number),
    "n_cross_validations": Key(_folds),
    "limits": Key(keys.mapping, inner=_LIMITS),
    "featurization": Key(keys.mapping, inner=_FEATURIZATION),
    "training": Key(keys.mapping, inner=_TRAINING),
    "positive_label": keys.without_effect(keys.text, "no primary metric depends on it"),
    "log_verbosity": keys.without_effect(keys.text, "the log has one line for each trial"),
    "environment_id": keys.without_effect(keys.text, "it runs with the project's packages"),
    "environment_variables": Key(keys.words),
    "test_data": Key(),
    "test_data_size": Key(keys.number),
    "cv_split_column_names": _FOLDS,
    "weight_column_name": keys.refused("rows have no weights here", "Repeat the rows, or write the training as a command step."),
}


def refused_task(here: Here, body: Mapping[str, Any]) -> bool:
    """Note a task that is not run on this machine; its keys are another schema's, and are not looked at."""
    task = str(body.get("task"))
    if body.get("task") is None:
        here.note("an automl job needs a `task`", "tasks: classification, regression", at_key=True)
        return True
    if keys.plain(task, METRICS) in METRICS:
        return False
    near = next((hint for word, hint in _INSTEAD.items() if task.lower().startswith(word)), "tasks: classification, regression")
    here.at("task").note(f"automl for {task} is not run on this machine, only over tables: classification, regression", near)
    return True


def as_inputs(here: Here, body: Mapping[str, Any]) -> tuple[Here, dict[str, Any]]:
    """Return the job with its tables as inputs, which they are in all but their place."""
    tables = {
        name: {"type": "mltable", "path": value} if isinstance(value, str) else value
        for name in DATA
        if (value := body.get(name)) is not None
    }
    outputs = body.get("outputs") or {"best_model": {"type": "mlflow_model"}}
    return replace(here, overlay={"inputs": here}), {**body, "inputs": tables, "outputs": outputs}


def parse_automl(here: Here, name: str, body: Mapping[str, Any], ports: Ports) -> Component:
    """Return the search that the job here describes; mistakes are noted."""
    task = keys.plain(body.get("task"), METRICS)
    known = METRICS[task]
    metric = keys.plain(body.get("primary_metric") or known[0], known)
    if metric not in known:
        here.at("primary_metric").note(f"{body['primary_metric']!r} is no primary metric of {task}", f"metrics: {', '.join(known)}")
    if body.get("validation_data") is not None and (body.get("validation_data_size") or body.get("n_cross_validations")):
        here.at("validation_data").note(
            "`validation_data` stands alone", "Leave out validation_data_size and n_cross_validations.", at_key=True
        )
    if body.get("test_data") is not None and body.get("test_data_size"):
        here.at("test_data").note("`test_data` stands alone", "Leave out test_data_size.", at_key=True)
    for output in (one for one in ports.outputs if one != "best_model"):
        here.at("outputs", output).note(f"automl has no output called {output!r}", "It has one: best_model, an mlflow_model.", at_key=True)
    limits = here.at("limits").mapping(body.get("limits"))
    job = {
        "task": task,
        "primary_metric": metric,
        "target_column_name": str(body.get("target_column_name")),
        "learners": _learners(here.at("training"), here.at("training").mapping(body.get("training")), LEARNERS[task]),
        "featurize": keys.plain(here.at("featurization").mapping(body.get("featurization")).get("mode", "auto"), ("auto", "off")) == "auto",
        "folds": body.get("n_cross_validations"),
        "held_out": body.get("validation_data_size"),
        "tested": body.get("test_data_size"),
        "limits": {key: limits[key] for key, one in _LIMITS.items() if limits.get(key) is not None and one.fate == keys.EXECUTED},
    }
    return Component(
        name=name,
        version="1",
        display_name=str(body.get("display_name", name)),
        command="",
        inputs=ports.inputs,
        outputs={
            key: Output(key, "mlflow_model", asset_name=o.asset_name, asset_version=o.asset_version, path=o.path)
            for key, o in ports.outputs.items()
        },
        code=None,
        environment=None,
        environment_variables={str(key): str(word) for key, word in here.mapping(body.get("environment_variables")).items()},
        is_deterministic=True,
        timeout=None,
        place=Place(here.source, here.keys),
        kind="automl",
        job=job,
    )


def _learners(here: Here, training: Mapping[str, Any], known: Mapping[str, str | None]) -> list[str]:
    """Return FLAML's names of the algorithms that may be tried; those that it does not have are listed."""
    lists = {}
    for key in ("allowed_training_algorithms", "blocked_training_algorithms"):
        given = training.get(key)
        lists[key] = [keys.plain(one, known) for one in given] if isinstance(given, list) else None
        for index, one in enumerate(lists[key] or []):
            if one not in known:
                here.at(key, index).note(f"{one!r} is no algorithm of this task", f"algorithms: {', '.join(known)}")
            elif known[one] is None and key.startswith("allowed"):
                here.at(key).without_effect(f"{one} (FLAML has none such that is tried here)")
    allowed, blocked = lists["allowed_training_algorithms"], lists["blocked_training_algorithms"] or []
    wanted = [one for one in (allowed if allowed is not None else known) if one not in blocked]
    found = [learner for one in wanted if (learner := known.get(one))]
    if not found:
        have = ", ".join(one for one, learner in known.items() if learner)
        here.note("none of these algorithms can be tried on this machine", f"Allow one of {have}.")
    return found

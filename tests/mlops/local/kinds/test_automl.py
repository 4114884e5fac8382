"""automl steps: the primary metrics, how trials are validated, and one real search where FLAML is installed."""

import importlib.util
import json

import numpy as np
import pytest
from sklearn import metrics

from mlops.errors import JobFailed
from mlops.local.kinds.automl import _apart, _validation, loss_of, metric_of, score, scores

STEP = """
type: automl
task: {task}
primary_metric: {metric}
target_column_name: {target}
training_data: {{type: mltable, path: ./table}}
n_cross_validations: 2
test_data_size: 0.25
limits: {{max_trials: 2, timeout_minutes: 5}}
training: {{allowed_training_algorithms: [light_gbm]}}
outputs: {{best_model: {{type: mlflow_model}}}}
"""
TABLE = "type: mltable\npaths:\n- file: ./rows.csv\ntransformations:\n- read_delimited: {delimiter: ',', header: all_files_same_headers}\n"


def test_the_metrics_of_classes_are_those_that_azure_ml_defines():
    wanted = np.array([0, 0, 1, 2, 2, 2])
    said = np.array([0, 1, 1, 2, 2, 0])
    chances = np.array([[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7], [0.2, 0.2, 0.6], [0.5, 0.2, 0.3]])
    of = {name: score(name, wanted, said, lambda: chances, [0, 1, 2]) for name in ("accuracy", "norm_macro_recall", "auc_weighted")}
    assert of["accuracy"] == pytest.approx(4 / 6)
    assert of["norm_macro_recall"] == pytest.approx(((1 / 2 + 1 + 2 / 3) / 3 - 1 / 3) / (1 - 1 / 3))
    assert of["auc_weighted"] == pytest.approx(metrics.roc_auc_score(wanted, chances, multi_class="ovr", average="weighted"))


def test_of_two_classes_the_weighted_area_is_the_area():
    wanted, chance = np.array([0, 1, 1, 0]), np.array([0.2, 0.8, 0.4, 0.5])
    both = np.column_stack([1 - chance, chance])
    assert score("auc_weighted", wanted, chance > 0.5, lambda: both, [0, 1]) == pytest.approx(metrics.roc_auc_score(wanted, chance))


def test_the_metrics_of_numbers_are_those_that_azure_ml_defines():
    wanted, said = np.array([1.0, 2.0, 3.0, 11.0]), np.array([2.0, 2.0, 5.0, 9.0])
    of = {name: score(name, wanted, said, None) for name in ("normalized_root_mean_squared_error", "normalized_mean_absolute_error")}
    assert of["normalized_root_mean_squared_error"] == pytest.approx(1.5 / 10)  # the range of the values is 10
    assert of["normalized_mean_absolute_error"] == pytest.approx(1.25 / 10)
    assert score("spearman_correlation", wanted, said, None) == pytest.approx(np.sqrt(0.9))  # two of the ranks are equal


def test_less_of_a_loss_is_more_of_a_score():
    class Model:
        def predict(self, features):
            return features

    loss, told = metric_of("accuracy")(np.array([0, 1]), np.array([0, 0]), Model(), [0, 1])
    assert (loss, told) == (0.5, {"accuracy": 0.5})
    assert (loss_of("accuracy", 0.75), loss_of("normalized_mean_absolute_error", 0.75)) == (0.25, 0.75)


@pytest.mark.parametrize(
    ("says", "rows", "means"),
    [
        ({}, 999, {"eval_method": "cv", "n_splits": 10}),
        ({}, 1_000, {"eval_method": "cv", "n_splits": 3}),
        ({}, 20_001, {"eval_method": "holdout", "split_ratio": 0.1}),
        ({"folds": "auto"}, 999, {"eval_method": "cv", "n_splits": 10}),
        ({"folds": 4}, 20_001, {"eval_method": "cv", "n_splits": 4}),
        ({"held_out": 0.25}, 999, {"eval_method": "holdout", "split_ratio": 0.25}),
    ],
)
def test_how_trials_are_validated_follows_what_the_job_says_or_the_number_of_rows(says, rows, means):
    assert _validation({"folds": None, "held_out": None, **says}, None, rows) == means


def test_rows_to_test_with_are_given_or_drawn_once_and_no_trial_sees_them():
    import pandas as pd

    rows = pd.DataFrame({"x": range(40)})
    train, test = _apart(rows, None, 0.25)
    assert (len(train), len(test)) == (30, 10)
    assert not set(train.x) & set(test.x)
    assert _apart(rows, None, 0.25)[1].equals(test)
    assert _apart(rows, rows, None)[1] is rows
    assert _apart(rows, None, None)[1] is None
    with pytest.raises(JobFailed, match="leaves none to test with"):
        _apart(rows, None, 0.001)


def test_a_test_gives_every_metric_of_the_task_and_none_that_its_rows_do_not_define():
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]})
    late = pd.Series(["no", "no", "no", "yes", "yes", "yes"])
    model = LogisticRegression().fit(rows, late)
    assert scores("classification", model, rows, late)["auc_weighted"] == 1
    one = scores("classification", model, rows[:3], late[:3])
    assert one["accuracy"] == 1
    assert "auc_weighted" not in one


@pytest.mark.skipif(importlib.util.find_spec("flaml") is not None, reason="FLAML is installed")
@pytest.mark.slow
def test_without_flaml_the_step_says_what_to_install(site):
    write(site, "classification", "accuracy", "late")
    facts, log = site.run(tracked=False)
    assert facts["reason"] == "this step needs FLAML, which is not installed"
    assert "uv pip install 'flaml[automl]'" in log


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("flaml") is None, reason="FLAML is not installed")
@pytest.mark.parametrize(("task", "metric", "target"), [("classification", "AUC_weighted", "late"), ("regression", "r2_score", "delay")])
def test_the_best_model_of_a_search_is_an_mlflow_model_that_predicts(tracked, task, metric, target):
    import mlflow
    import pandas as pd

    write(tracked, task, metric, target)
    facts, log = tracked.run()
    assert facts["state"] == "finished", log
    trials = json.loads((tracked.folder / "trials.json").read_text())
    assert [trial["trial"] for trial in trials] == [1, 2]
    assert {trial["learner"] for trial in trials} == {"lgbm"}
    tested = json.loads((tracked.folder / "test.json").read_text())
    assert tested["rows"] == 50
    assert tested["metrics"]["accuracy" if task == "classification" else "r2_score"] > 0.3
    assert "tested on 50 rows" in log
    model = mlflow.pyfunc.load_model(facts["outputs"]["best_model"]["path"])
    rows = pd.read_csv(tracked.root / "table/rows.csv")
    right = model.predict(rows.drop(columns=[target])) == rows[target]
    assert task == "regression" or right.mean() > 0.8


def write(site, task, metric, target):
    rows = [(n % 7, "ab"[n % 2], "yes" if n % 7 > 3 else "no", n % 7 * 2.5) for n in range(200)]
    site.write("table/rows.csv", "size,kind,late,delay\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
    site.write("table/MLTable", TABLE)
    site.step(STEP.format(task=task, metric=metric, target=target))

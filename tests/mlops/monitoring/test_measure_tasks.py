"""What is watched of a model of several classes, or of a number, is what it predicts and what its task is measured by."""

import json

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression, Ridge

from mlops.monitoring import measure
from mlops.monitoring.verdict import judge
from mlops.registry.reference import reference
from mlops.registry.task import scores_of, task_of, truth_of
from mlops.report.monitor import report
from mlops.settings import FallRule, MonitorSettings

pytestmark = pytest.mark.slow  # trains and scores real models: seconds

METRICS = {"multiclass": "accuracy", "regression": "rmse"}


def rows(month, seed, wrong=0.0):
    draw = np.random.default_rng(seed)
    table = pd.DataFrame(draw.normal(size=(800, 2)), columns=["a", "b"]).assign(month=month)
    inner = table["a"] + table["b"] + wrong * draw.normal(size=800)
    table["price"] = 3e6 + 1e6 * inner
    table["kind"] = pd.cut(inner, [-99, -1, 1, 99], labels=["cheap", "fair", "teuer ü"]).astype(str)
    return table


@pytest.fixture(params=list(METRICS))
def watched(request, tmp_path):
    """Measure rows beside the reference of a model of one task, and return what was measured; the task is `watched.task`."""

    class Watched:
        task = request.param
        target = "price" if task == "regression" else "kind"

        def run(self, table):
            table.to_parquet(tmp_path / "rows")
            files = {name: tmp_path / name for name in ("model", "rows", "reference", "settings", "trusted", "out")}
            given = files | {"window": "month", "target": self.target, "task": self.task}
            assert measure.main([str(word) for name, value in given.items() for word in (f"--{name}", value)]) == 0
            return json.loads((tmp_path / "out/measures.json").read_text())

    found, train, test = Watched(), rows("2024-01", 0), rows("2024-02", 1)
    model = (Ridge() if found.task == "regression" else LogisticRegression()).fit(train[["a", "b"]], train[found.target])
    signature = infer_signature(train[["a", "b"]], np.array([0.0]))
    mlflow.sklearn.save_model(
        model, tmp_path / "model", signature=signature, serialization_format="skops", pip_requirements=["scikit-learn"]
    )
    task = task_of(found.task)
    truth, scores = truth_of(task, test, found.target, tmp_path), scores_of(task, model, test, ["a", "b"])
    bounds = {"window": "month", "resamples": 100, "confidence": 0.95, "seed": 1}
    made = {"reference": reference(train, "train", test, task, truth, scores, ["a", "b"], **bounds), "trusted": []}
    made["settings"] = {"columns": [], "min_rows": 500, "metric": METRICS[found.task]}
    for name, value in made.items():
        (tmp_path / name).write_text(json.dumps(value, allow_nan=False))
    return found


def rules(watched):
    allowed = {"accuracy": 0.05, "rmse": 50_000.0}[METRICS[watched.task]]
    return MonitorSettings(performance=FallRule(metric=METRICS[watched.task], may_fall_by=allowed))


def test_months_like_those_before_are_well(watched):
    measures = watched.run(pd.concat([rows("2024-03", 2), rows("2024-04", 3)]))
    assert judge([], measures, rules(watched)).status == "ok"


def test_months_that_are_predicted_worse_are_bad(watched):
    measures = watched.run(pd.concat([rows("2024-03", 2, wrong=1.0), rows("2024-04", 3, wrong=1.0)]))
    verdict = judge([], measures, rules(watched))
    assert (verdict.status, verdict.retrain) == ("bad", True)
    assert "nan" not in " ".join(finding.said for finding in verdict.findings)


def test_predictions_that_move_are_told(watched):
    moved = rows("2024-03", 2).assign(a=lambda table: table["a"] + 2)
    findings = judge([], watched.run(moved), rules(watched)).findings
    assert any(finding.subject == "score" and "the predictions moved" in finding.said for finding in findings)


def test_rows_without_an_answer_yet_are_measured_without_it(watched):
    (window,) = watched.run(rows("2024-03", 2).drop(columns=watched.target))["windows"]
    assert (window["performance"], window["unmeasured"]) == (None, "no answers yet")


def test_the_report_says_what_the_task_has(watched):
    measures = watched.run(rows("2024-03", 2))
    facts = {
        "model": "houses",
        "version": 1,
        "status": "ok",
        "findings": [],
        "retrain": False,
        "why": "",
        "run": 3,
        "rules": {},
        **measures,
    }
    said = report(facts)
    assert ("mean" in said and "RMSE" in said) == (watched.task == "regression")
    assert "positive" not in said
    assert "AUC" not in said

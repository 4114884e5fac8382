"""The page about a model of several classes, or of a number, speaks of what that model has."""

import re

import pytest

from mlops.report import charts, comment, verdict
from mlops.report.page import write_report

REGRESSION = {
    "curves": {
        "predicted_actual": {"predicted": [2.1e6, 3.0e6, 4.2e6], "actual": [2.0e6, 3.3e6, 4.0e6]},
        "residuals": {"edges": [-5e5, 0, 5e5], "counts": [40, 60]},
    },
    "monthly": [
        {"month": f"2024-{n:02}", "phase": "test", "rows": 50, "rmse": 3e5 + n, "r2": 0.9, "mean_target": 3e6} for n in range(1, 5)
    ],
    "metrics": {"rows": 100, "rmse": 312345.6, "baseline_rmse": 1012345.6, "r2": 0.91, "mae": 201234.5, "median_absolute_error": 150000.0},
    "slices": [{"column": "town", "value": "Köln", "rows": 40, "rmse": 3e5, "mean_target": 3e6}],
}
MULTICLASS = {
    "curves": {"confusion": {"classes": ["früh", "l/ate", "<b>"], "counts": [[40, 2, 0], [3, 30, 1], [0, 0, 9]]}},
    "monthly": [{"month": f"2024-{n:02}", "phase": "test", "rows": 50, "log_loss": 0.4, "accuracy": 0.9} for n in range(1, 5)],
    "metrics": {"rows": 85, "log_loss": 0.31, "baseline_log_loss": 1.0, "accuracy": 0.93},
    "slices": [],
}
ROWS = {"regression": {"mean_target": 3.0e6}, "multiclass": {"classes": 3, "largest": {"class": "früh", "share": 0.49}}}
METRICS = {"regression": ("rmse", 312345.6, 350000.0, 9000.0), "multiclass": ("log_loss", 0.31, 0.35, 0.01)}


@pytest.fixture(params=["regression", "multiclass"])
def run(request, tmp_path, sample):
    """The folder of a run whose model has another task, and the task."""
    task = request.param
    evidence = sample.evidence() | {"task": task, "metrics": [sample.metric(METRICS[task][0], "lower", *METRICS[task][1:])], "slices": []}
    evidence["slices"] = [{"column": "town", "value": "Köln", "rows": 400, "metric": METRICS[task][0], **evidence["metrics"][0]}]
    evidence["rows"] = {"count": 100, **ROWS[task]}
    folder = sample.make_run(tmp_path, delivery=sample.delivery_facts(), proof=evidence)
    for name, value in (REGRESSION if task == "regression" else MULTICLASS).items():
        sample.write(folder / "steps/evaluate/outputs/evaluation", f"{name}.json", value)
    return folder, task


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", "", html)).split())


def test_no_page_of_another_task_speaks_of_what_only_two_classes_have(run):
    folder, task = run
    for name in ("gate.json", "delivery.json"):  # the sample's rules are those of a binary model
        path = next(folder.rglob(name), None)
        if path:
            path.write_text(path.read_text().replace("AUC", "it").replace('"auc"', '"size_mb"').replace("calibration_error", "size_mb"))
    told = text(write_report(folder).read_text(encoding="utf-8"))
    assert re.findall(r"\bAUC\b|ROC|positive|calibration", told, re.IGNORECASE) == []
    assert ("Residuals" in told, "Confusion matrix" in told) == (task == "regression", task == "multiclass")


def test_numbers_have_the_digits_of_their_scale(run):
    folder, task = run
    told = text(write_report(folder).read_text(encoding="utf-8"))
    said = {
        "regression": "312,346 350,000 −37,654 [−46,654, −28,654] ▲ better",
        "multiclass": "0.310 0.350 −0.040 [−0.050, −0.030] ▲ better",
    }
    assert said[task] in told
    assert {"regression": "rows, mean 3,000,000", "multiclass": "rows of 3 classes, 49.0 % früh"}[task] in told


def test_the_months_draw_the_metric_that_decides(run):
    folder, task = run
    html = write_report(folder).read_text(encoding="utf-8")
    title = {
        "regression": "RMSE and mean of late by month: test 300,001 to 300,004",
        "multiclass": "log loss by month: test 0.400 to 0.400",
    }
    assert title[task] in html


def test_a_comment_is_made_of_any_task(run):
    folder, task = run
    said = comment.render(verdict.gather(folder), commit="3f2a91c0")
    assert {"regression": "| **RMSE** | 350,000 | 312,346 |", "multiclass": "| **log loss** | 0.350 | 0.310 |"}[task] in said
    assert "ROC" not in said


def test_a_class_s_name_cannot_draw_on_the_page():
    svg = charts.confusion(MULTICLASS["curves"], "v1")
    assert "&lt;b&gt;" in svg
    assert "<b>" not in svg
    assert "accuracy 0.929" in svg


@pytest.mark.parametrize(
    "draw",
    [
        lambda: charts.confusion({"confusion": {"classes": ["a"], "counts": [[1, 2]]}}, "v"),
        lambda: charts.predicted_actual({"predicted_actual": {"predicted": [1.0], "actual": [1.0]}}, None, "v"),
        lambda: charts.residuals({"residuals": {"edges": [0, None], "counts": [1]}}, "v"),
    ],
)
def test_what_cannot_be_drawn_is_no_picture(draw):
    assert draw() is None

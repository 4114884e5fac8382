"""Evaluate: the folder that the gate and the report read, in full and without a bare NaN."""

import json
import math

import pandas as pd
import pytest
from metrics import calibration, curves, metrics, thin
from sklearn.metrics import roc_auc_score


@pytest.fixture(scope="session")
def folder(done):
    return done.folder / "evaluate/evaluation"


def read(folder, name):
    def refuse(text):
        raise AssertionError(f"a bare {text} in {name}.json")

    return json.loads((folder / f"{name}.json").read_text(), parse_constant=refuse)


def test_predictions_are_in_the_order_of_the_test_rows(folder, done):
    predictions, test = pd.read_parquet(folder / "predictions.parquet"), pd.read_parquet(done.folder / "split/test")
    assert list(predictions) == ["target", "score", "baseline"]
    assert predictions["target"].tolist() == test["late"].tolist()
    assert predictions[["score", "baseline"]].apply(lambda column: column.between(0, 1).all()).all()


def test_the_metrics_are_those_of_the_predictions(folder):
    predictions, found = pd.read_parquet(folder / "predictions.parquet"), read(folder, "metrics")
    assert found["auc"] == roc_auc_score(predictions["target"], predictions["score"])
    assert found["baseline_auc"] == roc_auc_score(predictions["target"], predictions["baseline"])
    assert found["rows"] == len(predictions)


def test_the_baseline_comes_from_training_alone(done, folder):
    train, test = (pd.read_parquet(done.folder / "split" / name) for name in ("train", "test"))
    shares = train.groupby(["carrier", "hour"])["late"].mean()
    expected = [shares.get(key, train["late"].mean()) for key in zip(test["carrier"], test["hour"], strict=True)]
    assert pd.read_parquet(folder / "predictions.parquet")["baseline"].tolist() == pytest.approx(expected)
    assert (folder / "baseline.txt").read_text() == "share of late flights by carrier and hour\n"


def test_every_month_has_its_phase(folder):
    phases = {row["month"]: row["phase"] for row in read(folder, "monthly")}
    assert list(phases.values()) == ["train"] * 8 + ["test"] * 2 + ["later"] * 2
    assert list(phases) == sorted(phases)


def test_slices_add_up_to_the_test_rows(folder):
    rows = pd.DataFrame(read(folder, "slices"))
    assert set(rows.groupby("column")["rows"].sum()) == {read(folder, "metrics")["rows"]}
    assert set(rows["column"]) == {"origin", "carrier", "month"}


def test_importance_is_told_of_every_feature_most_first(folder, done):
    rows = read(folder, "importance")
    assert {row["feature"] for row in rows} == set(done.inputs["features"].split(","))
    assert [row["mean"] for row in rows] == sorted((row["mean"] for row in rows), reverse=True)


def test_curves_have_at_most_200_points_from_end_to_end(folder):
    found = read(folder, "curves")
    assert (found["roc"]["fpr"][0], found["roc"]["fpr"][-1]) == (0, 1)
    assert all(len(values) <= 200 for curve in found.values() for values in curve.values())
    assert sum(found["calibration"]["rows"]) == read(folder, "metrics")["rows"]


def test_four_plots_are_drawn(folder):
    drawn = sorted(path.name for path in (folder / "plots").iterdir())
    assert drawn == ["calibration.png", "permutation_importance.png", "precision_recall.png", "roc.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (folder / "plots").iterdir())


@pytest.mark.slow
def test_a_slice_with_one_class_has_no_auc_and_the_rest_is_there(flow, done, tmp_path):
    """D7."""
    test = pd.read_parquet(done.folder / "split/test")
    test.loc[test["origin"] == "EWR", "late"] = 0
    test.to_parquet(tmp_path / "test")
    inputs = {"model": done.folder / "train/model", "train": done.folder / "split/train", "later": done.folder / "split/later"}
    rows = read(flow.run("evaluate", test=tmp_path / "test", **inputs)["evaluation"], "slices")
    assert {row["value"]: row["auc"] is None for row in rows if row["column"] == "origin"} == {"EWR": True, "JFK": False, "LGA": False}


@pytest.mark.slow
def test_there_may_be_nothing_later(flow, done, tmp_path):
    pd.read_parquet(done.folder / "split/later").head(0).to_parquet(tmp_path / "later")
    inputs = {"model": done.folder / "train/model", "train": done.folder / "split/train", "test": done.folder / "split/test"}
    evaluation = flow.run("evaluate", later=tmp_path / "later", **inputs)["evaluation"]
    assert {row["phase"] for row in read(evaluation, "monthly")} == {"train", "test"}


def test_one_class_leaves_what_needs_two_unknown():
    """D7."""
    found = metrics(pd.Series([0, 0, 0]), pd.Series([0.1, 0.2, 0.3]), 2)
    assert (found["auc"], found["average_precision"]) == (None, None)
    assert all(value is None or math.isfinite(value) for value in found.values())


def test_a_calibrated_score_has_no_calibration_error():
    target = pd.Series([0, 1] * 50 + [1] * 100)
    score = pd.Series([0.5] * 100 + [1.0] * 100)
    assert metrics(target, score, 2)["calibration_error"] == 0
    assert calibration(target, score, 2) == {"predicted": [0.5, 1.0], "observed": [0.5, 1.0], "rows": [100, 100]}


def test_thinning_keeps_both_ends():
    values = thin(pd.Series(range(1000)).to_numpy())
    assert (values[0], values[-1], len(values)) == (0.0, 999.0, 200)


def test_curves_of_a_perfect_score_reach_the_corner():
    found = curves(pd.Series([0, 0, 1, 1]), pd.Series([0.1, 0.2, 0.8, 0.9]), 2)
    assert (0.0, 1.0) in zip(found["roc"]["fpr"], found["roc"]["tpr"], strict=True)

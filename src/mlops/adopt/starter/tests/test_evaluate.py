"""Evaluate: the folder that the gate and the report read, in full and without a bare NaN."""

import json

import pandas as pd


def read(done, name):
    def refuse(text):
        raise AssertionError(f"a bare {text} in {name}.json")

    return json.loads((done.folder / f"evaluate/evaluation/{name}.json").read_text(encoding="utf-8"), parse_constant=refuse)


def test_predictions_are_in_the_order_of_the_test_rows(done, columns):
    predictions = pd.read_parquet(done.folder / "evaluate/evaluation/predictions.parquet")
    test = pd.read_parquet(done.folder / "split/test")
    assert predictions["target"].tolist() == test[columns.target].tolist()
    assert predictions.drop(columns="target").notna().all().all()


def test_the_metric_that_decides_is_told_beside_that_of_the_baseline(done):
    found = read(done, "metrics")
    assert {done.inputs["metric"], f"baseline_{done.inputs['metric']}"} <= set(found)
    assert found["rows"] == len(pd.read_parquet(done.folder / "split/test"))


def test_importance_is_told_of_every_column_most_first(done, columns):
    rows = read(done, "importance")
    assert {row["feature"] for row in rows} == set(columns.features)
    assert [row["mean"] for row in rows] == sorted((row["mean"] for row in rows), reverse=True)


def test_slices_and_windows_are_told_without_a_bare_nan(done, columns):
    assert {row["column"] for row in read(done, "slices")} <= set(columns.slices)
    assert all(row["rows"] for row in [*read(done, "slices"), *read(done, "monthly")])


def test_pictures_are_drawn(done):
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (done.folder / "evaluate/evaluation/plots").iterdir())

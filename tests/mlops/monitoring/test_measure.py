"""Windows of newer rows, measured with a real model, as the step's command line does it."""

import json
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops.monitoring import measure
from mlops.registry.model import load
from mlops.registry.reference import reference
from mlops.registry.task import Binary, Scores

pytestmark = pytest.mark.slow  # trains and scores real models: seconds

made = runpy.run_path(str(Path(__file__).parents[1] / "registry/conftest.py"))
flights, fit, save, TRUSTED, COLUMNS = (made[name] for name in ("flights", "fit", "save", "TRUSTED", "COLUMNS"))


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """A folder with a model, its reference (of rows up to 2024-02) and its list of trusted types."""
    root, rows, test = tmp_path_factory.mktemp("version"), flights(3000, 0), flights(2000, 1).assign(month="2024-02")
    model = fit(rows, COLUMNS)
    save(model, root / "model", rows[COLUMNS].head(2))
    scores = load(root / "model", trusted=TRUSTED).predict_proba(test[COLUMNS])[:, 1]
    settings = {"window": "month", "resamples": 100, "confidence": 0.95, "seed": 1}
    found = reference(rows, "train", test, Binary("1"), test["late"].to_numpy(float), Scores(scores), COLUMNS, **settings)
    (root / "reference.json").write_text(json.dumps(found))
    (root / "trusted.json").write_text(json.dumps(TRUSTED))
    return root


@pytest.fixture
def run(version, tmp_path):
    """Measure rows, and return the exit code and what was written."""

    def run(rows, window="month", **settings):
        rows.to_parquet(tmp_path / "rows")
        (tmp_path / "settings.json").write_text(json.dumps({"columns": [], "min_rows": 500, "metric": "auc"} | settings))
        given = {"model": version / "model", "rows": tmp_path / "rows", "reference": version / "reference.json"}
        given |= {"settings": tmp_path / "settings.json", "trusted": version / "trusted.json", "out": tmp_path / "out"}
        given |= {"window": window, "target": "late", "positive": "1"}
        code = measure.main([str(word) for name, value in given.items() for word in (f"--{name}", value)])
        return code, json.loads((tmp_path / "out/measures.json").read_text()) if code == 0 else None

    return run


def months(*names, count=800):
    """Rows of several months in one table, in no order."""
    parts = [flights(count, 10 + at).assign(month=name) for at, name in enumerate(names)]
    return pd.concat(parts).sample(frac=1, random_state=0).reset_index(drop=True)


def test_only_windows_after_the_last_that_the_version_knows_are_measured_in_order(run):
    code, found = run(months("2024-04", "2024-01", "2024-03", "2024-02"))
    assert (code, [(one["window"], one["rows"], one["labelled"]) for one in found["windows"]]) == (
        0,
        [("2024-03", 800, 800), ("2024-04", 800, 800)],
    )
    first = found["windows"][0]
    assert {name: one["psi"] < 0.1 for name, one in first["columns"].items()} == dict.fromkeys(COLUMNS, True)
    assert first["performance"]["gain_low"] < first["performance"]["gain"] < first["performance"]["gain_high"]
    assert (found["reference"]["kind"], found["reference"]["last"]) == ("train", "2024-02")


def test_columns_that_moved_are_far_and_the_others_near(run):
    rows = months("2024-03").assign(hour=lambda rows: rows["hour"] / 4)
    _, found = run(rows, columns=["hour", "wind"])
    columns = found["windows"][0]["columns"]
    assert (list(columns), columns["hour"]["psi"] > 1, columns["wind"]["psi"] < 0.1) == (["hour", "wind"], True, True)


def test_a_column_without_values_an_infinite_one_and_a_short_window_have_reasons_and_the_file_is_strict_json(run):
    """D8, D9."""
    rows = months("2024-03", "2024-04")
    rows.loc[rows["month"] == "2024-03", "wind"] = np.nan
    rows.loc[0, "hour"] = np.inf
    rows = rows[(rows["month"] == "2024-03") | (rows.index % 4 == 0)].assign(late=lambda rows: rows["late"].astype(float))
    rows.loc[rows["month"] == "2024-04", "late"] = np.nan
    code, found = run(rows)
    march, april = found["windows"]
    assert (code, march["columns"]["wind"]["why"]) == (0, "every value is missing here, and not in the reference")
    assert {one["psi"] for one in april["columns"].values()} == {None}
    assert (april["performance"], april["unmeasured"]) == (None, "no answers yet")


def test_of_rows_whose_answers_come_late_only_the_known_ones_are_measured(run):
    rows = months("2024-03").assign(late=lambda rows: rows["late"].where(rows.index >= 200))
    _, found = run(rows)
    assert (found["windows"][0]["rows"], found["windows"][0]["labelled"]) == (800, 600)
    _, found = run(rows, min_rows=700)
    assert found["windows"][0]["unmeasured"] == "the answer is known of 600 rows, and 700 are needed"
    _, found = run(rows.drop(columns="late"))
    assert found["windows"][0]["unmeasured"] == "no answers yet"


def test_answers_of_one_class_have_no_auc(run):
    """R9."""
    _, found = run(months("2024-03").assign(late=0))
    one = found["windows"][0]
    assert (one["performance"]["value"], one["performance"]["gain"], one["unmeasured"]) == (
        None,
        None,
        "it cannot be computed: the answer is the same everywhere",
    )


def test_without_newer_rows_there_are_no_windows(run, capsys):
    assert run(months("2024-01"))[1]["windows"] == []
    assert "no newer rows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "settings", "code", "words"),
    [
        (lambda rows: rows.drop(columns="month"), {}, 1, "the rows have no column 'month'"),
        (lambda rows: rows.assign(month=rows["month"].where(rows.index > 2)), {}, 1, "3 of 800 rows say no month"),
        (lambda rows: rows.assign(month=202403), {}, 1, "cannot be put in order, or not after '2024-02'"),
        (lambda rows: rows.drop(columns="wind"), {}, 1, "it needs wind, which the rows of 2024-03 lack"),
        (lambda rows: rows, {"columns": ["wnd"]}, 2, 'did you mean "wind"?'),
    ],
)
def test_rows_that_cannot_be_measured_are_told(run, capsys, change, settings, code, words):
    assert run(change(months("2024-03")), **settings)[0] == code
    assert words in capsys.readouterr().err

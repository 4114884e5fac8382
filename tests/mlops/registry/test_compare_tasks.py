"""The compare step of a model of several classes, or of a number: a new class, few rows, a target that is the same everywhere."""

import json

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression, Ridge

from mlops.files import digest_folder
from mlops.registry import compare
from mlops.registry.gate import judge
from mlops.settings import CompareRule, Environment, GateRules, Limit, SlicesRule, gate_rules

pytestmark = pytest.mark.slow  # trains and scores real models: seconds

CONTRACT = """\
kind: DataContract
apiVersion: v3.0.2
id: houses
version: 1.0.0
status: active
schema:
  - {name: houses, properties: [{name: a, logicalType: number}]}
"""
METRICS = {"multiclass": "log_loss", "regression": "rmse"}
LIMITS = {"multiclass": Limit("accuracy", "on", at_least=0.1), "regression": Limit("r2", "on", at_least=-5.0)}


def rows(count=900, seed=0):
    draw = np.random.default_rng(seed)
    table = pd.DataFrame(draw.normal(size=(count, 2)), columns=["a", "b"])
    table["price"] = 3e6 + 1e6 * (table["a"] + table["b"]) + draw.normal(0, 1e5, count)
    table["kind"] = pd.cut(table["a"] + table["b"], [-99, -1, 1, 99], labels=["cheap", "fair / good", "teuer ü"]).astype(str)
    table["town"] = np.where(draw.random(count) > 0.5, "north", "south")
    return table


@pytest.fixture
def desk(tmp_path):
    """Save a model of one target, and run the step on a table as its command line does."""

    class Desk:
        def save(self, name, target, table, inputs=("a", "b")):
            model = (Ridge() if target == "price" else LogisticRegression(max_iter=1000)).fit(table[list(inputs)], table[target])
            mlflow.sklearn.save_model(
                model,
                tmp_path / name,
                signature=infer_signature(table[list(inputs)], np.array([0.0])),
                input_example=table[list(inputs)].head(3),
                pip_requirements=["scikit-learn"],
                serialization_format="skops",
            )
            return tmp_path / name

        def run(self, task, model, test, champion=None, code=0):
            target = "price" if task == "regression" else "kind"
            metric = METRICS[task]
            slices = SlicesRule("on", ("town",), metric, 1e9, 50)
            rules = GateRules(CompareRule("on", metric, resamples=200), slices, (LIMITS[task],))
            files = {"rules": Environment("staging", "local", gate=rules).gate_facts(), "trusted": []}
            for name, value in files.items():
                (tmp_path / f"{name}.json").write_text(json.dumps(value))
            (tmp_path / "contract").write_text(CONTRACT)
            test.to_parquet(tmp_path / "test")
            (tmp_path / "evaluation").mkdir(exist_ok=True)
            said = pd.DataFrame({"target": test[target]})
            shares = test[target].value_counts(normalize=True) if task == "multiclass" else {}
            said = said.assign(**{f"baseline:{name}": share for name, share in shares.items()} or {"baseline": test[target].mean()})
            said.to_parquet(tmp_path / "evaluation/predictions.parquet")
            (tmp_path / "evaluation/baseline.txt").write_text("the mean")
            given = {name: tmp_path / name for name in ("test", "evaluation", "contract", "out")}
            given |= {name: tmp_path / f"{name}.json" for name in files} | {"model": model, "task": task, "target": target}
            if champion:
                given |= {"champion": champion, "champion-version": 1, "champion-digest": digest_folder(champion)}
            assert compare.main([str(word) for name, value in given.items() for word in (f"--{name}", value)]) == code
            return json.loads((tmp_path / "out/evidence.json").read_text()) if not code else None

        def verdict(self, evidence):
            return judge(evidence, gate_rules(json.loads((tmp_path / "rules.json").read_text())))

        def out(self, name):
            return json.loads((tmp_path / "out" / name).read_text())

    return Desk()


def target_of(task):
    return "price" if task == "regression" else "kind"


@pytest.mark.parametrize("task", METRICS)
def test_a_better_model_beats_the_champion_and_the_evidence_is_of_its_task(desk, task):
    good, weak = (desk.save(name, target_of(task), rows(), inputs) for name, inputs in (("good", ("a", "b")), ("weak", ("a",))))
    evidence = desk.run(task, good, rows(seed=1), weak)
    assert desk.verdict(evidence).outcome == "promote"
    assert evidence["task"] == task
    assert (evidence["metrics"][0]["name"], len(evidence["slices"])) == (METRICS[task], 2)
    assert "positive_share" not in evidence["rows"]


@pytest.mark.parametrize("task", METRICS)
def test_the_stated_baseline_is_beaten_where_there_is_no_champion(desk, task):
    evidence = desk.run(task, desk.save("one", target_of(task), rows()), rows(seed=1))
    assert (desk.verdict(evidence).outcome, evidence["against"]["name"]) == ("promote", "the mean")


@pytest.mark.parametrize("task", METRICS)
def test_the_reference_profiles_what_is_predicted(desk, task):
    desk.run(task, desk.save("one", target_of(task), rows()), rows(seed=1))
    found = desk.out("reference.json")
    assert found["score"]["kind"] == {"regression": "number", "multiclass": "category"}[task]
    assert (found["mean_score"] is None) == (task == "multiclass")
    assert found["metrics"][METRICS[task]]["value"] is not None


def test_a_champion_from_before_a_new_class_is_compared_and_loses(desk):
    before, now = rows(), rows(seed=2)
    old = desk.save("old", "kind", before[before["kind"] != "teuer ü"])
    evidence = desk.run("multiclass", desk.save("new", "kind", now), rows(seed=1), old)
    assert desk.verdict(evidence).outcome == "promote"
    assert len(desk.out("smoke.json")["expected"][0]) == 3


def test_a_class_that_is_not_among_the_test_rows_is_left_out_of_the_auc(desk):
    test = rows(seed=1)
    evidence = desk.run("multiclass", desk.save("one", "kind", rows()), test[test["kind"] != "cheap"].reset_index(drop=True))
    assert next(each for each in evidence["metrics"] if each["name"] == "auc_ovr")["candidate"] > 0.9


@pytest.mark.parametrize("task", METRICS)
def test_six_test_rows_are_judged(desk, task):
    evidence = desk.run(task, desk.save("one", target_of(task), rows()), rows(6, seed=4))
    assert all(each["candidate"] is not None for each in evidence["metrics"] if each["name"] != "auc_ovr")
    assert len(desk.out("smoke.json")["data"]) == 6


def test_of_a_target_that_is_the_same_everywhere_r2_is_unknown_and_stops_where_it_is_the_rule(desk):
    """R9."""
    evidence = desk.run("regression", desk.save("one", "price", rows()), rows(seed=1).assign(price=3e6))
    assert next(each for each in evidence["metrics"] if each["name"] == "r2")["candidate"] is None
    assert (desk.verdict(evidence).outcome, desk.verdict(evidence).reason) == ("stop", "R² could not be computed")


def test_a_champion_of_another_task_cannot_be_compared(desk):
    classes, number = desk.save("classes", "kind", rows()), desk.save("number", "price", rows())
    found = desk.verdict(desk.run("multiclass", classes, rows(seed=1), number))
    assert found.outcome == "keep"
    assert "could not be compared with the champion v1: a Ridge has no predict_proba" in found.reason


def test_rows_that_an_endpoint_would_refuse_are_told_before_anything_is_served(desk, capsys):
    test = rows(seed=1).astype({"a": object})
    test.loc[3, "a"] = True
    desk.run("regression", desk.save("one", "price", rows()), test.astype({"a": bool}), code=1)
    assert "the test rows do not fit the model's signature: column 'a' in row 0: must be a number, not true" in capsys.readouterr().err

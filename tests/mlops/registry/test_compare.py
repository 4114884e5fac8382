"""Candidate and champion are scored on the same rows, and what comes out is what the gate judges: with small real models."""

import json
import shutil

import pandas as pd
import pytest
import sklearn

from mlops.files import digest_file, digest_folder
from mlops.registry import compare
from mlops.registry.gate import judge
from mlops.registry.model import load
from mlops.registry.task import word
from mlops.settings import gate_rules

pytestmark = pytest.mark.slow  # trains and scores real models: seconds


def run(desk, model, champion=None, *, code=0, **changed):
    """Run the step as its command line does, and return the evidence."""
    given = {"model": model, "test": desk / "test", "evaluation": desk / "evaluation", "rules": desk / "rules.json"}
    given |= {"trusted": desk / "trusted.json", "contract": desk / "contract.yml", "out": desk / "out", "target": "late", "positive": "1"}
    if champion is not None:
        given |= {"champion": champion, "champion-version": 1, "champion-digest": digest_folder(champion)}
    words = [str(word) for name, value in (given | changed).items() for word in (f"--{name}", value)]
    assert compare.main(words) == code
    return json.loads((desk / "out" / "evidence.json").read_text()) if code == 0 else None


def verdict(desk, evidence):
    return judge(evidence, gate_rules(json.loads((desk / "rules.json").read_text())))


def test_a_better_model_beats_the_champion(desk, models):
    evidence = run(desk, models["good"], models["weak"])
    found = verdict(desk, evidence)
    assert found.outcome == "promote"
    assert found.reason.endswith("is better than the champion v1")
    assert evidence["against"]["digest"] == digest_folder(models["weak"])


def test_a_worse_model_is_kept_back(desk, models):
    found = verdict(desk, run(desk, models["weak"], models["good"]))
    assert found.outcome == "keep"
    assert "is worse than the champion v1" in found.reason


def test_the_same_model_again_is_told_to_be_identical(desk, models):
    evidence = run(desk, models["good"], models["good"])
    assert [(m["difference"], m["low"], m["high"]) for m in evidence["metrics"]] == [(0, 0, 0)] * 5
    assert verdict(desk, evidence).reason.endswith("identical to those of the champion v1")


def test_an_equally_good_model_is_kept_back(desk, models):
    found = verdict(desk, run(desk, models["twin"], models["good"]))
    assert found.outcome == "keep"
    assert "is not better than the champion v1" in found.reason


def test_a_model_that_is_better_overall_and_worse_on_one_slice_is_kept_back(desk, models):
    evidence = run(desk, models["lopsided"], models["weak"])
    found = verdict(desk, evidence)
    assert next(rule for rule in found.rules if rule.name == "compare").passed
    assert found.outcome == "keep"
    assert found.reason.startswith("carrier=HA")


def test_without_a_champion_the_stated_baseline_is_beaten(desk, models, capsys):
    evidence = run(desk, models["good"])
    assert evidence["against"] == {"kind": "baseline", "version": None, "digest": None, "name": "afternoon or not"}
    assert verdict(desk, evidence).outcome == "promote"
    assert "(afternoon or not) on 3,000 rows, 2 slices" in capsys.readouterr().out


def test_a_leakage_column_among_the_inputs_stops_the_model(desk, models):
    """D10: the contract names it."""
    evidence = run(desk, models["peeking"])
    assert evidence["leakage"] == {"declared": ["delay"], "used": ["delay"]}
    assert verdict(desk, evidence).outcome == "stop"


def test_the_evidence_names_the_model_and_the_rows_by_their_digests(desk, models):
    evidence = run(desk, models["good"])
    assert evidence["model"]["digest"] == digest_folder(models["good"])
    assert evidence["model"]["inputs"] == ["carrier", "hour", "wind"]
    assert evidence["rows"]["digest"] == digest_file(desk / "test")
    assert (evidence["rows"]["count"], evidence["latency_ms"]["rows"]) == (3000, 100)
    assert 0 < evidence["latency_ms"]["p50"] <= evidence["latency_ms"]["p95"]


def test_the_same_inputs_give_the_same_numbers(desk, models):
    once, again = (run(desk, models["good"], models["weak"]) for _ in range(2))
    assert (once["metrics"], once["slices"]) == (again["metrics"], again["slices"])


def test_smoke_rows_carry_the_models_own_probabilities(desk, models):
    rows = pd.read_parquet(desk / "test")
    rows.loc[0, "wind"] = float("nan")
    rows.to_parquet(desk / "test")
    run(desk, models["good"])
    smoke = json.loads((desk / "out" / "smoke.json").read_text())
    assert smoke["data"][0][2] is None
    model = load(models["good"], trusted=json.loads((desk / "trusted.json").read_text()))
    again = model.predict_proba(pd.DataFrame(smoke["data"], columns=smoke["columns"]).to_numpy(object))[:, 1]
    assert (len(smoke["data"]), again.tolist()) == (200, smoke["expected"])


def test_the_reference_comes_from_the_training_rows_and_from_the_test_rows_where_those_are_not_given(desk, models, tmp_path):
    rows = pd.read_parquet(desk / "test").assign(month="2024-02")
    rows.to_parquet(desk / "test")
    rows.head(1000).assign(month="2024-01").to_parquet(tmp_path / "train")
    run(desk, models["good"], train=tmp_path / "train", window="month")
    found = json.loads((desk / "out" / "reference.json").read_text())
    assert (found["kind"], found["rows"], found["held_out"], found["last"]) == ("train", 1000, 3000, "2024-02")
    evidence = run(desk, models["good"])
    found = json.loads((desk / "out" / "reference.json").read_text())
    assert (found["kind"], found["rows"], found["last"]) == ("test", 3000, None)
    assert found["metrics"]["auc"]["value"] == evidence["metrics"][0]["candidate"]


def test_a_champion_whose_inputs_are_not_there_any_more_cannot_be_compared(desk, models):
    """R6: both are scored on the same rows, or the comparison is not won."""
    pd.read_parquet(desk / "test").drop(columns="delay").to_parquet(desk / "test")
    evidence = run(desk, models["good"], models["peeking"])
    found = verdict(desk, evidence)
    assert found.outcome == "keep"
    assert found.reason.startswith("AUC could not be compared with the champion v1: it needs delay, which the test rows lack")
    assert evidence["metrics"][0]["candidate"] is not None


def test_a_champion_of_another_scikit_learn_cannot_be_compared(desk, models, tmp_path):
    """S5, R6."""
    old = shutil.copytree(models["weak"], tmp_path / "old")
    text = (old / "MLmodel").read_text()
    (old / "MLmodel").write_text(text.replace(f"sklearn_version: {sklearn.__version__}", "sklearn_version: 1.2.3"))
    found = verdict(desk, run(desk, models["good"], old))
    assert found.outcome == "keep"
    assert "scikit-learn 1.2.3" in found.reason


def test_a_champion_that_was_tampered_with_is_an_error(desk, models, capsys):
    """R7: checked before it is loaded."""
    run(desk, models["good"], models["weak"], code=1, **{"champion-digest": "sha256:00"})
    assert "was changed after it was registered" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.drop(columns="wind"), "cannot be judged: it needs wind, which the test rows lack"),
        (lambda rows: rows.drop(columns="late"), "the test rows have no column 'late'"),
        (lambda rows: rows.assign(late=rows["late"].where(rows.index != 5)), "lack a 'late' to compare with"),
        (lambda rows: rows.head(0), "there are none"),
        (lambda rows: rows.iloc[::-1], "not the test rows in the same order"),
        (lambda rows: rows.head(100), "are no baseline for 100 test rows"),
        (lambda rows: rows.assign(carrier="XX"), "it cannot score the test rows: ValueError: Found unknown categories"),
    ],
)
def test_rows_that_the_candidate_cannot_be_judged_on_are_told(desk, models, capsys, change, words):
    change(pd.read_parquet(desk / "test")).to_parquet(desk / "test")
    run(desk, models["good"], code=1)
    assert words in capsys.readouterr().err


def test_a_positive_class_that_the_model_does_not_know_is_told(desk, models, capsys):
    run(desk, models["good"], code=1, positive="late")
    assert "beside the positive class 'late' there is one other, and here are 0, 1" in capsys.readouterr().err


def test_a_slice_column_that_is_not_there_is_a_wrong_rule(desk, models, capsys):
    rules = json.loads((desk / "rules.json").read_text())
    rules["slices"]["columns"] = ["carier"]
    (desk / "rules.json").write_text(json.dumps(rules))
    run(desk, models["good"], code=2)
    assert 'did you mean "carrier"?' in capsys.readouterr().err


def test_an_environment_without_a_gate_is_a_wrong_request(desk, models, capsys):
    (desk / "rules.json").write_text("null")
    run(desk, models["good"], code=2)
    assert "no `gate` section" in capsys.readouterr().err


def test_numbers_and_words_name_the_same_class():
    assert all(word(value) == "1" for value in (1, 1.0, True, "1"))
    assert not any(word(value) == "1" for value in (0, 2, False, "yes", float("nan"), float("inf")))

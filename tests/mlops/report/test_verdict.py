"""The facts about a change: gathered from a run's folder, and held against their shape where others wrote them."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.errors import JobFailed
from mlops.report import verdict
from mlops.report.changes import Change

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def facts(made):
    return verdict.gather(made)


def test_a_promoted_run_is_told_whole(facts):
    told = {name: facts[name] for name in ("schema", "model", "outcome", "run", "rows", "seconds", "error", "sample")}
    assert told == {
        "schema": 1, "model": "flights", "outcome": "promote", "run": 7, "rows": 55409, "seconds": 33.4, "error": None, "sample": [],
    }  # fmt: skip
    assert facts["reference"] == {"kind": "champion", "version": 3, "commit": "8be21f0aaaaaaa"}
    assert [metric["name"] for metric in facts["metrics"]] == ["auc", "average_precision", "log_loss", "brier", "calibration_error"]
    assert {change["name"] for change in facts["changes"]} == {"learning_rate", "hour_of_week", "commit"}
    assert facts["contract"] | {"broken": len(facts["contract"]["broken"])} == {
        "declared": 3, "held": 2, "warnings": 1, "quarantined": None, "missing": "", "owner": "", "broken": 1,
    }  # fmt: skip
    assert facts["leakage"] == {"declared": 1, "used": []}


def test_what_was_gathered_passes_the_check_as_it_is(facts):
    assert verdict.check(json.loads(json.dumps(facts))) == facts


def test_curves_are_thinned_and_evenly_spaced(facts):
    for who in ("candidate", "other"):
        points = facts["plots"]["roc"][who]
        assert [x for x, _ in points] == [n / 20 for n in range(21)]
        assert points[10][1] == pytest.approx(0.5**0.45, abs=1e-3)
        assert len(facts["plots"]["calibration"][who]) == 10


def test_the_other_s_curve_is_left_out_where_it_was_drawn_over_other_rows(tmp_path, sample):
    champion = sample.make_champion(tmp_path)
    proof = sample.evidence(2)
    sample.write(champion, "gate/evidence.json", {**proof, "rows": {**proof["rows"], "digest": sample.digest(9)}})
    run = sample.make_run(tmp_path, delivery=sample.delivery_facts())
    assert verdict.gather(run)["plots"]["roc"]["other"] == []


def test_a_twin_that_was_only_trained_has_its_curve_where_its_test_rows_are_the_same(tmp_path, sample):
    run = sample.run_facts(5)
    run["outputs"]["test"] = {"path": "steps/split/outputs/test", "digest": sample.evidence()["rows"]["digest"]}
    twin = sample.make_run(tmp_path / "twin", run)
    found = sample.make_run(tmp_path, None, sample.delivery_facts(champion=None))
    assert verdict.gather(found, reference={"kind": "twin", "version": 3, "folder": twin})["plots"]["roc"]["other"]


def test_a_run_that_failed_early_has_the_end_of_its_log_and_the_rest_is_empty(tmp_path, sample):
    run = sample.run_facts(state="failed", outputs={})
    run["steps"] = {"validate": {"state": "failed", "reason": "it ended with exit code 1", "log": "steps/validate/log.txt", "inputs": {}}}
    folder = tmp_path / "7"
    sample.write(folder, "run.json", run)
    sample.write(folder, "steps/validate/log.txt", "looking\nvalidate stopped the run: 2013-08 breaks the contract\n")
    sample.write(folder, "delivery.json", {"model": "flights", "outcome": "failed", "error": "validate failed: it ended with exit code 1"})
    found = verdict.gather(folder)
    assert found["outcome"] == "failed"
    assert found["error"]["step"] == "validate"
    assert found["error"]["log"][-1] == "validate stopped the run: 2013-08 breaks the contract"
    assert (found["metrics"], found["slices"], found["reference"], found["leakage"]) == ([], [], None, None)


def test_a_promotion_that_an_error_ended_is_a_failure(tmp_path, sample):
    found = verdict.gather(sample.make_run(tmp_path, delivery=sample.delivery_facts(error="staging did not answer")))
    assert (found["outcome"], found["error"]["message"]) == ("failed", "staging did not answer")


def test_the_reference_that_is_given_names_the_twin_and_what_changed_since_it(tmp_path, sample):
    twin = sample.make_champion(tmp_path / "twin")
    run = sample.make_run(tmp_path, delivery=sample.delivery_facts(champion=None))
    given_ = {"kind": "twin", "version": 3, "commit": "8be21f0", "folder": twin}
    found = verdict.gather(run, reference=given_, sample={"months": "2013-01,2013-09"})
    assert found["reference"] == {"kind": "twin", "version": 3, "commit": "8be21f0"}
    assert found["sample"] == [{"name": "months", "value": "2013-01,2013-09"}]
    assert "learning_rate" in {change["name"] for change in found["changes"]}
    assert found["plots"]["roc"]["other"]


def test_whom_the_candidate_met_is_no_parameter_that_changed(sample):
    run = sample.run_facts()
    run["steps"]["compare"]["inputs"] = {"champion-version": {"value": "3"}}
    assert verdict.changes(run, sample.run_facts()) == []
    run["inputs"]["max_iter"] = {"value": 151}
    assert verdict.changes(run, sample.run_facts()) == [Change("parameter", "max_iter", "150", "151")]


def test_of_many_slices_the_telling_ones_are_kept(tmp_path, sample):
    proof = sample.evidence()
    proof["slices"] = [
        {"column": "dest", "value": str(n), "rows": 900, "metric": "auc", **sample.metric("auc", "higher", 0.7 - n / 1000, 0.7, 0.01)}
        for n in range(90)
    ]
    kept = {entry["value"] for entry in verdict.gather(sample.make_run(tmp_path, None, sample.delivery_facts(), proof))["slices"]}
    assert len(kept) <= verdict.MOST_SLICES
    assert {"89", "88", "0"} <= kept


def test_a_mistake_before_any_run_has_facts_too():
    found = verdict.failed("train.yml:31: train has no input 'x'\n1 error.", "did you mean y?", model="flights")
    assert verdict.check(found) == found
    assert (found["outcome"], found["error"]["hint"]) == ("failed", "did you mean y?")


def test_a_file_that_cannot_be_read_lends_its_name_and_no_command():
    """C2: an artifact names its files as it likes."""
    found = verdict.failed("it is no JSON", model="a\n::add-mask::b ##[c]")
    assert found["model"] == "a___add-mask__b____c_"
    assert verdict.check(found) == found


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"metrics": [{"name": "auc", "candidate": float("nan")}]}, "metrics[0].candidate"),
        ({"metrics": [{"name": "auc", "candidate": 10**400}]}, "metrics[0].candidate"),
        ({"metrics": [{"name": "auc", "candidate": "0.7"}]}, "metrics[0].candidate"),
        ({"metrics": [{}] * 21}, "metrics"),
        ({"metrics": {}}, "metrics"),
        ({"reason": "x" * 1001}, "reason"),
        ({"outcome": "merged"}, "outcome"),
        ({"model": "flights\n::add-mask::a"}, "model"),
        ({"model": "##vso[task.complete]"}, "model"),
        ({"model": "<b>"}, "model"),
        ({"model": "m" * 81}, "model"),
        ({"contract": []}, "contract"),
        ({"rules": [{"passed": 1}]}, "rules[0].passed"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(facts, change, named):
    """C3: an artifact of a pull request is data, and is held against a shape before it is shown."""
    with pytest.raises(JobFailed, match=r"the facts\." + named.replace("[", r"\[")):
        verdict.check(facts | change)


@pytest.mark.parametrize("other", [None, [], "x", {}, {"schema": 2}, {"schema": 1}])
def test_what_are_no_facts_is_refused(other):
    with pytest.raises(JobFailed):
        verdict.check(other)


def test_unknown_keys_are_dropped(facts):
    assert verdict.check(facts | {"pull_request": 12, "reference": {**facts["reference"], "html": "<b>"}}) == facts


@pytest.mark.slow
@given(JSON, st.dictionaries(st.sampled_from(sorted(verdict.SHAPE.fields)), JSON))
def test_check_refuses_or_returns_something_bounded_whatever_it_is_given(anything, changed):
    """C3: never another error, and what comes back can be written as strict JSON."""
    for value in (anything, {"schema": 1, "outcome": "keep", **changed}):
        try:
            found = verdict.check(value)
        except JobFailed:
            continue
        assert len(json.dumps(found, allow_nan=False).encode()) < verdict.MOST_BYTES


def test_a_file_is_read_where_it_is_small_plain_and_strict(tmp_path, facts):
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(facts))
    assert verdict.read(path) == facts


@pytest.mark.parametrize("content", ["[" * 100_000, "{", '{"schema": 1, "outcome": "keep", "rows": NaN}', "\xff", "1" * 600_000])
def test_a_file_that_is_too_deep_too_large_or_no_json_is_refused(tmp_path, content):
    """C3: the size is known before anything is parsed."""
    path = tmp_path / "facts.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(JobFailed):
        verdict.read(path)


def test_a_link_or_a_pipe_in_the_place_of_the_file_is_not_read(tmp_path, facts):
    """C3: an artifact could hold a link to a file of the machine that shows it."""
    (tmp_path / "secret.json").write_text(json.dumps(facts))
    (tmp_path / "link.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("link.json", "pipe.json", "none.json"):
        with pytest.raises(JobFailed, match="there are no facts"):
            verdict.read(tmp_path / name)

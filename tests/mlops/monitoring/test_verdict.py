"""From measures to findings and to a new training: values in, values out."""

import itertools
from dataclasses import replace

import pytest

from mlops.monitoring.verdict import Finding, judge
from mlops.settings import DriftRule, FallRule, MonitorSettings

SETTINGS = MonitorSettings(drift=DriftRule(windows=2, of_last=3), performance=FallRule(windows=2, of_last=3))


def column(psi, why="", told=False):
    return {"psi": psi, "missing": 0.0, "reference_missing": 0.0, "new": None, "why": why, "told": told}


def fall(by, sure=True):
    return {"value": 0.7 - by, "low": 0.0, "high": 1.0, "gain": -by, "gain_low": -by - 0.01, "gain_high": -by + (0.01 if sure else 1)}


def window(number, psis, performance=None, unmeasured="no answers yet", score=0.0):
    return {
        "window": f"2024-{number:02}",
        "rows": 1000,
        "labelled": 1000 if performance else 0,
        "columns": {
            f"c{at}": column(psi) if psi is not None else column(None, "9 rows, and 500 are needed") for at, psi in enumerate(psis)
        },
        "score": column(score),
        "performance": performance,
        "unmeasured": "" if performance else unmeasured,
    }


def measures(*windows):
    return {"windows": list(windows), "reference": {"last": "2023-12"}, "metric": {"name": "auc", "value": 0.7, "low": 0.68, "high": 0.72}}


def told(verdict, kind, status=None):
    return [one.said for one in verdict.findings if one.kind == kind and status in (None, one.status)]


CALM, MOVED, SILENT = [0.01, 0.02, 0.1], [0.5, 0.01, 0.02], [None] * 3


def test_a_calm_window_is_well_and_asks_for_nothing():
    verdict = judge([], measures(window(1, CALM, fall(0.001))), SETTINGS)
    assert (verdict.status, verdict.retrain, verdict.why) == ("ok", False, "nothing asks for it")
    assert told(verdict, "drift") == ["0 of 3 columns are above 0.2"]


@pytest.mark.parametrize("windows", itertools.product([CALM, MOVED, SILENT], repeat=4))
def test_drift_asks_for_a_new_training_where_two_of_the_last_three_windows_that_could_be_judged_say_so(windows):
    verdict = judge([], measures(*(window(at, psis) for at, psis in enumerate(windows))), SETTINGS)
    judged = [psis is MOVED for psis in windows if psis is not SILENT][-3:]
    assert verdict.retrain == (sum(judged) >= 2)
    assert verdict.status == ("attention" if any(judged) or not judged else "ok")


def test_drift_names_the_columns_that_moved_most_first():
    verdict = judge([], measures(window(1, [0.3, 0.9, 0.01])), SETTINGS)
    assert told(verdict, "drift", "attention")[0] == "2 of 3 columns are above 0.2: c1 0.90, c0 0.30"


def test_a_window_that_is_not_full_yet_is_told_and_hides_no_other():
    """D8."""
    verdict = judge([], measures(window(1, CALM), window(2, SILENT)), SETTINGS)
    assert verdict.status == "ok"
    assert told(verdict, "drift")[1] == "insufficient data: not one of 3 columns could be compared (9 rows, and 500 are needed)"


def test_where_no_window_can_be_judged_a_person_is_told():
    """D8: neither passed nor failed."""
    verdict = judge([], measures(window(1, SILENT)), SETTINGS)
    assert (verdict.status, verdict.retrain) == ("attention", False)


def test_a_column_that_went_silent_is_told_by_name():
    """D8."""
    one = window(1, CALM)
    one["columns"]["c2"] = column(None, "every value is missing here, and not in the reference", told=True)
    one["columns"]["c1"] = column(None, "every value is the same")
    (said,) = [f for f in judge([], measures(one), SETTINGS).findings if f.status == "attention"]
    assert (said.subject, said.said) == ("c2", "insufficient data: every value is missing here, and not in the reference")


def test_predictions_that_moved_are_told():
    assert told(judge([], measures(window(1, CALM, score=0.4)), SETTINGS), "drift", "attention") == [
        "the predictions moved: stability index 0.40, at most 0.2"
    ]


@pytest.mark.parametrize(
    ("falls", "status", "retrain"),
    [
        ([fall(0.05), fall(0.05)], "bad", True),
        ([fall(0.05), fall(0.001)], "attention", False),
        ([fall(0.02), fall(0.02)], "ok", False),
        ([fall(0.05, sure=False), fall(0.05, sure=False)], "ok", False),
        ([fall(0.05), fall(0.05), fall(0.0), fall(0.0)], "attention", False),
        ([fall(0.05), fall(0.05), None], "bad", True),
        ([None, None], "ok", False),
    ],
    ids=["twice", "once", "within the allowance", "not confirmed", "long ago", "the newest has no answers", "no answers"],
)
def test_a_fall_counts_where_its_interval_confirms_it_and_enough_windows_say_so(falls, status, retrain):
    verdict = judge([], measures(*(window(at, CALM, one) for at, one in enumerate(falls))), SETTINGS)
    assert (verdict.status, verdict.retrain) == (status, retrain)


def test_a_metric_that_cannot_be_computed_is_not_passed():
    """R9."""
    unknown = dict.fromkeys(("value", "low", "high", "gain", "gain_low", "gain_high"))
    one = window(1, CALM, unknown) | {"unmeasured": "it cannot be computed: the answer is the same everywhere"}
    verdict = judge([], measures(one), SETTINGS)
    assert told(verdict, "performance", "attention") == [
        "AUC could not be computed: it cannot be computed: the answer is the same everywhere"
    ]
    bare = judge([], measures(window(1, CALM, fall(0.05) | {"gain_high": None})), SETTINGS)
    assert "without an interval" in told(bare, "performance", "attention")[0]
    unheld = measures(window(1, CALM, fall(0.05))) | {"metric": {"name": "auc", "value": None}}
    assert "nothing can be held against it" in told(judge([], unheld, SETTINGS), "performance", "attention")[0]


@pytest.mark.parametrize(
    ("mode", "status", "words"), [("dry-run", "attention", "(dry run: told only)"), ("off", "ok", "monitor.performance is off")]
)
def test_a_rule_that_is_not_on_asks_for_nothing(mode, status, words):
    rules = replace(SETTINGS, performance=replace(SETTINGS.performance, mode=mode), drift=replace(SETTINGS.drift, mode="off"))
    verdict = judge([], measures(window(1, MOVED, fall(0.05)), window(2, MOVED, fall(0.05))), rules)
    assert (verdict.status, verdict.retrain) == (status, False)
    assert any(words in said for said in told(verdict, "performance"))


@pytest.mark.parametrize(("mode", "words"), [("dry-run", "(dry run: nothing is started)"), ("off", "(retraining is off)")])
def test_where_retraining_is_not_on_the_reason_is_told_and_nothing_is_started(mode, words):
    verdict = judge([], measures(window(1, MOVED), window(2, MOVED)), replace(SETTINGS, retrain=mode))
    assert (verdict.retrain, verdict.why) == (False, f"drift: 2 of the last 2 windows drifted {words}")


def test_with_no_newer_rows_there_is_nothing_to_say_and_that_is_said():
    verdict = judge([], measures(), SETTINGS)
    assert (verdict.status, told(verdict, "drift")) == (
        "ok",
        ["there are no rows newer than 2023-12, the last that the version was tested on"],
    )


def test_the_worst_finding_stands_first_and_is_the_status():
    verdict = judge([Finding("endpoint", "bad", "production", "down")], measures(window(1, MOVED)), SETTINGS)
    assert (verdict.status, verdict.findings[0].said) == ("bad", "down")

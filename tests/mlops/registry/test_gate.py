"""The gate: limits stop, comparison decides, and what cannot be computed is not passed."""

import json
import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.registry.gate import judge, read_verdict
from mlops.settings import METRICS, CompareRule, GateRules, Limit, SlicesRule

RULES = GateRules(
    CompareRule("on", "auc"),
    SlicesRule("on", ("carrier",), "auc", 0.02),
    (
        Limit("auc", "on", at_least=0.66),
        Limit("log_loss", "on", at_most=0.6),
        Limit("calibration_error", "on", at_most=0.08),
        Limit("leakage", "on"),
        Limit("latency_ms", "on", at_most=25),
        Limit("size_mb", "on", at_most=50),
    ),
)


def metric(name="auc", candidate=0.75, difference=0.01, half=0.004):
    ends = {"low": difference - half, "high": difference + half}
    return {
        "name": name,
        "better": METRICS[name],
        "candidate": candidate,
        "other": candidate - difference,
        "difference": difference,
        **ends,
    }


def slice_of(value, difference, half=0.01, rows=5000, name="auc"):
    return {"column": "carrier", "value": value, "rows": rows, "metric": name, **metric(name, 0.7, difference, half)}


def evidence(*metrics, slices=(), **changed):
    return {
        "model": {"size_mb": 1.2},
        "against": {"kind": "champion", "version": 1, "digest": "sha256:00", "name": "v1"},
        "metrics": [*(metrics or [metric()]), metric("log_loss", 0.49, -0.01), metric("calibration_error", 0.01, 0.0)],
        "slices": [*slices, slice_of("UA", 0.01)],
        "latency_ms": {"p50": 0.6, "p95": 0.8, "rows": 200},
        "leakage": {"declared": ["dep_delay"], "used": []},
    } | changed


def rule(verdict, name):
    return next(rule for rule in verdict.rules if rule.name == name)


def with_limit(limit):
    return replace(RULES, limits=(*RULES.limits, limit))


def test_a_better_candidate_is_promoted_with_the_numbers_as_the_reason():
    verdict = judge(evidence(), RULES)
    assert verdict.outcome == "promote"
    assert verdict.reason == "AUC 0.750 against 0.740, difference +0.010 [+0.006, +0.014] is better than the champion v1"
    assert all(rule.passed for rule in verdict.rules)


def test_an_equal_candidate_stays_a_challenger():
    verdict = judge(evidence(metric(difference=0.001, half=0.002)), RULES)
    assert verdict.outcome == "keep"
    assert verdict.reason == "AUC 0.750 against 0.749, difference +0.001 [−0.001, +0.003] is not better than the champion v1"


def test_a_worse_candidate_is_no_error_and_is_told_to_be_worse():
    verdict = judge(evidence(metric(difference=-0.01)), RULES)
    assert verdict.outcome == "keep"
    assert verdict.reason.endswith("difference −0.010 [−0.014, −0.006] is worse than the champion v1")


def test_an_identical_candidate_is_told_to_be_identical():
    zero = [metric(name, difference=0.0, half=0.0) for name in ("auc", "log_loss")]
    verdict = judge(evidence(metrics=zero) | {"slices": [slice_of("UA", 0.0, 0.0)]}, replace(RULES, limits=()))
    assert verdict.outcome == "keep"
    assert "difference +0.000 [+0.000, +0.000]" in verdict.reason
    assert verdict.reason.endswith("its predictions are identical to those of the champion v1")


def test_the_same_order_with_other_probabilities_is_not_called_identical():
    verdict = judge(evidence(metric(difference=0.0, half=0.0)), RULES)
    assert verdict.reason.endswith("is not better than the champion v1")


def test_better_overall_and_worse_on_one_slice_is_kept_back_with_the_slice_named():
    verdict = judge(evidence(slices=[slice_of("HA", -0.05)]), RULES)
    assert verdict.outcome == "keep"
    assert verdict.reason.startswith("carrier=HA (5,000 rows) falls by more than 0.02: AUC 0.700 against 0.750, difference −0.050")
    assert rule(verdict, "compare").passed


@pytest.mark.parametrize(
    ("fallen", "why"),
    [
        (slice_of("HA", -0.05, half=0.06), "its interval holds zero"),
        (slice_of("HA", -0.05, rows=499), "it has too few rows"),
        (slice_of("HA", -0.015), "it is within the allowance"),
    ],
)
def test_a_fall_does_not_count_where_(fallen, why):
    assert judge(evidence(slices=[fallen]), RULES).outcome == "promote", why


def test_on_a_slice_a_higher_loss_is_the_fall():
    rules = replace(RULES, slices=replace(RULES.slices, metric="log_loss"))
    rising, sinking = ([slice_of("HA", difference, name="log_loss")] for difference in (0.05, -0.05))
    assert judge(evidence() | {"slices": rising}, rules).outcome == "keep"
    assert judge(evidence() | {"slices": sinking}, rules).outcome == "promote"


def test_without_a_champion_the_baseline_is_to_be_beaten_and_no_slice_can_fall():
    verdict = judge(evidence(against={"kind": "baseline", "name": "share by hour"}, slices=[slice_of("HA", -0.3)]), RULES)
    assert verdict.outcome == "promote"
    assert verdict.reason.endswith("is better than the baseline “share by hour”")
    assert rule(verdict, "slices").reason == "there is no champion whose slices could fall"


def test_a_metric_that_is_better_when_lower_is_won_by_being_lower():
    rules = replace(RULES, compare=CompareRule("on", "log_loss"))
    assert judge(evidence(), rules).outcome == "promote"
    worse = judge(evidence(metric(), metric("log_loss", 0.5, 0.01)), rules)
    assert worse.outcome == "keep"
    assert worse.reason.endswith("is worse than the champion v1")


@pytest.mark.parametrize(
    ("changed", "name", "reason"),
    [
        ({"metrics": [metric(candidate=0.6, difference=0.1)]}, "auc", "AUC 0.600 is below 0.66"),
        ({"latency_ms": {"p95": 30.0}}, "latency_ms", "latency, p95 of one row 30.0 ms is above 25 ms"),
        ({"model": {"size_mb": 80.0}}, "size_mb", "size 80.0 MB is above 50 MB"),
        ({"leakage": {"declared": ["dep_delay"], "used": ["dep_delay"]}}, "leakage", "the model uses leakage: dep_delay"),
    ],
)
def test_a_broken_limit_stops_however_good_the_model_is(changed, name, reason):
    verdict = judge(evidence(**changed), RULES)
    assert verdict.outcome == "stop"
    assert reason in verdict.reason
    assert rule(verdict, name).passed is False


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "0.9", True])
def test_a_limit_on_what_is_no_number_is_broken(value):
    """R9: NaN, missing or not a number: the gate fails closed."""
    verdict = judge(evidence(metric() | {"candidate": value}), RULES)
    assert verdict.outcome == "stop"
    assert "AUC could not be computed" in verdict.reason


@pytest.mark.parametrize(
    "broken",
    [
        {"difference": None, "low": None, "high": None},
        {"low": math.nan},
        {"low": 0.02, "high": 0.01},
        {"better": "lower"},
        {"name": "accuracy"},
    ],
)
def test_a_comparison_that_cannot_be_made_is_not_won(broken):
    """R9: a missing interval, one that is upside down, a metric in the wrong direction or not there at all."""
    verdict = judge(evidence(metric() | broken), replace(RULES, limits=()))
    assert verdict.outcome == "keep"
    assert verdict.reason.startswith("AUC could not be compared with the champion v1")


def test_why_a_comparison_could_not_be_made_is_told():
    """R6: a champion that needs columns the test rows lack."""
    unknown = dict.fromkeys(("other", "difference", "low", "high"))
    lost = metric() | unknown | {"reason": "the champion needs wind, which is not there"}
    verdict = judge(evidence(lost), RULES)
    assert verdict.outcome == "keep"
    assert verdict.reason.endswith("the champion v1: the champion needs wind, which is not there")


@pytest.mark.parametrize("slices", [[], None, [slice_of("HA", 0.0) | {"high": None}], [slice_of("HA", 0.0) | {"metric": "brier"}]])
def test_slices_that_cannot_be_compared_are_not_passed(slices):
    """R9."""
    verdict = judge(evidence() | {"slices": slices}, RULES)
    assert verdict.outcome == "keep"
    assert "could be compared" in verdict.reason or "could not be compared" in verdict.reason


def test_a_rule_that_is_off_is_skipped_and_said():
    verdict = judge(evidence(), with_limit(Limit("brier", "off", at_most=0.0)))
    assert verdict.outcome == "promote"
    assert (rule(verdict, "brier").passed, rule(verdict, "brier").reason) == (None, "off")


def test_a_dry_run_is_told_and_does_not_count():
    verdict = judge(evidence(), replace(RULES, limits=(Limit("auc", "dry-run", at_least=0.9),), compare=CompareRule("dry-run", "auc")))
    assert verdict.outcome == "promote"
    assert (rule(verdict, "auc").passed, rule(verdict, "auc").reason) == (False, "AUC 0.750 is below 0.9")
    assert verdict.reason == "all limits hold; the comparison is dry-run"


def test_a_verdict_is_the_same_after_a_way_through_json():
    verdict = judge(evidence(), RULES)
    assert read_verdict(json.loads(json.dumps(asdict(verdict), allow_nan=False))) == verdict


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["p95", "used", "declared", "name", "kind", "rows"]), inner)
    ),
    max_leaves=6,
)
numbers = st.floats() | st.none() | st.text(max_size=3)
measured = st.fixed_dictionaries(
    {"name": st.sampled_from([*METRICS, "other"]), "better": st.sampled_from(["higher", "lower"])},
    optional=dict.fromkeys(("candidate", "other", "difference", "low", "high"), numbers),
)
messy = st.fixed_dictionaries(
    {},
    optional={
        "metrics": st.lists(measured, max_size=4) | anything,
        "slices": st.lists(measured | anything, max_size=3) | anything,
        **dict.fromkeys(("against", "model", "latency_ms", "leakage"), anything),
    },
)
modes = st.sampled_from(["on", "dry-run", "off"])
limits = st.lists(
    st.builds(
        Limit,
        st.sampled_from([*METRICS, "latency_ms", "size_mb", "leakage", "unknown"]),
        modes,
        st.none() | st.floats(0, 1),
        st.none() | st.floats(0, 1),
    ),
    max_size=4,
)


@pytest.mark.slow
@given(messy, limits, modes, st.none() | st.just(RULES.slices))
def test_whatever_the_evidence_a_model_with_a_broken_rule_is_never_promoted(found, given_limits, mode, slices):
    """R9: and no evidence, however odd, makes the gate fall over."""
    verdict = judge(found, GateRules(CompareRule(mode, "auc"), slices, tuple(given_limits)))
    broken = [told for told in verdict.rules if told.mode == "on" and told.passed is not True]
    assert (verdict.outcome == "promote") == (not broken)
    assert (verdict.outcome == "stop") == any(told.kind == "limit" for told in broken)


@pytest.mark.slow
@given(messy)
def test_a_limit_that_holds_was_computed_from_a_number_within_it(found):
    verdict = judge(found, GateRules(CompareRule("off", "auc"), None, (Limit("auc", "on", at_least=0.5),)))
    assert verdict.outcome == ("promote" if verdict.rules[0].value is not None and verdict.rules[0].value >= 0.5 else "stop")


FIRST = {"against": {"kind": "baseline", "version": None, "digest": None, "name": "the mean"}}


def houses(without="baseline", **limits):
    return GateRules(CompareRule("on", "rmse", without_champion=without), None, (Limit("r2", "on", at_least=0.5), *limits.values()))


def price(candidate=312_345.6, difference=-40_000.0, half=9_000.0, r2=0.6):
    return {
        **evidence(metric("rmse", candidate, difference, half)),
        "metrics": [metric("rmse", candidate, difference, half), metric("r2", r2)],
    }


def test_an_error_in_millions_and_one_in_millionths_are_told_in_their_own_digits():
    assert judge(price(), houses()).reason.startswith("RMSE 312,346 against 352,346, difference −40,000 [−49,000, −31,000] is better than")
    small = judge(price(0.000312, -0.00004, 0.00001), houses()).reason
    assert small.startswith("RMSE 0.000312 against 0.000352, difference −0.000040 [−0.000050, −0.000030] is better than")
    large = replace(houses(), limits=(Limit("rmse", "on", at_most=3_000_000.0),))
    assert rule(judge(price(), large), "rmse").reason == "RMSE 312,346 is at most 3,000,000"


def test_a_first_version_may_be_judged_by_its_limits_alone():
    few = price(difference=0.0, half=90_000.0) | FIRST
    assert judge(few, houses()).outcome == "keep"
    verdict = judge(few, houses("limits"))
    assert verdict.outcome == "promote"
    assert verdict.reason.startswith(
        "there is no champion yet: the limits alone decide about a first version, whose gain over the baseline is unproven"
    )
    assert judge(few | {"metrics": [metric("rmse"), metric("r2", 0.4)]}, houses("limits")).outcome == "stop"


def test_a_gain_on_a_handful_of_rows_is_not_called_proven():
    few = price(difference=-9_000.0, half=10.0) | {"rows": {"count": 7}}
    assert judge(few, houses()).reason.endswith(", on 7 rows, which prove nothing")
    assert "unproven (RMSE" in judge(few | FIRST, houses("limits")).reason


def test_limits_alone_do_not_decide_once_there_is_a_champion():
    assert judge(price(difference=0.0, half=90_000.0), houses("limits")).outcome == "keep"


def test_an_unknown_r2_fails_where_it_is_the_rule_and_only_there():
    unknown = metric("r2", 0.6) | dict.fromkeys(("candidate", "other", "difference", "low", "high"))
    told = price() | {"metrics": [price()["metrics"][0], unknown]}
    assert judge(told, houses()).reason == "R² could not be computed"
    assert judge(told, replace(houses(), limits=())).outcome == "promote"


def test_an_r2_below_zero_is_a_number_like_any_other():
    assert rule(judge(price(r2=-1234.5), houses()), "r2").reason == "R² −1,234 is below 0.5"

"""Early termination by the documented rules, on histories that can be checked by hand."""

import pytest

from mlops.local.kinds.termination import applies, reason_to_stop

THREE = {0: [0.5, 0.8], 1: [0.6, 0.7], 2: [0.1, 0.6]}


def stops(policy, histories, trial, goal="maximize"):
    return reason_to_stop(policy, goal, histories, trial, len(histories[trial])) is not None


@pytest.mark.parametrize(
    ("every", "delay", "intervals"), [(1, 0, [1, 2, 3, 4, 5, 6]), (2, 0, [2, 4, 6]), (2, 3, [4, 6]), (1, 5, [5, 6]), (4, 5, [])]
)
def test_a_policy_is_applied_at_multiples_of_its_interval_from_its_delay_on(every, delay, intervals):
    policy = {"evaluation_interval": every, "delay_evaluation": delay}
    assert [n for n in range(1, 7) if applies(policy, n)] == intervals


@pytest.mark.parametrize(("value", "stopped"), [(0.66, True), (0.67, False)])
def test_bandit_with_a_slack_factor_of_0_2_and_a_best_of_0_8_stops_below_0_667(value, stopped):
    """The documentation's own example: 0.8 / (1 + 0.2)."""
    assert stops({"type": "bandit", "slack_factor": 0.2}, {0: [0.8], 1: [value]}, 1) is stopped


@pytest.mark.parametrize(("value", "stopped"), [(0.59, False), (0.61, True)])
def test_bandit_with_a_slack_amount_stops_what_is_further_away_when_the_metric_is_minimized(value, stopped):
    assert stops({"type": "bandit", "slack_amount": 0.1}, {0: [0.5], 1: [value]}, 1, "minimize") is stopped


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_bandit_never_stops_the_best_trial_whatever_the_sign(goal):
    for values in ([-5.0, -1.0], [5.0, 1.0], [-1.0, 1.0]):
        best = values.index(max(values) if goal == "maximize" else min(values))
        assert not stops({"type": "bandit", "slack_factor": 0.1}, {i: [v] for i, v in enumerate(values)}, best, goal)


def test_bandit_looks_at_the_trials_best_and_not_at_its_last():
    assert not stops({"type": "bandit", "slack_factor": 0.1}, {0: [0.8, 0.8], 1: [0.79, 0.1]}, 1)


def test_median_stopping_stops_a_trial_whose_best_is_below_the_median_of_the_running_averages():
    """Averages over two intervals are 0.65, 0.65 and 0.35, so the median is 0.65: only trial 2, whose best is 0.6, is below it."""
    assert [stops({"type": "median_stopping"}, THREE, trial) for trial in THREE] == [False, False, True]


def test_truncation_selection_stops_the_lowest_share_of_those_that_reached_the_interval():
    policy = {"type": "truncation_selection", "truncation_percentage": 40}
    five = {i: [float(i)] for i in range(5)}
    assert [trial for trial in five if stops(policy, five, trial)] == [0, 1]
    assert [trial for trial in five if stops(policy, five, trial, "minimize")] == [3, 4]


def test_equal_trials_are_not_all_truncated():
    same = {i: [1.0] for i in range(5)}
    assert sum(stops({"type": "truncation_selection", "truncation_percentage": 40}, same, i) for i in same) == 2


def test_a_trial_is_compared_with_those_only_that_reached_its_interval():
    assert not stops({"type": "median_stopping"}, {0: [0.9], 1: [0.1, 0.1]}, 1)


def test_a_metric_that_is_no_number_is_the_worst():
    assert stops({"type": "bandit", "slack_factor": 0.5}, {0: [0.8], 1: [float("nan")]}, 1)

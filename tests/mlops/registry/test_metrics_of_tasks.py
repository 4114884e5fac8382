"""Weighted metrics of several classes and of numbers are scikit-learn's on the rows as often as they were drawn."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as known

from mlops.registry.bootstrap import compare, estimate
from mlops.registry.metrics import METRICS
from mlops.settings import METRICS_OF

BOUNDS = {"resamples": 200, "confidence": 0.95, "seed": 7}
rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 3)), min_size=2, max_size=40)


def drawn_rows(drawn):
    """Target, probabilities of four classes, weights; and the rows as often as they were drawn."""
    target, seeds, weights = (np.array(column) for column in zip(*drawn, strict=True))
    assume(weights.sum() > 0)
    table = np.array([np.random.default_rng(seed).dirichlet(np.ones(4)) for seed in seeds])
    again = np.repeat(np.arange(len(target)), weights)
    return target.astype(float), table, weights, target[again], table[again]


def ask(name, target, score, weights):
    return METRICS[name][1](target, score)(weights)


@pytest.mark.slow
@given(rows)
def test_accuracies_and_f1_are_those_of_scikit_learn_on_the_rows_drawn(drawn):
    target, table, weights, there, scores = drawn_rows(drawn)
    said = scores.argmax(axis=1)
    assert ask("accuracy", target, table, weights) == pytest.approx(known.accuracy_score(there, said))
    assert ask("f1_macro", target, table, weights) == pytest.approx(known.f1_score(there, said, average="macro"))
    recalls = [np.mean(said[there == at] == at) for at in np.unique(there)]  # balanced_accuracy_score itself warns of classes not there
    assert ask("balanced_accuracy", target, table, weights) == pytest.approx(np.mean(recalls))


@given(rows)
def test_log_loss_of_several_classes_is_that_of_scikit_learn(drawn):
    target, table, weights, there, scores = drawn_rows(drawn)
    assert ask("log_loss", target, table, weights) == pytest.approx(known.log_loss(there, scores, labels=[0, 1, 2, 3]))


@pytest.mark.slow
@given(rows)
def test_auc_of_several_classes_is_that_of_scikit_learn_where_all_classes_are_there(drawn):
    target, table, weights, there, scores = drawn_rows([*drawn, *((at, at, 1) for at in range(4))])
    assert ask("auc_ovr", target, table, weights) == pytest.approx(known.roc_auc_score(there, scores, multi_class="ovr", average="macro"))


def test_auc_leaves_out_a_class_that_is_not_among_the_rows():
    target, table = np.array([0.0, 0, 1, 1, 1]), np.random.default_rng(0).dirichlet(np.ones(3), 5)
    expected = np.mean([known.roc_auc_score(target == at, table[:, at]) for at in (0, 1)])
    assert ask("auc_ovr", target, table, np.ones(5, int)) == pytest.approx(expected)
    assert np.isnan(ask("auc_ovr", np.zeros(5), table, np.ones(5, int)))


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 3)), min_size=2, max_size=40))
def test_errors_of_a_number_are_those_of_scikit_learn_on_the_rows_drawn(drawn):
    target, score, weights = (np.array(column) for column in zip(*drawn, strict=True))
    assume(weights.sum() > 0)
    there, said = np.repeat(target, weights), np.repeat(score, weights)
    for name, function in {
        "rmse": known.root_mean_squared_error,
        "mae": known.mean_absolute_error,
        "median_absolute_error": known.median_absolute_error,
    }.items():
        assert ask(name, target, score, weights) == pytest.approx(function(there, said), rel=1e-9, abs=1e-9)


def test_r2_is_that_of_scikit_learn_and_may_be_far_below_zero():
    draw = np.random.default_rng(0)
    target, weights = draw.normal(3e6, 1e5, 200), draw.integers(0, 3, 200)
    for score in (target + draw.normal(0, 5e4, 200), np.zeros(200)):
        expected = known.r2_score(np.repeat(target, weights), np.repeat(score, weights))
        assert ask("r2", target, score, weights) == pytest.approx(expected)
    assert expected < -100


def test_of_a_constant_target_r2_is_unknown_and_the_errors_are_not():
    """R9: what cannot be computed is None, which the gate does not pass."""
    found = estimate(np.full(50, 0.1), np.linspace(0, 1, 50), ["r2", "rmse"], **BOUNDS)
    assert found["r2"].value is found["r2"].low is None
    assert found["rmse"].low < found["rmse"].value < found["rmse"].high


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_six_rows_are_enough_for_an_answer_of_every_metric(task):
    draw = np.random.default_rng(1)
    target = np.array([0.0, 0, 1, 1, 2, 2])
    one, two = (draw.dirichlet(np.ones(3), 6) if task == "multiclass" else draw.normal(size=6) for _ in range(2))
    found = compare(target, one, two, list(METRICS_OF[task]), **BOUNDS)
    assert all(each.difference is not None and each.low <= each.high for each in found.values())

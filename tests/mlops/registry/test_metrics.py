"""Weighted metrics are scikit-learn's, and the bootstrap is paired, seeded and honest about what it cannot tell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as known

from mlops.registry.bootstrap import Estimate, compare, estimate
from mlops.registry.metrics import METRICS
from mlops.settings import METRICS_OF

# Few different scores, so that ties within a class and across the classes are the rule.
rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=40)
BOUNDS = {"resamples": 200, "confidence": 0.95, "seed": 7}


def arrays(drawn):
    target, score, weights = (np.array(column) for column in zip(*drawn, strict=True))
    return target.astype(float), score / 6, weights


def ask(name, target, score, weights):
    return METRICS[name][1](target, score)(weights)


def scores(count, noise, seed=0):
    chance = np.random.default_rng(seed)
    inner = chance.normal(size=count) - 1.5
    target = (chance.random(count) < 1 / (1 + np.exp(-inner))).astype(float)
    return target, 1 / (1 + np.exp(-inner - noise * np.random.default_rng(seed + 1).normal(size=count)))


@pytest.mark.slow
@given(rows)
def test_auc_and_average_precision_are_those_of_scikit_learn_with_weights_and_ties(drawn):
    target, score, weights = arrays(drawn)
    if len(set(target[weights > 0])) < 2:
        assert np.isnan(ask("auc", target, score, weights))
        return
    assert ask("auc", target, score, weights) == pytest.approx(known.roc_auc_score(target, score, sample_weight=weights))
    expected = known.average_precision_score(target, score, sample_weight=weights)
    assert ask("average_precision", target, score, weights) == pytest.approx(expected)


@pytest.mark.slow
@given(rows)
def test_losses_are_those_of_scikit_learn_with_weights(drawn):
    target, score, weights = arrays(drawn)
    if not weights.sum():
        return
    expected = known.log_loss(target, score, labels=[0, 1], sample_weight=weights)
    assert ask("log_loss", target, score, weights) == pytest.approx(expected)
    assert ask("brier", target, score, weights) == pytest.approx(known.brier_score_loss(target, score, sample_weight=weights))


def test_calibration_error_is_the_mean_gap_of_ten_equally_full_bins():
    target, score = scores(1000, 0.5)
    bins = np.array_split(np.argsort(score), 10)
    expected = np.mean([abs(score[rows].mean() - target[rows].mean()) for rows in bins])
    assert ask("calibration_error", target, score, np.ones(1000, int)) == pytest.approx(expected)


@pytest.mark.slow
@given(rows, st.randoms())
def test_calibration_error_does_not_depend_on_the_order_of_rows_with_the_same_score(drawn, chance):
    shuffled = chance.sample(drawn, len(drawn))
    before, after = (ask("calibration_error", t, s, np.ones(len(t), int)) for t, s, _ in (arrays(drawn), arrays(shuffled)))
    assert before == pytest.approx(after)


def test_the_interval_is_about_as_wide_as_the_theory_of_auc_says():
    """DeLong, DeLong and Clarke-Pearson 1988: the variance of one AUC; against a constant score the difference has the same."""
    target, score = scores(3000, 0.0)
    found = compare(target, score, np.full(3000, 0.5), ["auc"], **BOUNDS | {"resamples": 1000})["auc"]
    above = (score[target == 1][:, None] > score[target == 0]).astype(float)
    deviation = np.sqrt(above.mean(1).var(ddof=1) / above.shape[0] + above.mean(0).var(ddof=1) / above.shape[1])
    assert found.difference == pytest.approx(above.mean() - 0.5)
    assert (found.high - found.low) / (2 * 1.96 * deviation) == pytest.approx(1, abs=0.1)


def test_identical_predictions_differ_by_exactly_nothing():
    target, score = scores(500, 0.5)
    for found in compare(target, score, score.copy(), list(METRICS_OF["binary"]), **BOUNDS).values():
        assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)


def test_pairing_makes_the_interval_narrower_than_two_separate_ones():
    target, score = scores(2000, 0.0)
    near = np.clip(score + 0.001 * np.random.default_rng(3).normal(size=2000), 0, 1)
    paired = compare(target, score, near, ["auc"], **BOUNDS)["auc"]
    alone = compare(target, score, np.full(2000, 0.5), ["auc"], **BOUNDS)["auc"]
    assert paired.high - paired.low < (alone.high - alone.low) / 5


def test_the_same_seed_gives_the_same_interval_on_any_number_of_threads(monkeypatch):
    target, score = scores(300, 0.5)
    other = scores(300, 0.9)[1]
    many = compare(target, score, other, list(METRICS_OF["binary"]), **BOUNDS)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert compare(target, score, other, list(METRICS_OF["binary"]), **BOUNDS) == many
    assert compare(target, score, other, ["auc"], **BOUNDS | {"seed": 8})["auc"].low != many["auc"].low


def test_with_one_class_there_is_no_auc_and_still_a_loss():
    """R9: what cannot be computed is None, which the gate does not pass."""
    found = compare(np.zeros(50), np.linspace(0, 1, 50), np.full(50, 0.1), ["auc", "brier"], **BOUNDS)
    assert found["auc"].candidate is found["auc"].difference is found["auc"].low is None
    assert found["brier"].low is not None


def test_with_almost_one_class_the_difference_has_no_interval():
    target = np.zeros(50)
    target[0] = 1
    found = compare(target, np.linspace(1, 0, 50), np.linspace(0, 1, 50), ["auc"], **BOUNDS)["auc"]
    assert (found.difference, found.low, found.high) == (1.0, None, None)


def test_an_estimate_is_the_metric_itself_with_the_interval_of_the_same_draws():
    target, score = scores(400, 0.5)
    found = estimate(target, score, ["auc", "brier"], **BOUNDS)
    coin = compare(target, score, np.full(400, 0.5), ["auc"], **BOUNDS)["auc"]
    assert found["auc"].value == pytest.approx(known.roc_auc_score(target, score))
    assert (found["auc"].low, found["auc"].high) == pytest.approx((coin.low + 0.5, coin.high + 0.5))
    assert found["brier"].low < found["brier"].value < found["brier"].high


def test_an_estimate_of_one_class_has_no_auc():
    """R9."""
    assert estimate(np.zeros(50), np.linspace(0, 1, 50), ["auc"], **BOUNDS)["auc"] == Estimate(None, None, None)

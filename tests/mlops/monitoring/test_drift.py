"""How far rows are from the reference: known values, and what cannot be computed."""

import math

import numpy as np
import pandas as pd
import pytest

from mlops.monitoring.drift import FLOOR, change, column, stability_index
from mlops.registry.reference import profile

DRAW = np.random.default_rng(0)


def test_the_index_of_two_shares_is_the_one_computed_by_hand():
    assert stability_index([0.5, 0.5], [0.5, 0.5]) == 0
    assert stability_index([0.5, 0.5], [0.8, 0.2]) == pytest.approx(0.3 * math.log(1.6) + 0.3 * math.log(2.5))
    assert stability_index([0.8, 0.2], [0.5, 0.5]) == stability_index([0.5, 0.5], [0.8, 0.2])


def test_a_bin_that_was_empty_is_far_and_not_infinite():
    assert stability_index([1.0, 0.0], [0.9, 0.1]) == pytest.approx(-0.1 * math.log(0.9) + (0.1 - FLOOR) * math.log(0.1 / FLOOR))


@pytest.mark.parametrize(
    ("now", "low", "high"),
    [
        (DRAW.normal(size=5000), 0, 0.02),
        (DRAW.normal(0.3, size=5000), 0.05, 0.15),
        (DRAW.normal(1, size=5000), 0.5, 3),
        (np.where(DRAW.random(5000) < 0.3, np.nan, DRAW.normal(size=5000)), 1, 4),
    ],
    ids=["the same", "a little", "much", "a third is missing"],
)
def test_the_index_grows_with_the_distance(now, low, high):
    found = column(profile(pd.Series(DRAW.normal(size=5000))), pd.Series(now), 500)
    assert low <= found["psi"] <= high
    assert found["why"] == ""


def test_values_that_the_reference_did_not_have_are_counted():
    """D7."""
    found = column(profile(pd.Series(["UA", "HA"] * 50)), pd.Series(["UA", "XX", "HA", "HA"] * 25), 50)
    assert (found["new"], found["psi"] > 1) == (0.25, True)


NUMBERS, NOTHING, SAME = pd.Series(DRAW.normal(size=600)), pd.Series([np.nan] * 600), pd.Series([1.0] * 600)


@pytest.mark.parametrize(
    ("before", "now", "why", "told"),
    [
        (NUMBERS, NOTHING, "every value is missing here, and not in the reference", True),
        (NOTHING, NUMBERS, "every value is missing in the reference, and not here", True),
        (NOTHING, NOTHING, "every value is missing", False),
        (NUMBERS, SAME, "every value is the same here, and not in the reference", True),
        (SAME, NUMBERS, "every value is the same in the reference, and not here", True),
        (SAME, SAME, "every value is the same", False),
        (NUMBERS, NUMBERS.head(499), "499 rows, and 500 are needed", False),
        (NUMBERS.head(100), NUMBERS, "the reference has 100 rows, and 500 are needed", True),
    ],
)
def test_a_column_that_cannot_be_compared_has_a_reason_and_no_number(before, now, why, told):
    """D8."""
    found = column(profile(before), now, 500)
    assert (found["psi"], found["why"], found["told"]) == (None, why, told)


def interval(value, low, high):
    return {"value": value, "low": low, "high": high}


def test_two_intervals_are_joined_by_the_square_root_rule_and_a_fall_is_below_zero_whichever_way_the_metric_goes():
    found = change("auc", interval(0.66, 0.63, 0.69), interval(0.70, 0.66, 0.74))
    assert found == {"gain": pytest.approx(-0.04), "gain_low": pytest.approx(-0.09), "gain_high": pytest.approx(0.01)}
    loss = change("log_loss", interval(0.70, 0.66, 0.74), interval(0.66, 0.63, 0.69))
    assert loss == {"gain": pytest.approx(-0.04), "gain_low": pytest.approx(-0.09), "gain_high": pytest.approx(0.01)}


@pytest.mark.slow
def test_the_joined_interval_covers_as_often_as_it_says():
    """Two metrics of independent rows whose true difference is zero: 95 % of the intervals hold it, give or take three standard errors."""
    from mlops.registry.bootstrap import estimate

    held = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        sides = []
        for _ in range(2):
            target = (draw.random(300) < 0.3).astype(float)
            sides.append(
                vars(estimate(target, target * 0.3 + draw.random(300), ["brier"], resamples=120, confidence=0.95, seed=seed)["brier"])
            )
        found = change("brier", *sides)
        held += found["gain_low"] <= 0 <= found["gain_high"]
    assert 0.90 <= held / 200 <= 0.99


def test_what_one_side_does_not_know_is_unknown():
    """R9."""
    assert change("auc", interval(None, None, None), interval(0.7, 0.6, 0.8)) == dict.fromkeys(("gain", "gain_low", "gain_high"))
    assert change("auc", interval(0.6, None, None), interval(0.7, 0.6, 0.8)) == {
        "gain": pytest.approx(-0.1),
        "gain_low": None,
        "gain_high": None,
    }

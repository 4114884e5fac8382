"""What a version was made from, in numbers."""

import json

import numpy as np
import pandas as pd
import pytest

from mlops.registry.reference import OWN_BIN, fill, profile, reference, windows
from mlops.registry.task import Binary, Scores

DRAW = np.random.default_rng(0)


def test_a_number_has_ten_bins_that_are_equally_full_and_what_is_missing_apart():
    found = profile(pd.Series([*range(1000), *[None] * 250]))
    assert (found["kind"], len(found["shares"]), found["missing"]) == ("number", 10, pytest.approx(0.2))
    assert found["shares"] == pytest.approx([0.08] * 10)


def test_a_value_that_fills_several_bins_makes_one_of_them():
    found = profile(pd.Series([0.0] * 95 + [1, 2, 3, 4, 5.0]))
    assert (found["edges"], found["shares"]) == ([0.0], [0.95, 0.05])


def test_a_category_has_its_most_frequent_values_and_one_bin_for_the_rest():
    found = profile(pd.Series(["UA"] * 5 + ["HA"] * 3 + [None] * 2))
    assert (found["values"], found["complete"], found["shares"][:2], found["missing"]) == (
        ["UA", "HA"],
        True,
        [0.5, 0.3],
        pytest.approx(0.2),
    )
    many = profile(pd.Series([str(n) for n in range(50)]))
    assert (len(many["shares"]), many["shares"][-1]) == (OWN_BIN + 1, pytest.approx(0.6))


@pytest.mark.parametrize("values", [[None] * 4, [np.nan] * 4, [np.inf, -np.inf, np.nan, np.inf], []])
def test_a_column_without_a_finite_number_is_all_missing_and_no_json_holds_a_nan(values):
    """D8, D9."""
    found = profile(pd.Series(values, dtype=float))
    assert (found["edges"], found["distinct"], found["missing"]) == ([], 0, 1.0)
    json.dumps(found, allow_nan=False)


def test_infinite_and_huge_values_make_no_bin_of_their_own():
    """D9."""
    found = profile(pd.Series([1.0, 2.0, 3.0, np.inf, -np.inf, 1e300]))
    assert (found["missing"], sum(found["shares"])) == (pytest.approx(2 / 6), pytest.approx(4 / 6))
    json.dumps(found, allow_nan=False)


def test_truth_values_are_categories_and_times_are_numbers():
    assert profile(pd.Series([True, False, True]))["values"] == ["True", "False"]
    times = profile(pd.Series(pd.to_datetime(["2024-01-01", None, "2024-01-03"])))
    assert (times["kind"], times["missing"]) == ("number", pytest.approx(1 / 3))
    assert profile(pd.Series(pd.to_datetime(["2024-01-01", "2024-01-03"], utc=True)))["distinct"] == 2


def test_words_in_a_column_of_numbers_count_as_missing():
    made = profile(pd.Series([1.0, 2.0, 3.0]))
    assert fill(made, pd.Series(["1", "two", "3"]))["missing"] == pytest.approx(1 / 3)


def test_windows_are_in_their_order_and_as_json_has_them():
    assert windows(pd.Series(["2024-02", None, "2024-01"])) == ["2024-01", "2024-02"]
    assert windows(pd.Series([10, 9, 9])) == [9, 10]
    assert windows(pd.Series(pd.to_datetime(["2024-01-02", "2024-01-01"]))) == ["2024-01-01T00:00:00", "2024-01-02T00:00:00"]


def test_columns_come_from_the_rows_that_it_learnt_from_and_scores_and_metrics_from_the_held_out_ones():
    train = pd.DataFrame({"a": DRAW.normal(size=300), "when": "2024-01"})
    test = pd.DataFrame({"a": DRAW.normal(size=200), "when": ["2024-02"] * 100 + ["2024-03"] * 100})
    target, scores = (DRAW.random(200) < 0.3).astype(float), DRAW.random(200)
    settings = {"window": "when", "resamples": 100, "confidence": 0.95, "seed": 1}
    found = reference(train, "train", test, Binary("1"), target, Scores(scores), ["a"], **settings)
    assert (found["rows"], found["held_out"], found["last"], list(found["columns"])) == (300, 200, "2024-03", ["a"])
    assert (found["score"]["rows"], found["positive_share"]) == (200, target.mean())
    assert found["metrics"]["auc"]["low"] < found["metrics"]["auc"]["value"] < found["metrics"]["auc"]["high"]
    json.dumps(found, allow_nan=False)

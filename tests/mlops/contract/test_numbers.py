"""The numbers of a column, measured at once for all of its pieces."""

import math

import numpy as np
import pandas as pd
import pytest

from mlops.contract.statistics import correlation, measure

NAMES = ["missing", "mean", "median", "q05", "q95", "spread", "zeros", "top", "frozen", "distinct", "correlation y", "by word=a", "tells y"]


@pytest.fixture
def frame():
    random = np.random.default_rng(0)
    x = np.where(random.random(400) < 0.1, np.nan, random.integers(0, 9, 400))
    return pd.DataFrame({"x": x, "y": 3 * x + random.normal(size=400), "word": random.choice(["a", "b"], 400)})


def test_rows_that_follow_each_other_have_the_numbers_of_the_same_rows_in_a_table_of_their_own(frame):
    together = measure(frame, "x", NAMES, [np.arange(100, 300)])
    alone = measure(frame.iloc[100:300].reset_index(drop=True), "x", NAMES, [np.random.default_rng(1).permutation(200)])
    some = [name for name in NAMES if name != "frozen"]  # the order of rows is what it is about
    assert [together[name][0] for name in some] == pytest.approx([alone[name][0] for name in some])


def test_the_numbers_are_those_of_pandas(frame):
    found = {name: values[0] for name, values in measure(frame, "x", NAMES, [np.arange(400)]).items()}
    x = frame.x
    assert found["median"] == x.median()
    assert found["q95"] == pytest.approx(x.quantile(0.95))
    assert found["top"] == x.value_counts(normalize=True).iloc[0]
    assert found["by word=a"] == pytest.approx(x[frame.word == "a"].mean())
    assert found["correlation y"] == pytest.approx(x.corr(frame.y))


def test_a_column_that_does_not_vary_has_no_correlation():
    assert math.isnan(correlation(np.ones(50), np.arange(50.0)))


def test_a_piece_without_rows_has_no_numbers(frame):
    found = measure(frame, "x", NAMES, [np.empty(0, dtype=int)])
    assert all(math.isnan(values[0]) for values in found.values())

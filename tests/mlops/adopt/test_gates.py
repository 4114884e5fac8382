"""Gates that are drawn: what is asked of the next version is what the first surely was."""

import pytest

from mlops.adopt.gates import draw
from mlops.adopt.measure import Measured


def measured(metric="auc", model=0.8, guess=0.5, low=0.2, rows=2000):
    return Measured("trees", {}, metric, model, guess, low, rows, rows * 4, {}, 1.0, 1.0, (), "a guess")


@pytest.mark.parametrize(("metric", "model", "guess", "limit"), [("auc", 0.8, 0.5, 0.6), ("rmse", 2.0, 3.0, 2.9)])
def test_the_limit_is_half_of_what_the_model_surely_gained(metric, model, guess, limit):
    gate = draw(measured(metric, model, guess, low=0.2))
    assert (gate.without_champion, gate.limit) == ("baseline", limit)


def test_a_first_version_whose_gain_few_rows_cannot_show_is_called_unproven():
    gate = draw(measured(low=-0.1, rows=60))
    assert gate.without_champion == "limits"
    assert gate.why.startswith("UNPROVEN: 60 test rows")


def test_many_rows_that_do_not_show_a_gain_let_nothing_in():
    assert draw(measured(low=-0.1)).without_champion == "baseline"

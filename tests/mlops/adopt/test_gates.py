"""The gates: what is written can be read back, whatever the target's size."""

from types import SimpleNamespace

import pytest
import yaml

from mlops.adopt.gates import draw, gate_yaml
from mlops.adopt.measure import Measured


def measured(size):
    numbers = {"rmse": 0.3 * size}
    return Measured("trees", {}, "rmse", 0.3 * size, float(size), 0.1 * size, 500, 2_000, numbers, 1.0, 1.0, (), "the mean")


@pytest.mark.parametrize("size", [1e-7, 0.02, 1, 1e4, 1e7, 1e12])
def test_a_gate_holds_numbers_whether_the_target_is_a_share_or_a_price(size):
    """YAML reads 3e+03 as a word: a gate of house prices was refused."""
    column = SimpleNamespace(name="region", role="category", used=True, distinct=4, values=("a", "b", "c", "d"))
    plan = SimpleNamespace(metric="rmse", task="regression", columns=(column,), rows=2_500, split=SimpleNamespace(share=0.2))
    gate = yaml.safe_load(gate_yaml(plan, measured(size)))["gate"]
    assert gate["limits"]["rmse"]["at_most"] == pytest.approx(0.95 * size, rel=0.01)
    assert gate["slices"]["may_fall_by"] == pytest.approx(0.03 * size, rel=0.1)


def first(metric="auc", model=0.8, guess=0.5, low=0.2, rows=2000):
    return Measured("trees", {}, metric, model, guess, low, rows, rows * 4, {}, 1.0, 1.0, (), "a guess")


@pytest.mark.parametrize(("metric", "model", "guess", "limit"), [("auc", 0.8, 0.5, 0.6), ("rmse", 2.0, 3.0, 2.9)])
def test_the_limit_is_half_of_what_the_model_surely_gained(metric, model, guess, limit):
    gate = draw(first(metric, model, guess, low=0.2))
    assert (gate.without_champion, gate.limit) == ("baseline", limit)


def test_a_first_version_whose_gain_few_rows_cannot_show_is_called_unproven():
    gate = draw(first(low=-0.1, rows=60))
    assert gate.without_champion == "limits"
    assert gate.why.startswith("UNPROVEN: 60 test rows")


def test_so_few_rows_confirm_nothing_whatever_their_interval_says():
    gate = draw(first(low=0.2, rows=7))
    assert gate.without_champion == "limits"
    assert gate.why.startswith("UNPROVEN: 7 test rows prove nothing")


def test_many_rows_that_do_not_show_a_gain_let_nothing_in():
    assert draw(first(low=-0.1)).without_champion == "baseline"

"""What each expression of a search space means, and that trial i gets the same parameters whatever came before it."""

import math

import pytest

from mlops.local.kinds.space import Grid, Random, Sobol, sampler_of, seed_of, value_at

RANGE = {"min_value": -1, "max_value": 3}
BELL = {"mu": 2, "sigma": 0.5}
ONE_DEVIATION = 0.8413447460685429  # of a normal distribution lies below the mean plus one deviation


@pytest.mark.parametrize(
    ("space", "unit", "value"),
    [
        ({"type": "choice", "values": ["a", "b", "c"]}, 0.99, "c"),
        ({"type": "choice", "values": ["a", "b", "c"]}, 0.34, "b"),
        ({"type": "randint", "upper": 4}, 0.99, 3),
        ({"type": "randint", "upper": 4}, 0.0, 0),
        ({"type": "uniform", **RANGE}, 0.25, 0.0),
        ({"type": "quniform", **RANGE, "q": 2}, 0.7, 2),
        ({"type": "quniform", **RANGE, "q": 0.1}, 0.335, 0.3),
        ({"type": "loguniform", **RANGE}, 0.75, math.exp(2)),
        ({"type": "qloguniform", **RANGE, "q": 5}, 0.75, 5),
        ({"type": "normal", **BELL}, ONE_DEVIATION, 2.5),
        ({"type": "qnormal", **BELL, "q": 2}, ONE_DEVIATION, 2),
        ({"type": "lognormal", **BELL}, ONE_DEVIATION, math.exp(2.5)),
        ({"type": "qlognormal", **BELL, "q": 5}, ONE_DEVIATION, 10),
    ],
)
def test_an_expression_means_what_the_documentation_says(space, unit, value):
    found = value_at(space, unit)
    assert found == pytest.approx(value) if isinstance(value, float) else found == value
    assert type(found) is type(value)


def test_a_logarithm_may_have_another_base():
    assert value_at({"type": "loguniform", "min_value": -3, "max_value": -1}, 0.5, base=10) == pytest.approx(0.01)


def test_a_grid_is_every_combination_once():
    grid = Grid({"a": {"type": "choice", "values": [1, 2]}, "b": {"type": "choice", "values": ["x", "y", "z"]}})
    tried = [grid.propose(i) for i in range(6)]
    assert tried[:2] == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}]
    assert len({tuple(t.items()) for t in tried}) == 6
    assert grid.propose(6) is None


@pytest.mark.parametrize(
    "sampler", [lambda seed: Random(SPACES, seed), pytest.param(lambda seed: Sobol(SPACES, seed, 64), marks=pytest.mark.slow)]
)
def test_a_trials_parameters_depend_on_the_seed_and_its_number_alone(sampler):
    assert sampler(5).propose(17) == sampler(5).propose(17) != sampler(6).propose(17)
    assert sampler(5).propose(17) != sampler(5).propose(18)


SPACES = {"u": {"type": "uniform", "min_value": 0, "max_value": 1}, "n": {"type": "normal", "mu": 0, "sigma": 1}}


@pytest.mark.slow  # imports scipy.stats
def test_a_sobol_sequence_puts_one_point_into_each_sixteenth_of_the_range():
    sobol = Sobol(SPACES, 3, 16)
    assert sorted(int(sobol.propose(i)["u"] * 16) for i in range(16)) == list(range(16))


def job(**sampling):
    return {
        "sampling_algorithm": {"type": "random", "seed": None, **sampling},
        "search_space": {"x": {"type": "uniform", "min_value": 0, "max_value": 10}, "c": {"type": "choice", "values": ["a", "b"]}},
        "objective": {"goal": "minimize", "primary_metric": "loss"},
        "limits": {"max_total_trials": 32},
    }


def test_a_sweep_without_a_seed_tries_the_same_again_and_another_sweep_tries_something_else():
    assert seed_of(job()) == seed_of(job()) != seed_of(job(logbase=10))
    assert seed_of(job(seed=7)) == 7


def test_bayesian_sampling_finds_the_better_end_and_learns_from_trials_of_an_earlier_run():
    first, second = sampler_of(job(type="bayesian", seed=1)), sampler_of(job(type="bayesian", seed=1))
    for index in range(20):
        parameters = first.propose(index)
        value = abs(parameters["x"] - 2) + (parameters["c"] == "a")
        first.learn(index, parameters, value)
        second.learn(index, parameters, value)
    for sampler in (first, second):
        tried = [sampler.propose(index) for index in range(20, 30)]
        assert sum(abs(t["x"] - 2) < 2 for t in tried) > 5

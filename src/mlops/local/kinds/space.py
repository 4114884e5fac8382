"""The search space of a sweep: what each expression means, and which parameters the next trial gets.

The meaning is that of Azure ML's documentation (how-to-tune-hyperparameters, reference-yaml-job-sweep):

    uniform      u in [min_value, max_value]             normal      n with mean mu and deviation sigma
    quniform     round(u / q) * q                        qnormal     round(n / q) * q
    loguniform   exp(u)                                  lognormal   exp(n)
    qloguniform  round(exp(u) / q) * q                   qlognormal  round(exp(n) / q) * q
    choice       one of values                           randint     a whole number in [0, upper)

Each is a function of one number between 0 and 1, so that random numbers, a Sobol sequence and a grid need nothing else of it; and the
parameters of trial i depend on the seed and on i alone, so that a sweep that was killed goes on where it was.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Space = dict[str, Any]
Parameters = dict[str, Any]


class Sampler(Protocol):
    """Gives each trial its parameters."""

    def propose(self, index: int) -> Parameters | None:
        """Return the parameters of trial `index`, or None where the space is exhausted."""

    def learn(self, index: int, parameters: Parameters, value: float | None) -> None:
        """Take in how a trial ended: its value, None where it has none."""


def value_at(space: Mapping[str, Any], unit: float, base: float = math.e) -> Any:
    """Return the value of one expression at `unit`, a number in [0, 1); `base` is that of its logarithm."""
    kind = str(space["type"])
    if kind == "choice":
        return space["values"][int(unit * len(space["values"]))]
    if kind == "randint":
        return int(unit * int(space["upper"]))
    plain = kind.removeprefix("q").removeprefix("log")
    if plain == "uniform":
        low, high = float(space["min_value"]), float(space["max_value"])
        number = low + unit * (high - low)
    else:
        number = NormalDist(float(space["mu"]), float(space["sigma"])).inv_cdf(min(max(unit, 1e-12), 1 - 1e-12))
    number = base**number if "log" in kind else number
    return rounded(number, space["q"]) if kind.startswith("q") else number


def rounded(number: float, q: Any) -> float:
    """Return `round(number / q) * q`: a whole number where q is one."""
    step = float(q)
    times = round(number / step)
    return times * int(step) if step.is_integer() else float(f"{times * step:.12g}")


def seed_of(job: Mapping[str, Any]) -> int:
    """Return the seed that the job gives, or one made of the job itself: the same sweep tries the same parameters again."""
    given = job["sampling_algorithm"].get("seed")
    if given is not None:
        return int(given)
    text = json.dumps({**job, "limits": None}, sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


@dataclass(frozen=True)
class Random:
    """Independent draws."""

    spaces: Mapping[str, Space]
    seed: int
    base: float = math.e

    def propose(self, index: int) -> Parameters | None:
        drawn = random.Random(f"{self.seed}:{index}")  # noqa: S311 - a sample, not a secret
        return {name: value_at(space, drawn.random(), self.base) for name, space in self.spaces.items()}

    def learn(self, index: int, parameters: Parameters, value: float | None) -> None:
        """Nothing that was tried changes what is drawn."""


@dataclass(frozen=True)
class Sobol:
    """A Sobol sequence, which fills the space more evenly than random draws; the seed scrambles it."""

    spaces: Mapping[str, Space]
    seed: int
    total: int
    base: float = math.e
    points: Sequence[Sequence[float]] = field(init=False)

    def __post_init__(self) -> None:
        from scipy.stats import qmc  # type: ignore[import-untyped]

        sequence = qmc.Sobol(len(self.spaces), scramble=True, seed=self.seed)
        object.__setattr__(self, "points", sequence.random_base2(max(0, (self.total - 1).bit_length())))

    def propose(self, index: int) -> Parameters | None:
        units = zip(self.spaces.items(), self.points[index], strict=True)
        return {name: value_at(space, min(float(unit), 1 - 1e-12), self.base) for (name, space), unit in units}

    def learn(self, index: int, parameters: Parameters, value: float | None) -> None:
        """Nothing that was tried changes what is drawn."""


@dataclass(frozen=True)
class Grid:
    """Every combination of the choices, the last name's values changing fastest."""

    spaces: Mapping[str, Space]

    def propose(self, index: int) -> Parameters | None:
        combinations = itertools.product(*(space["values"] for space in self.spaces.values()))
        chosen = next(itertools.islice(combinations, index, None), None)
        return None if chosen is None else dict(zip(self.spaces, chosen, strict=True))

    def learn(self, index: int, parameters: Parameters, value: float | None) -> None:
        """Nothing that was tried changes what is drawn."""


class Bayesian:
    """Optuna's tree-structured Parzen estimator over choice, uniform and quniform, which are what the service's sampler takes."""

    def __init__(self, spaces: Mapping[str, Space], seed: int, goal: Literal["minimize", "maximize"]) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.optuna = optuna
        self.spaces = spaces
        # With several trials at once, the parameters of those that still run are taken as bad, so that not all try the same.
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        self.study = optuna.create_study(sampler=sampler, direction=goal)
        self.asked: dict[int, Any] = {}

    def _distribution(self, space: Mapping[str, Any]) -> Any:
        of = self.optuna.distributions
        if space["type"] == "choice":
            return of.CategoricalDistribution(range(len(space["values"])))
        return of.FloatDistribution(float(space["min_value"]), float(space["max_value"]))

    def propose(self, index: int) -> Parameters | None:
        trial = self.study.ask({name: self._distribution(space) for name, space in self.spaces.items()})
        self.asked[index] = trial
        return {name: _meant(space, trial.params[name]) for name, space in self.spaces.items()}

    def learn(self, index: int, parameters: Parameters, value: float | None) -> None:
        state = self.optuna.trial.TrialState
        if index in self.asked:
            self.study.tell(self.asked[index], value, state=state.FAIL if value is None else None)
        elif value is not None:  # of an earlier run of the same sweep
            params = {name: _unmeant(space, parameters[name]) for name, space in self.spaces.items()}
            distributions = {name: self._distribution(space) for name, space in self.spaces.items()}
            self.study.add_trial(self.optuna.trial.create_trial(params=params, distributions=distributions, value=value))


def _meant(space: Mapping[str, Any], drawn: Any) -> Any:
    if space["type"] == "choice":
        return space["values"][drawn]
    return rounded(drawn, space["q"]) if space["type"] == "quniform" else drawn


def _unmeant(space: Mapping[str, Any], parameter: Any) -> Any:
    if space["type"] == "choice":
        return space["values"].index(parameter)
    return min(max(float(parameter), float(space["min_value"])), float(space["max_value"]))


def sampler_of(job: Mapping[str, Any]) -> Sampler:
    """Return the sampler that a sweep's job asks for."""
    algorithm, spaces = job["sampling_algorithm"], job["search_space"]
    logbase = algorithm.get("logbase")
    base = math.e if logbase in {None, "e"} else float(logbase)
    if algorithm["type"] == "grid":
        return Grid(spaces)
    if algorithm["type"] == "bayesian":
        return Bayesian(spaces, seed_of(job), job["objective"]["goal"])
    if algorithm.get("rule") == "sobol":
        return Sobol(spaces, seed_of(job), job["limits"]["max_total_trials"], base)
    return Random(spaces, seed_of(job), base)

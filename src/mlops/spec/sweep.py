"""Sweeps: the search space, how it is sampled, what is optimised, and when a trial or the whole sweep is stopped."""

from __future__ import annotations

from mlops.spec import keys
from mlops.spec.distribution import whole
from mlops.spec.keys import Key
from mlops.spec.source import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.spec.reading import Here

_SAMPLING = Key(keys.one_of("random", "grid", "bayesian"), required=True)
SAMPLING = {
    "random": {"type": _SAMPLING, "seed": Key(keys.whole), "rule": Key(keys.one_of("random", "sobol")), "logbase": Key(keys.word)},
    "grid": {"type": _SAMPLING},
    "bayesian": {"type": _SAMPLING},
}
_RANGE = {"type": Key(required=True), "min_value": Key(keys.number, required=True), "max_value": Key(keys.number, required=True)}
_NORMAL = {"type": Key(required=True), "mu": Key(keys.number, required=True), "sigma": Key(keys.number, required=True)}
_STEP = {"q": Key(keys.number, required=True)}
SPACES = {
    "choice": {"type": Key(required=True), "values": Key(required=True)},
    "randint": {"type": Key(required=True), "upper": Key(keys.counted, required=True)},
    "uniform": _RANGE,
    "loguniform": _RANGE,
    "quniform": _RANGE | _STEP,
    "qloguniform": _RANGE | _STEP,
    "normal": _NORMAL,
    "lognormal": _NORMAL,
    "qnormal": _NORMAL | _STEP,
    "qlognormal": _NORMAL | _STEP,
}
_WHEN = {"type": Key(required=True), "evaluation_interval": Key(keys.counted), "delay_evaluation": Key(keys.whole)}
POLICIES = {
    "bandit": _WHEN | {"slack_factor": Key(keys.number), "slack_amount": Key(keys.number)},
    "median_stopping": _WHEN,
    "truncation_selection": _WHEN | {"truncation_percentage": Key(keys.counted, required=True)},
}
OBJECTIVE = {"goal": Key(keys.one_of("minimize", "maximize"), required=True), "primary_metric": Key(keys.text, required=True)}
LIMITS = {
    "max_total_trials": Key(keys.counted, required=True),
    "max_concurrent_trials": Key(keys.counted),
    "timeout": Key(keys.counted),
    "trial_timeout": Key(keys.counted),
}
BAYESIAN = ("choice", "uniform", "quniform")
"""The only distributions that the service's Bayesian sampling takes."""


def parse_sweep(here: Here, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the sweep here says beside its trial, with defaults filled in; mistakes are noted."""
    sampling = _sampling(here.at("sampling_algorithm"), body.get("sampling_algorithm"))
    return {
        "sampling_algorithm": sampling,
        "search_space": _search_space(here.at("search_space"), body.get("search_space"), sampling["type"]),
        "objective": _objective(here.at("objective"), body.get("objective")),
        "early_termination": _early_termination(here.at("early_termination"), body.get("early_termination"), sampling["type"]),
        "limits": _limits(here.at("limits"), body.get("limits")),
    }


def _sampling(here: Here, value: Any) -> dict[str, Any]:
    body = {"type": value} if isinstance(value, str) else here.mapping(value)
    kind = keys.plain(body.get("type", "random"), SAMPLING)
    if kind not in SAMPLING:
        here.note(f"unknown sampling algorithm {body.get('type')!r}", f"algorithms: {', '.join(SAMPLING)}")
        kind = "random"
    elif not isinstance(value, str) and value is not None:
        here.judge(body, SAMPLING[kind], f"{kind} sampling")
    rule = keys.plain(body.get("rule") or "random", ("random", "sobol"))
    seed = body.get("seed")
    return {"type": kind, "seed": None if seed is None else whole(seed), "rule": rule, "logbase": body.get("logbase")}


def _search_space(here: Here, value: Any, sampling: str) -> dict[str, Any]:
    space = here.mapping(value)
    if not space:
        here.note(
            "a sweep needs a `search_space`",
            "For example: search_space: {rate: {type: uniform, min_value: 0.01, max_value: 1}}",
            at_key=True,
        )
    found = {str(name): _space(here.at(name), item) for name, item in space.items()}
    for name, item in found.items():
        if sampling == "grid" and item.get("type", "choice") != "choice":
            here.at(name).note("grid sampling takes `choice` only", "Use type: choice, or sampling_algorithm: random.")
        elif sampling == "bayesian" and item.get("type", "choice") not in BAYESIAN:
            here.at(name).note(f"bayesian sampling takes {', '.join(BAYESIAN)} only", "Use one of them, or sampling_algorithm: random.")
    return found


def _space(here: Here, value: Any) -> dict[str, Any]:
    body = here.mapping(value)
    kind = str(body.get("type", "")).lower()
    if kind not in SPACES:
        here.at("type").note(f"unknown type of search space {body.get('type')!r}", did_you_mean(kind, SPACES, label="types"))
        return {}
    here.judge(body, SPACES[kind], f"a {kind} search space")
    if kind == "choice":
        _check_choices(here.at("values"), body.get("values"))
    elif "min_value" in body and "max_value" in body and _is_above(body["min_value"], body["max_value"]):
        here.note(f"min_value {body['min_value']!r} is above max_value {body['max_value']!r}")
    return {**body, "type": kind}


def _check_choices(here: Here, value: Any) -> None:
    if not isinstance(value, list) or not value:
        here.note("a choice needs `values`, a list with at least one value")
    elif any(isinstance(one, dict | list) for one in value):
        here.note("a choice between mappings is not run here", "Give each of their names a search space of its own.")


def _is_above(low: Any, high: Any) -> bool:
    return not keys.number(low) and not keys.number(high) and float(low) > float(high)


def _objective(here: Here, value: Any) -> dict[str, Any]:
    body = here.mapping(value)
    return {"goal": keys.plain(body.get("goal", ""), ("minimize", "maximize")), "primary_metric": body.get("primary_metric")}


def _early_termination(here: Here, value: Any, sampling: str) -> dict[str, Any] | None:
    if value is None:
        return None
    body = here.mapping(value)
    kind = keys.plain(body.get("type", ""), POLICIES)
    if kind not in POLICIES:
        here.at("type").note(f"unknown early termination policy {body.get('type')!r}", did_you_mean(kind, POLICIES, label="policies"))
        return None
    here.judge(body, POLICIES[kind], f"{kind} early termination")
    if kind == "bandit" and (body.get("slack_factor") is None) == (body.get("slack_amount") is None):
        here.note("bandit takes either `slack_factor` or `slack_amount`", "For example: slack_factor: 0.1")
    if sampling == "bayesian":
        here.note("bayesian sampling does not go with early termination", "Leave early_termination out, or use sampling_algorithm: random.")
    defaults = {"evaluation_interval": 1, "delay_evaluation": 0}
    return defaults | {name: item for name, item in body.items() if item is not None} | {"type": kind}


def _limits(here: Here, value: Any) -> dict[str, Any]:
    body = here.mapping(value)
    total = whole(body.get("max_total_trials"))
    limits = {name: whole(body[name]) if body.get(name) is not None else None for name in LIMITS}
    return limits | {"max_concurrent_trials": limits["max_concurrent_trials"] or total}

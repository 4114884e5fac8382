"""The words of the REST interface, as those of the YAML: `maxTotalTrials` is `max_total_trials`, `PT10M` are 600 seconds. Values in, values out."""

from __future__ import annotations

import re
from typing import Any

_SPACES = {
    "choice": ("values",),
    "randint": ("upper",),
    **dict.fromkeys(("uniform", "loguniform"), ("min_value", "max_value")),
    **dict.fromkeys(("quniform", "qloguniform"), ("min_value", "max_value", "q")),
    **dict.fromkeys(("normal", "lognormal"), ("mu", "sigma")),
    **dict.fromkeys(("qnormal", "qlognormal"), ("mu", "sigma", "q")),
}
"""A search space, and what its arguments are called in their order."""
_LENGTH = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")
_NAMES = {"limit_settings": "limits", "training_settings": "training", "featurization_settings": "featurization"}


def snake(word: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", word).lower()


def snakes(told: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping and those below it with their keys in the YAML's spelling; nothing is kept where nothing was said."""
    return {snake(key): snakes(value) if isinstance(value, dict) else value for key, value in told.items() if value is not None}


def seconds(length: str) -> int:
    """Return an ISO 8601 length of time in seconds."""
    fits = _LENGTH.fullmatch(length)
    days, hours, minutes, rest = (float(part or 0) for part in fits.groups()) if fits else (0, 0, 0, 0)
    return round(((days * 24 + hours) * 60 + minutes) * 60 + rest)


def command(told: dict[str, Any]) -> dict[str, Any]:
    """Return a command, as a job of its own or as a sweep's trial has it."""
    made = {"command": told["command"], "environment_variables": told.get("environmentVariables") or {}}
    if told.get("distribution"):
        kind = {"PyTorch": "pytorch", "TensorFlow": "tensorflow", "Mpi": "mpi", "Ray": "ray"}[told["distribution"]["distributionType"]]
        made["distribution"] = {"type": kind, **{k: v for k, v in snakes(told["distribution"]).items() if k != "distribution_type"}}
    if (told.get("resources") or {}).get("instanceCount"):
        made["resources"] = {"instance_count": told["resources"]["instanceCount"]}
    return made | ({"limits": limits(told["limits"])} if told.get("limits") else {})


def limits(told: dict[str, Any]) -> dict[str, Any]:
    return {key: seconds(value) if key.endswith("timeout") else value for key, value in snakes(told).items() if key != "job_limits_type"}


def policy(told: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an early termination policy; `key` is what its type stands under. An amount of slack that is zero is none."""
    made = {name: value for name, value in snakes(told).items() if name != snake(key) and not (name.startswith("slack") and not value)}
    return {"type": snake(told[key]), **made}


def sweep(told: dict[str, Any]) -> dict[str, Any]:
    """Return a sweep of its own, without its trial."""
    made: dict[str, Any] = {"objective": {**snakes(told["objective"]), "goal": told["objective"]["goal"].lower()}}
    made["limits"] = limits(told["limits"])
    made["search_space"] = {
        name: {"type": kind, **dict(zip(_SPACES[kind], values, strict=True))} for name, (kind, values) in told["searchSpace"].items()
    }
    if told.get("samplingAlgorithm"):
        given = snakes(told["samplingAlgorithm"])
        made["sampling_algorithm"] = {"type": given.pop("sampling_algorithm_type").lower(), **given}
    return made | ({"early_termination": policy(told["earlyTermination"], "policyType")} if told.get("earlyTermination") else {})


def sweep_node(told: dict[str, Any]) -> dict[str, Any]:
    """Return a sweep in a pipeline, which says all but its policy in the YAML's words."""
    given = told.get("early_termination")
    return told | ({"early_termination": policy(given, "policy_type")} if given else {})


def spark(told: dict[str, Any]) -> dict[str, Any]:
    entry = told["entry"]
    made = {"entry": {"file": entry["file"]} if "file" in entry else {"class_name": entry["className"]}}
    made |= {snake(key): told[key] for key in ("pyFiles", "jars", "files", "archives", "args", "conf") if told.get(key)}
    return made


def automl(told: dict[str, Any]) -> dict[str, Any]:
    """Return what an automl job looks for, without its tables."""
    made = {
        snake(key): snakes(value) if isinstance(value, dict) else value
        for key, value in told.items()
        if value is not None and not key.endswith("Data")
    }
    made["task"] = made.pop("task_type").lower()
    made = {_NAMES.get(key, key): value for key, value in made.items()}
    for key in ("primary_metric", "log_verbosity"):
        made |= {key: snake(made[key])} if key in made else {}
    if "n_cross_validations" in made:
        made["n_cross_validations"] = made["n_cross_validations"].get("value", "auto")
    for key, values in made.get("training", {}).items():
        made["training"][key] = [snake(value) for value in values] if key.endswith("algorithms") else values
    made.get("featurization", {}).pop("transformer_params", None)
    given = {key: value for key, value in made.get("limits", {}).items() if not key.startswith("sweep_")}  # those of pictures and texts
    times = {f"{key}_minutes": seconds(value) // 60 for key, value in given.items() if key.endswith("timeout")}
    return made | {"limits": {key: value for key, value in given.items() if not key.endswith("timeout")} | times}

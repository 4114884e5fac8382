"""Parallel steps: how the input is cut into mini-batches, what is run on each, and how many failures are borne."""

from __future__ import annotations

import re

from mlops.spec import expressions, keys
from mlops.spec.distribution import whole
from mlops.spec.keys import Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.spec.reading import Here

_SIZE = r"\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>b|[kmgt]b?)?\s*"
_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def size_in(text: str | int) -> tuple[float, bool] | None:
    """Return a `mini_batch_size` as a number, and whether it is one of bytes: "10kb" -> (10240.0, True); None where it is none."""
    found = re.fullmatch(_SIZE, str(text), re.IGNORECASE)
    unit = found["unit"] if found else None
    return (float(found["number"]) * _UNITS[unit[0].lower() if unit else "b"], unit is not None) if found else None


def _mini_batch_size(value: Any) -> str | None:
    right = isinstance(value, str | int) and not isinstance(value, bool) and size_in(value) is not None
    return None if right else f"{value!r} is neither a number of files nor a size such as 10kb or 1mb"


TASK = {
    "type": Key(keys.one_of("run_function", "function", "model"), required=True),
    "code": Key(keys.text),
    "entry_script": Key(keys.text),
    "program_arguments": Key(keys.text),
    "append_row_to": Key(keys.text),
    "environment": Key(required=True),
    "model": keys.refused("a model is not scored by itself here", "Use type: run_function with an entry_script that loads the model."),
}
RETRY = {"max_retries": Key(keys.whole), "timeout": Key(keys.counted)}
KEYS = {
    "task": Key(keys.mapping, inner=TASK),
    "input_data": Key(keys.text),
    "mini_batch_size": Key(_mini_batch_size),
    "partition_keys": Key(keys.texts),
    "mini_batch_error_threshold": Key(keys.whole),
    "error_threshold": Key(keys.whole),
    "retry_settings": Key(keys.mapping, inner=RETRY),
    "max_concurrency_per_instance": Key(keys.counted),
    "logging_level": Key(keys.one_of("debug", "info", "warning", "warn")),
}


def parse_parallel(here: Here, body: Mapping[str, Any], instances: int) -> dict[str, Any]:
    """Return what the parallel step here says, with the documented defaults filled in; mistakes are noted.

    `max_concurrency_per_instance` stays None where it is not given: as many as the machine takes.
    """
    task = here.at("task").mapping(body.get("task"))
    kind = keys.plain(task.get("type", ""), ("run_function", "function", "model"))
    if kind == "model":
        here.at("task", "type").note(
            "a task of type model is not run here", "Use type: run_function with an entry_script that loads the model."
        )
    elif not task.get("entry_script"):
        here.at("task").note(
            "a parallel step's task needs an `entry_script`", "It has a function run(mini_batch), and init() if it likes.", at_key=True
        )
    if expressions.whole(body.get("input_data")) is None:
        here.at("input_data").note(
            "a parallel step needs `input_data: ${{inputs.NAME}}`", "It names the input that is cut into mini-batches."
        )
    retry = here.at("retry_settings").mapping(body.get("retry_settings"))
    kept = ("entry_script", "program_arguments", "append_row_to")
    return {
        "task": {"type": "run_function", **{name: task[name] for name in kept if task.get(name) is not None}},
        "input_data": body.get("input_data"),
        "mini_batch_size": str(body.get("mini_batch_size") or "1").replace(" ", "").lower(),
        "partition_keys": list(body.get("partition_keys") or []),
        "mini_batch_error_threshold": _number(body.get("mini_batch_error_threshold"), -1),
        "error_threshold": _number(body.get("error_threshold"), -1),
        "retry_settings": {"max_retries": _number(retry.get("max_retries"), 2), "timeout": _number(retry.get("timeout"), 60)},
        "max_concurrency_per_instance": _number(body.get("max_concurrency_per_instance"), None),
        "instance_count": instances,
        "logging_level": str(body.get("logging_level") or "INFO").upper(),
    }


def _number(value: Any, default: int | None) -> Any:
    return default if value is None else whole(value)

"""`distribution`: how many processes a command is started as, and which framework's variables they see."""

from __future__ import annotations

import importlib.util

from mlops.spec import keys
from mlops.spec.keys import Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mlops.spec.reading import Here

_TYPE = Key(keys.one_of("pytorch", "mpi", "tensorflow", "ray"), required=True)
_PROCESSES = {"type": _TYPE, "process_count_per_instance": Key(keys.counted)}
TABLES = {
    "pytorch": _PROCESSES,
    "mpi": _PROCESSES,
    "tensorflow": {"type": _TYPE, "worker_count": Key(keys.counted), "parameter_server_count": Key(keys.whole)},
    "ray": {
        "type": _TYPE,
        "port": Key(keys.whole),
        "address": Key(keys.text),
        "include_dashboard": keys.without_effect(keys.truth),
        "dashboard_port": keys.without_effect(keys.whole),
        "head_node_additional_args": Key(keys.text),
        "worker_node_additional_args": Key(keys.text),
    },
}


def parse_distribution(here: Here, value: Any, instances: int) -> dict[str, Any] | None:
    """Return the `distribution` here with its defaults filled in, or None where there is none (or it is wrong, which is noted)."""
    if value is None:
        return None
    body = here.mapping(value)
    kind = keys.plain(body.get("type", ""), TABLES)
    if kind not in TABLES:
        here.at("type").note(f"unknown type of distribution {body.get('type')!r}", f"types: {', '.join(TABLES)}")
        return None
    here.judge(body, TABLES[kind], f"a {kind} distribution")
    if kind == "ray" and importlib.util.find_spec("ray") is None:
        here.at("type").note("ray is not installed here", "Install the package ray, or use type: pytorch, which starts the same processes.")
    defaults = {"worker_count": instances, "parameter_server_count": 0} if kind == "tensorflow" else {}
    defaults = {"process_count_per_instance": 1} if kind in {"pytorch", "mpi"} else defaults
    given = {name: item for name, item in body.items() if name in TABLES[kind] and item is not None}
    return (
        defaults | {name: whole(item) if name.endswith(("_count", "_instance")) else item for name, item in given.items()} | {"type": kind}
    )


def whole(value: Any) -> Any:
    """Return a value as the whole number that it stands for; as it is where it stands for none, which was noted where it was judged."""
    return value if keys.whole(value) else int(float(value))

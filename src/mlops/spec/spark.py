"""Spark steps: the entry, the files that go with it, its configuration and its arguments."""

from __future__ import annotations

from mlops.spec import keys
from mlops.spec.keys import Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.spec.reading import Here

ENTRY = {
    "file": Key(keys.text),
    "class_name": keys.refused("a class is no entry, on Azure ML neither", "Name a Python file: entry: {file: main.py}"),
}
LISTS = ("py_files", "jars", "files", "archives")
KEYS = {
    "entry": Key(keys.mapping, inner=ENTRY),
    **dict.fromkeys(LISTS, Key(keys.texts)),
    "conf": Key(keys.words),
    "args": Key(keys.text),
}
RESOURCES = {"instance_type": keys.without_effect(keys.text), "runtime_version": keys.without_effect(keys.word)}


def parse_spark(here: Here, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the spark step here says, lists and arguments empty where it says nothing; mistakes are noted."""
    entry = here.at("entry").mapping(body.get("entry"))
    if len(entry) != 1:
        here.at("entry").note("a spark step needs an `entry`", "For example: entry: {file: main.py}", at_key=True)
    if body.get("compute") is not None and body.get("resources") is not None:
        here.at("compute").note("a spark job has either `compute` or `resources`", "Keep one of the two.", at_key=True)
    lists = {name: list(body.get(name) or []) for name in LISTS}
    for name, items in lists.items():
        if len(set(map(str, items))) < len(items):
            here.at(name).note(f"`{name}` names a file twice")
    wanted = here.at("resources").mapping(body.get("resources")).get("runtime_version")
    version = {} if wanted is None else {"runtime_version": str(wanted)}
    return {
        "entry": dict(entry),
        **lists,
        **version,
        "conf": dict(here.at("conf").mapping(body.get("conf"))),
        "args": body.get("args") or "",
    }

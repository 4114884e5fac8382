"""Why a step need not run again.

A recipe is everything that decides what a step makes: its command, code, parameters, the digests of its inputs and its environment, each
part by name. The same recipe was cooked before and its outputs are still what they were: reuse them. Otherwise the difference of the two
recipes is the reason to run, in words.
"""

from __future__ import annotations

import json
from functools import cached_property

from mlops.hashing import sha256
from mlops.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.engine.events import Product

_AS_TEXT = json.JSONEncoder(sort_keys=True).encode
SAME = "same data, code, parameters"


@dataclass(frozen=True)
class Recipe:
    """The named parts that decide a step's outputs, each as text or a digest."""

    parts: Mapping[str, str]

    @cached_property
    def key(self) -> str:
        """A digest of the whole recipe: the name under which its outputs are kept."""
        return sha256(_AS_TEXT(dict(self.parts)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Fresh:
    """The step need not run."""

    reason: str
    outputs: Mapping[str, Product]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Stale:
    """The step must run."""

    reason: str


def compare(before: Recipe | None, now: Recipe) -> str:
    """Return in words why `now` is not `before`: the changed, added and missing parts, at most three by name."""
    if before is None:
        return "never run before"
    names = sorted(before.parts.keys() | now.parts.keys())
    changes = [
        _change(name, before.parts.get(name), now.parts.get(name)) for name in names if before.parts.get(name) != now.parts.get(name)
    ]
    if not changes:
        return "its earlier outputs are gone"
    more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
    return ", ".join(changes[:3]) + more


def _change(name: str, before: str | None, now: str | None) -> str:
    if before is None:
        return f"{name} is new"
    if now is None:
        return f"{name} is gone"
    if max(len(before), len(now)) <= 24 and not now.startswith("sha256:"):
        return f"{name} {before} -> {now}"
    return f"{name} changed"

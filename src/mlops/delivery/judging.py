"""Rules of a trial, as they are told and judged: each has a name, whether it passed, and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def rule(name: str, passed: bool, reason: str) -> dict[str, Any]:
    """Return a rule that was judged."""
    return {"name": name, "passed": bool(passed), "reason": reason}


def smoke_rule(smoke: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rule that every held-out row is answered as offline."""
    worst = smoke["worst_difference"]
    told = f"{smoke['equal']} of {smoke['requests']} equal to the offline predictions (worst difference {worst:.2g})"
    if smoke["failures"]:
        told += f"; first failure: {smoke['failures'][0]}"
    return rule("smoke", smoke["equal"] == smoke["requests"], told)

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


def error_rate_rule(rate: float, asked: str, at_most: float, first: str = "") -> dict[str, Any]:
    """Return the rule about failures: `asked` says of how many requests, `first` how the first of them failed."""
    told = f"{rate:.2%} of {asked}, at most {at_most:.2%}"
    return rule("error_rate", rate <= at_most, f"{told}; {first}" if first else told)


def unwatched() -> dict[str, Any]:
    """Return what a watch tells where none was asked for."""
    return {"seconds": 0.0, "requests": 0, "error_rate": None, "p95_ms": None, "rules": []}

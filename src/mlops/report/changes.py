"""What differs between a run and the one that made the champion: parameters, data, code, features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.report.comparison import mapping
from mlops.report.figures import line, short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.report.pieces import Pieces


@dataclass(frozen=True)
class Change:
    """One thing that is not what it was; empty text where it was not there."""

    kind: str
    name: str
    before: str
    after: str


def changes(run: Mapping[str, Any], previous: Mapping[str, Any], columns: tuple[Any, Any] = (None, None)) -> list[Change]:
    """Return all differences, those that a person decided first.

    Args:
        run: The record of a run.
        previous: The record of the run that made the champion.
        columns: The columns the model takes, now and then, where both are known.
    """
    now, then = _values(run), _values(previous)
    found = [Change("parameter", name, then.get(name, ""), now.get(name, "")) for name in differing(now, then)]
    found += _features(*columns)
    now, then = _digests(run), _digests(previous)
    found += [Change("data", name, short(then.get(name, "")), short(now.get(name, ""))) for name in differing(now, then)]
    return found + _code(run, previous)


def since_champion(found: Pieces) -> list[Change]:
    """Return what differs from the run that made the champion; nothing where that run is no longer there."""
    if not found.previous:
        return []
    evidence = (found.evidence.value, found.previous_evidence.value)
    now, then = (mapping(mapping(value).get("model")).get("inputs") for value in evidence)
    return changes(found.run, found.previous.value, (now, then))


def differing(now: Mapping[str, str], then: Mapping[str, str]) -> list[str]:
    """Return the names whose values are not the same, those of the first mapping first."""
    return [name for name in {**now, **then} if now.get(name) != then.get(name)]


def _values(run: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of the pipeline, and those of steps that do not come from it."""
    own = {line(name): line(given["value"]) for name, given in _items(run.get("inputs")) if "value" in given}
    for step, facts in _items(run.get("steps")):
        if step == "compare":  # whom the candidate met is no parameter of it
            continue
        for name, given in _items(facts.get("inputs")):
            if "value" in given and line(name) not in own:
                own[f"{line(step)}.{line(name)}"] = line(given["value"])
    return own


def _digests(run: Mapping[str, Any]) -> dict[str, str]:
    return {line(name): line(given["digest"]) for name, given in _items(run.get("inputs")) if given.get("digest")}


def _items(value: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(name, mapping(entry)) for name, entry in mapping(value).items()]


def _features(now: Any, then: Any) -> list[Change]:
    if not isinstance(now, list) or not isinstance(then, list):
        return []
    gone = [Change("feature", line(name), "used", "") for name in then if name not in now]
    return [Change("feature", line(name), "", "used") for name in now if name not in then] + gone


def _code(run: Mapping[str, Any], previous: Mapping[str, Any]) -> list[Change]:
    now, then = _commit(run), _commit(previous)
    return [Change("code", "commit", then, now)] if now != then or run.get("dirty") else []


def _commit(run: Mapping[str, Any]) -> str:
    commit = short(run.get("commit") or "")
    return f"{commit or 'no commit'}{' and uncommitted changes' if run.get('dirty') else ''}"

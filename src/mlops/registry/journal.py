"""The record of moves: which version an environment went to, from which, when, by whom, why and on which evidence.

A move is a tag of the version that it goes to, or that is taken back where nothing was before it. It is written as `begun` before the alias is moved, and as `done` afterwards: a process that
is killed between the two leaves a record that the next move can finish or take away, so that the record never lacks a move that happened and
the same request asked twice is one move.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PREFIX = "slipway.move."


@dataclass(frozen=True)
class Move:
    """One move of an environment from a version to another."""

    at: str
    environment: str
    before: int | None
    after: int | None
    """None where nothing serves afterwards: it was taken back, and there was no version before it."""
    who: str
    reason: str
    digest: str
    evidence: str = ""
    """Digest of the evidence that the move was made on."""
    kind: str = "promote"
    """promote, or rollback."""

    @property
    def holder(self) -> int:
        """The version whose tag it is: the one that it goes to, or the one that left."""
        number = self.before if self.after is None else self.after
        assert number is not None  # noqa: S101 - a move is to a version, or from one
        return number


@dataclass(frozen=True)
class Entry:
    """A move as it is recorded: `done` is false from before the alias is moved until after."""

    move: Move
    done: bool

    @property
    def key(self) -> str:
        return PREFIX + self.move.at

    @property
    def text(self) -> str:
        return json.dumps({**asdict(self.move), "done": self.done}, ensure_ascii=False)


def now() -> str:
    """Return the time in UTC, to the microsecond: moves are ordered by it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def entries(tags: Iterable[Mapping[str, str]]) -> list[Entry]:
    """Return what the tags of all versions record, the newest first."""
    found = [_entry(json.loads(value)) for one in tags for key, value in one.items() if key.startswith(PREFIX)]
    return sorted(found, key=lambda entry: entry.move.at, reverse=True)


def _entry(facts: dict[str, Any]) -> Entry:
    done = bool(facts.pop("done"))
    return Entry(Move(**facts), done)


def happened(found: Sequence[Entry], aliases: Mapping[str, int]) -> list[Move]:
    """Return the moves that took place: those done, and one cut short after its alias had moved."""
    newest = {entry.move.environment: entry for entry in reversed(found)}
    cut = {entry.key for environment, entry in newest.items() if aliases.get(environment) == entry.move.after}
    return [entry.move for entry in found if entry.done or entry.key in cut]


def before(moves: Sequence[Move], environment: str, serving: int, taken_back: Iterable[int]) -> int | None:
    """Return the version that an environment was promoted from to what it serves, passing over those that were taken back; or None.

    Args:
        moves: The newest first.
        environment: staging or production.
        serving: The version that it serves.
        taken_back: Versions that were rolled back and not promoted by hand since.
    """
    avoid, seen = set(taken_back), {serving}
    at: int | None = serving
    while at is not None:
        promoted = (move for move in moves if move.environment == environment and move.after == at and move.kind != "rollback")
        at = next((move.before for move in promoted), None)
        if at is not None and at not in avoid and at not in seen:
            return at
        if at in seen:
            return None
        seen.add(at or 0)
    return None


def conflict(moves: Sequence[Move], environment: str, current: int | None, expected: int | None) -> JobFailed:
    """Return the error for the one of two moves that came second: it says who was first, and when."""
    last = next((move for move in moves if move.environment == environment), None)
    by = f", moved by {last.who} at {last.at[:19]}Z" if last else ""
    was, serves = (f"v{version}" if version else "no version" for version in (expected, current))
    hint = "Nothing was changed. Look with `mlops status`, then ask again."
    return JobFailed(f"{environment} was {was} when this began, and is {serves} now{by}", hint=hint)

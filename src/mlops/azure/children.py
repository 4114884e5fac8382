"""The steps of a job as the service has them: its runs, and those of the pipelines within it, asked for as seldom as will do."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops.azure.following import ENDED, seen_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops.azure.following import Seen
    from mlops.azure.plane import Plane


@dataclass
class Children:
    """Asks for the steps of one job.

    Args:
        plane: The workspace's data plane.
        job: The job's name.
        steps: The names of all steps that are known, `outer.make` for one in a pipeline within.
        bodies: What loops repeat.
        called: What the service calls a step that has a name of its own to be shown -> the step.
    """

    plane: Plane
    job: str
    steps: Sequence[str]
    bodies: Sequence[str]
    called: Mapping[str, str]
    _inner: frozenset[str] = field(init=False)
    _waiting: deque[str] = field(default_factory=deque, init=False)
    """Pipelines within that go on, the one that was looked at longest ago first."""
    _runs: dict[str, str] = field(default_factory=dict, init=False)
    _closed: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        names = (*self.steps, *self.bodies)
        self._inner = frozenset(".".join(parts[:n]) for parts in (name.split(".") for name in names) for n in range(1, len(parts)))

    def look(self) -> Iterator[Seen]:
        """Yield the steps as they are: of the job itself, of each pipeline within that has just ended, and of one of those that go on."""
        yield from self._below(self.job, "")
        if self._waiting:
            inner = self._waiting.popleft()
            self._waiting.append(inner)
            yield from self._below(self._runs[inner], f"{inner}.")

    def _below(self, run: str, within: str) -> Iterator[Seen]:
        for one in self.plane.children(run):
            title = str(one.get("displayName"))
            step = within + (title if within else self.called.get(title, title))
            seen = seen_of(step, str(one["runId"]), one.get("status"), str(one.get("target") or ""), one.get("properties") or {})
            if self._holds(step):
                yield from self._into(seen)
            else:
                yield seen

    def _into(self, seen: Seen) -> Iterator[Seen]:
        """Note a pipeline within; one that has ended is looked at for the last time."""
        self._runs[seen.step] = seen.run
        if seen.status not in ENDED:
            if seen.step not in self._waiting:
                self._waiting.append(seen.step)
        elif seen.step not in self._closed:
            self._closed.add(seen.step)
            if seen.step in self._waiting:
                self._waiting.remove(seen.step)
            yield from self._below(seen.run, f"{seen.step}.")

    def _holds(self, step: str) -> bool:
        """Whether a step is a pipeline, or an iteration of one."""
        body = next((body for body in self.bodies if step.startswith(f"{body}-")), step)
        return body in self._inner

    @property
    def parents(self) -> list[str]:
        """The runs that steps are directly below, as far as they were seen: the job's own, and those of the pipelines within."""
        return [self.job, *self._runs.values()]

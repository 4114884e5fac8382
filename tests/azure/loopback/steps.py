"""The runs of one job, as run history has them: a run for each step, one for each pipeline within the pipeline, and under a sweep one for each trial."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from .workspace import moment

ENDED = {"Completed", "Failed", "Canceled"}
_EVENTS = {"Started": "Running", "Finished": "Completed", "Reused": "Completed", "Failed": "Failed", "Canceled": "Canceled"}
_TRIALS = {"RUNNING": "Running", "FINISHED": "Completed", "FAILED": "Failed"}


@dataclass
class Step:
    """One run: `outputs` has the type and the datastore path of each output; `under` is the step that it is in, and none for a job's own."""

    run: str
    name: str
    under: str = ""
    status: str = "Running"
    began: str = field(default_factory=moment)
    ended: str = ""
    error: str = ""
    reused: str = ""
    outputs: dict[str, tuple[str, str]] = field(default_factory=dict)
    logged: int = -1

    @property
    def title(self) -> str:
        """What it is called among its neighbours."""
        return self.name.rpartition(".")[2]


@dataclass
class Steps:
    """All steps of a job so far, by their names; `outer.make` is the step `make` in `outer`."""

    planned: set[str] = field(default_factory=set)
    """The steps that the job was known to have when it began."""
    found: dict[str, Step] = field(default_factory=dict)
    _over: set[str] = field(default_factory=set)

    def happened(self, name: str, kind: str) -> Step:
        """Take an event in: the step that it is about, and the pipelines around it, are as it says."""
        self._around(name)
        step = self.found.setdefault(name, Step(str(uuid.uuid4()), name, name.rpartition(".")[0]))
        step.status = _EVENTS[kind]
        if kind != "Started":
            step.ended = moment()
            self._over.add(name)
            self._ended_around(name)
        return step

    def skipped(self, name: str) -> None:
        self._over.add(name)
        self._ended_around(name)

    def away(self) -> list[Step]:
        """The machine was taken away: what ran on it waits for another one, and is returned."""
        lost = [step for step in self.found.values() if step.status == "Running"]
        for step in lost:
            step.status = "Queued"
        return lost

    def end(self, status: str) -> None:
        """End what goes on, for the job has ended."""
        for step in self.found.values():
            if step.status not in ENDED:
                step.status, step.ended = status, moment()

    def children(self, under: str) -> list[Step]:
        return [step for step in self.found.values() if step.under == under]

    def _around(self, name: str) -> None:
        outer = name.rpartition(".")[0]
        if outer:
            self._around(outer)
            self.found.setdefault(outer, Step(str(uuid.uuid4()), outer, outer.rpartition(".")[0]))

    def _ended_around(self, name: str) -> None:
        outer = name.rpartition(".")[0]
        if not outer or outer not in self.found:
            return
        inside = {one for one in self.planned | set(self.found) if one.startswith(f"{outer}.")}
        leaves = {one for one in inside if not any(other.startswith(f"{one}.") for other in inside)}
        if leaves <= self._over:
            states = {self.found[one].status for one in leaves if one in self.found}
            self.found[outer].status = next((state for state in ("Failed", "Canceled") if state in states), "Completed")
            self.found[outer].ended = moment()
        self._ended_around(outer)


def trial(under: str, run: str, number: int, status: str, outputs: dict[str, tuple[str, str]]) -> Step:
    """Return a trial of a sweep as a step of its own; the best one has the sweep's outputs."""
    return Step(f"{run}_{number}", f"{under}.{run}_{number}", under, _TRIALS.get(status, "Canceled"), outputs=outputs)

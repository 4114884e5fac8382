"""What the service says of a job, as the events that every reader knows. Values in, events out: nothing here talks to anybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops.engine.events import Canceled, Event, Failed, Finished, Product, Progress, Reused, Skipped, Started

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ENDED = {"Completed": "completed", "Failed": "failed", "Canceled": "canceled", "NotResponding": "failed"}
"""The service's last states, and what they are called here."""
AWAY = "its machine was taken away: queued again"
"""What is told of a step that ran and waits again."""
QUEUED = "Queued"
_BUSY = {"Running", "Preparing", "Provisioning", "Starting", "Finalizing"}
_REUSED, _FROM = "azureml.isreused", "azureml.reusedrunid"


@dataclass(frozen=True)
class Seen:
    """One step as the service tells it: its run's id, its state, and where it was reused from, if it was."""

    step: str
    run: str
    status: str
    compute: str = ""
    reused_from: str = ""


def word(status: object) -> str:
    """Return a state as the service writes it: azure-ai-ml has it as a word, or as a member of an enumeration."""
    return str(getattr(status, "value", status))


def seen_of(step: str, run: str, status: object, compute: str, properties: Mapping[str, str]) -> Seen:
    """Return a step of the run history's facts."""
    reused = str(properties.get(_REUSED, "")).lower() == "true"
    return Seen(step, run, word(status), compute, (properties.get(_FROM) or "an earlier run") if reused else "")


@dataclass
class Progressed:
    """What has been told of each step so far. `needs` has every step of the job, and those that it waits for."""

    needs: Mapping[str, tuple[str, ...]]
    outputs: Mapping[str, tuple[str, ...]]
    """The outputs of each step, by name."""
    bodies: tuple[str, ...] = ()
    """What loops repeat, as `outer.body`: each iteration is a step that nobody knew before."""
    runs: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    idle: float | None = None
    """Since when steps only wait for a machine, in seconds since the epoch; None while one runs, or none waits."""

    @property
    def running(self) -> list[str]:
        """The steps that are on a machine, as far as was told."""
        return [step for step, state in self.states.items() if state not in ENDED and state != QUEUED]

    @property
    def ended(self) -> bool:
        """Whether every step that was known at the start has ended."""
        return all(self.states.get(step) in ENDED for step in self.needs)

    @property
    def failing(self) -> bool:
        return "Failed" in self.states.values()

    def knows(self, step: str) -> bool:
        return step in self.needs or any(step.startswith(f"{body}-") for body in self.bodies)

    def events(self, seen: Sequence[Seen], now: float) -> Iterator[Event]:
        """Yield what is new. A failure's reason and log are added by who has them.

        Args:
            seen: The steps that the service knows of, as they are.
            now: Seconds since the epoch.
        """
        for one in seen:
            before = self.states.get(one.step)
            if not self.knows(one.step) or before == one.status or before in ENDED:
                continue
            self.states[one.step], self.runs[one.step] = one.status, one.run
            if before is None and not one.reused_from:
                self.began[one.step] = now
                yield Started(one.step, f"on {one.compute or 'Azure ML'}", now)
            if one.status in ENDED:
                yield self._ended(one, now)
            elif one.status == QUEUED and before in _BUSY:
                yield Progress(one.step, AWAY)
            elif before is not None or one.status != "Running":
                yield Progress(one.step, one.status.lower())
        if self.states:
            self.waits("", now)

    def waits(self, status: str, now: float) -> None:
        """Note since when the job waits for a machine: one of its steps, or where it has none yet the job itself, is queued, and no step runs."""
        steps = set(self.states.values())
        waits = QUEUED in steps and not steps & _BUSY if steps else status in {QUEUED, "NotStarted"}
        self.idle = (self.idle or now) if waits else None

    @property
    def waiting(self) -> str:
        """The steps that wait for a machine, or the job itself."""
        return ", ".join(step for step, state in self.states.items() if state == QUEUED) or "the job itself waits"

    def _ended(self, one: Seen, now: float) -> Event:
        seconds = now - self.began.get(one.step, now)
        made = {name: Product(f"azureml://jobs/{one.run}/outputs/{name}", "") for name in self.outputs.get(one.step, ())}
        if one.reused_from:
            return Reused(one.step, f"Azure ML has it from {one.reused_from}", made)
        if one.status == "Completed":
            return Finished(one.step, seconds, made)
        if one.status == "Canceled":
            return Canceled(one.step, seconds, "canceled on Azure ML")
        return Failed(one.step, seconds, f"{one.status.lower()} on Azure ML")

    def rest(self, state: str) -> Iterator[Event]:
        """Yield what becomes of the steps that the service never began, or did not end, when the job has ended."""
        failed = next((step for step, status in self.states.items() if ENDED.get(status) == "failed"), None)
        for step in self.needs:
            if step not in self.states:
                yield Skipped(step, f"{failed} failed" if failed else f"the job is {state}")
            elif self.states[step] not in ENDED:
                yield Canceled(step, 0.0, f"the job is {state}")

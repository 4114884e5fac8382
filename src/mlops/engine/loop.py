"""The loop: get what is ready, ask freshness, hand to an executor, yield an event. It knows nothing of YAML, processes, MLflow or Azure.

The order is the standard library's `graphlib.TopologicalSorter`. How a step runs is the executor's affair: the one that runs processes and
the one that runs inline in a test are the same to this loop.
"""

from __future__ import annotations

import graphlib
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlops.engine.events import Canceled, Event, Failed, Finished, Product, Reused, Skipped
from mlops.engine.freshness import Fresh, Stale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Products = dict[str, "Mapping[str, Product]"]
"""Step -> output -> product, of every step that ended well so far."""


@dataclass(frozen=True)
class Task:
    """A step of the graph. `work` is the executor's own: the loop hands it on unread."""

    name: str
    needs: tuple[str, ...]
    work: Any
    can_miss: tuple[str, ...] = ()
    """Needs without whose outputs it can do: it waits for them, and runs also where they failed."""


class Executor(Protocol):
    """Runs tasks, and tells of them in events."""

    @property
    def room(self) -> bool:
        """Whether it would begin another task soon; until then it is not even asked whether the task need run."""
        ...

    def start(self, task: Task, reason: str) -> None:
        """Take a task whose needs are met; `Started` comes when it really begins."""

    def next(self) -> Event:
        """Wait for the next event of any task that was taken."""
        ...

    def cancel(self, reason: str) -> None:
        """End every running task and forget the waiting ones; each still yields its last event."""


def execute(
    tasks: Mapping[str, Task], judge: Callable[[Task, Products], Fresh | Stale], executor: Executor, *, go_on: bool = True
) -> Iterator[Event]:
    """Run the tasks in the order of their needs, as many at once as the executor takes, and yield what happens.

    Args:
        tasks: By name; a need that is not among them is a programming error.
        judge: Says of a task whose needs are met whether its outputs are there already.
        executor: Runs the others.
        go_on: After a failure, still run what does not depend on it; otherwise end everything.

    Yields:
        Each event once. After a step failed, those that need it are `Skipped`, with the reason.
    """
    sorter = graphlib.TopologicalSorter({task.name: task.needs for task in tasks.values()})
    sorter.prepare()
    products: Products = {}
    bad: dict[str, str] = {}
    ready: deque[str] = deque()
    running = 0
    while sorter.is_active():
        ready.extend(sorter.get_ready())
        while ready and (executor.room or not running):
            name = ready.popleft()
            reason = _blocked(tasks[name], bad, go_on=go_on)
            verdict = Stale("") if reason else judge(tasks[name], products)
            if reason:
                bad[name] = "was skipped"
                yield Skipped(name, reason)
            elif isinstance(verdict, Fresh):
                products[name] = verdict.outputs
                yield Reused(name, verdict.reason, verdict.outputs, verdict.summary)
            else:
                running += 1
                executor.start(tasks[name], verdict.reason)
                continue
            sorter.done(name)
            ready.extend(sorter.get_ready())
        if not running:
            continue
        event = executor.next()
        yield event
        if isinstance(event, Finished):
            products[event.step] = event.outputs
        elif isinstance(event, Failed | Canceled):
            bad[event.step] = "failed" if isinstance(event, Failed) else "was canceled"
        if isinstance(event, Failed) and not go_on:
            executor.cancel(f"{event.step} failed")
        if isinstance(event, Finished | Failed | Canceled):
            running -= 1
            sorter.done(event.step)


def _blocked(task: Task, bad: Mapping[str, str], *, go_on: bool) -> str:
    """Return why a task must not start, or the empty string."""
    for need in task.needs:
        if need in bad and need not in task.can_miss:
            return f"needs {need}, which {bad[need]}"
    if bad and not go_on:
        return f"{next(iter(bad))} {next(iter(bad.values()))}, and continue_on_step_failure is false"
    return ""

"""The loop: get what is ready, ask the judge, hand to an executor, yield an event. It knows nothing of YAML, processes, MLflow or Azure.

The judge says of a task whose needs are met what is to become of it. That its outputs are there, or that it must run, is the rule; but it may
also say that more tasks must run before that can be said (a loop's next iteration, when the one before has ended), or how the task has ended
already (a branch was taken, or not). How a step runs is the executor's affair: the one that runs processes and the one that runs inline in a
test are the same to this loop.
"""

from __future__ import annotations

from collections import deque

from mlops.engine.events import Canceled, Event, Failed, Finished, Product, Progress, Reused, Skipped
from mlops.engine.freshness import Fresh, Stale
from mlops.engine.order import Order, Task
from mlops.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Protocol
else:
    Protocol = object

Products = dict[str, "Mapping[str, Product]"]
"""Step -> output -> product, of every step that ended well so far."""


@dataclass(frozen=True)
class More:
    """The task needs these as well: the judge is asked again when they have ended."""

    tasks: Mapping[str, Task]
    reason: str


Verdict = Fresh | Stale | More | Finished | Failed | Skipped


class Executor(Protocol):
    """Runs tasks, and tells of them in events."""

    @property
    def room(self) -> bool:
        """Whether it would begin another task soon; until then it is not even asked whether the task need run."""

    def start(self, task: Task, reason: str) -> None:
        """Take a task whose needs are met; `Started` comes when it really begins."""

    def next(self) -> Event:
        """Wait for the next event of any task that was taken."""

    def cancel(self, reason: str) -> None:
        """End every running task and forget the waiting ones; each still yields its last event."""


def execute(
    tasks: Mapping[str, Task],
    judge: Callable[[Task, Products], Verdict],
    executor: Executor,
    *,
    go_on: bool = True,
    taken: Callable[[Event], object] = id,
    untold: deque[Event] | None = None,
) -> Iterator[Event]:
    """Run the tasks in the order of their needs, as many at once as the executor takes, and yield what happens.

    Args:
        tasks: By name; a need that is not among them is a programming error.
        judge: Says of a task whose needs are met what is to become of it.
        executor: Runs those that must run.
        go_on: After a failure, still run what does not depend on it; otherwise end everything.
        taken: Called with each event as it happens; it is yielded after what waited for it has begun.
        untold: What is not yielded yet: to be told where the iteration is given up.

    Yields:
        Each event once. After a step failed, those that need it are `Skipped`, with the reason.
    """
    order, fates = Order(tasks), _Fates(go_on=go_on)
    ready: deque[str] = deque()
    ended: deque[Event] = deque() if untold is None else untold
    running = 0
    try:
        while order.active:
            ready.extend(order.ready())
            judged = bool(ready) and (executor.room or not running)
            if judged:
                task = order.tasks[ready.popleft()]
                verdict = fates.blocked(task, order.grown.get(task.name, ())) or judge(task, fates.products)
                if isinstance(verdict, Stale):
                    running += 1
                    executor.start(task, verdict.reason)
                    continue
                event = _event(task, verdict)
                if isinstance(verdict, More):
                    order.grow(task.name, verdict.tasks)
            elif ended:
                yield ended.popleft()
                continue
            elif running:
                event = executor.next()
                running -= isinstance(event, _ENDS)
            else:
                continue
            ended.append(event)
            taken(event)
            fates.take(event)
            if isinstance(event, Failed) and not go_on:
                executor.cancel(f"{event.step} failed")
            if isinstance(event, _ENDS):
                order.done(event.step)
            while judged and ended:  # what an executor tells waits: to tell it takes time, and what waited for the step begins first
                yield ended.popleft()
    except (Exception, KeyboardInterrupt):
        while ended:
            yield ended.popleft()
        raise
    while ended:
        yield ended.popleft()


_ENDS = Reused | Finished | Failed | Skipped | Canceled


def _event(task: Task, verdict: Fresh | More | Finished | Failed | Skipped) -> Event:
    if isinstance(verdict, Fresh):
        return Reused(task.name, verdict.reason, verdict.outputs, verdict.summary)
    return Progress(task.name, verdict.reason) if isinstance(verdict, More) else verdict


class _Fates:
    """What became of the tasks that have ended."""

    def __init__(self, *, go_on: bool) -> None:
        self.go_on = go_on
        self.products: Products = {}
        self.bad: dict[str, str] = {}
        """Failed, canceled, and skipped because of these."""
        self.left: set[str] = set()
        """Skipped because nobody wants them, and what needs those."""

    def take(self, event: Event) -> None:
        if isinstance(event, Finished | Reused):
            self.products[event.step] = event.outputs
        elif isinstance(event, Failed | Canceled):
            self.bad[event.step] = "failed" if isinstance(event, Failed) else "was canceled"
        elif isinstance(event, Skipped) and event.step not in self.bad:
            self.left.add(event.step)

    def blocked(self, task: Task, grown: tuple[str, ...]) -> Skipped | None:
        """Return that a task must not start, and why; None where it may."""
        must = [need for need in task.needs if need not in task.can_miss]
        for need in (*must, *grown):
            if need in self.bad:
                return self._because(task, f"needs {need}, which {self.bad[need]}")
        if self.bad and not self.go_on:
            return self._because(task, f"{next(iter(self.bad))} {next(iter(self.bad.values()))}, and continue_on_step_failure is false")
        left = next((need for need in must if need in self.left), None)
        return Skipped(task.name, f"needs {left}, which did not run") if left else None

    def _because(self, task: Task, reason: str) -> Skipped:
        self.bad[task.name] = "was skipped"
        return Skipped(task.name, reason)

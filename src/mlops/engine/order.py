"""Which tasks can run next, in a graph that may grow.

The order is the standard library's `graphlib.TopologicalSorter`, which takes no more nodes once it has begun: what a task turns out to need
besides gets a sorter of its own, and the task is ready again when that one is done.
"""

from __future__ import annotations

import graphlib

from mlops.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@dataclass(frozen=True, slots=True)
class Task:
    """A step of the graph. `work` is the executor's own: the loop hands it on unread."""

    name: str
    needs: tuple[str, ...]
    work: Any
    can_miss: tuple[str, ...] = ()
    """Needs without whose outputs it can do: it waits for them, and runs also where they failed."""


@dataclass(frozen=True)
class _Group:
    sorter: graphlib.TopologicalSorter[str]
    owner: str | None
    """The task that waits for all of it."""


class Order:
    """Every task that is known so far, and what can run next."""

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self.tasks: dict[str, Task] = {}
        self.grown: dict[str, tuple[str, ...]] = {}
        """Task -> what it waited for besides its needs, the last time that it turned out to need more."""
        self._groups: list[_Group] = []
        self._home: dict[str, graphlib.TopologicalSorter[str]] = {}
        self._add(tasks, None)

    @property
    def active(self) -> bool:
        """Whether a task has not ended."""
        return bool(self._groups)

    def grow(self, owner: str, tasks: Mapping[str, Task]) -> None:
        """Add tasks that `owner`, whose needs are met, turns out to need; what they need in turn is among them, or has ended."""
        self.grown[owner] = tuple(tasks)
        self._add(tasks, owner)

    def _add(self, tasks: Mapping[str, Task], owner: str | None) -> None:
        needs = {name: [need for need in task.needs if need in tasks or need not in self.tasks] for name, task in tasks.items()}
        sorter = graphlib.TopologicalSorter(needs)
        sorter.prepare()
        self.tasks |= tasks
        self._home |= dict.fromkeys(tasks, sorter)
        self._groups.append(_Group(sorter, owner))

    def ready(self) -> list[str]:
        """Return the tasks that can run now and were not returned before; those that waited for more are returned again."""
        found: list[str] = []
        for group in list(self._groups):
            found += group.sorter.get_ready()
            if not group.sorter.is_active():
                self._groups.remove(group)
                found += [group.owner] if group.owner is not None else []
        return found

    def done(self, name: str) -> None:
        """Note that a task has ended, however it did."""
        self._home[name].done(name)

"""Folders and code of steps that are still to come, laid out while the engine has nothing to do but wait for one that runs.

A step has four folders and a copy of its code, and on some file systems each takes as long to make as a small step to run.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque

from mlops.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlops.local.snapshot import Code, Snapshot
    from mlops.spec.values import Component, Step

_MOST = 2
"""Steps at a time: more would only be in the way of those that run."""
_FILES = 50
"""Of a step's code; where there are more, it is laid out when the step is known to run."""


@dataclass
class Ahead:
    """What has been made for whom; a step that does not run after all leaves nothing behind."""

    steps: Mapping[str, Step]
    folder: Callable[[str], Path]
    """Step -> where it will run."""
    code: Callable[[Component], Code]
    """What a step's code will be, as far as can be told before its inputs are there."""
    snapshot: Snapshot
    _made: dict[str, list[Path]] = field(default_factory=dict)
    _coming: deque[str] = field(init=False)
    _begun: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._coming = deque(name for name, step in self.steps.items() if step.flow is None)

    def make(self) -> None:
        """Lay the next step out; who runs it makes what is missing, and is told what is wrong."""
        while self._coming and self._coming[0] in self._begun:
            self._coming.popleft()
        if self._coming and len(self._made) < _MOST:
            name = self._coming.popleft()
            made = self._made[name] = []
            with contextlib.suppress(OSError):
                self._lay(self.steps[name], self.folder(name), made)

    def _lay(self, step: Step, folder: Path, made: list[Path]) -> None:
        places = [folder, folder / "code", *([folder / "outputs"] if step.component.outputs else [])]
        for place in places:
            os.mkdir(place)
            made.append(place)
        code = self.code(step.component)
        if len(code.files) <= _FILES and not any("/" in name for name in code.files) and self.snapshot.holds(code):
            made += [folder / "code" / name for name in code.files]
            self.snapshot.copy(code, folder / "code")

    def begin(self, step: str, code: Code | None) -> None:
        """Take back what was made for a step, but for what its code, now known, needs too; all of it where the step does not run."""
        self._begun.add(step)
        made = self._made.pop(step, [])
        if code is None:
            _remove(made)
        else:
            _remove([place for place in made if place.parent.name == "code" and place.name not in code.files])

    def close(self) -> None:
        """Take back what was made for steps that never came."""
        for made in self._made.values():
            _remove(made)
        self._made.clear()
        self._coming.clear()


def _remove(made: list[Path]) -> None:
    for place in reversed(made):
        with contextlib.suppress(OSError):
            place.rmdir() if place.is_dir() else place.unlink()

"""When it is worth asking MLflow's store again: a database on this machine only after its file has changed, and a slow one seldom."""

from __future__ import annotations

import time
from pathlib import Path

SHORTEST = 0.05
"""Seconds between two looks, at least."""


class Looks:
    """The looks that one process takes at a store, by its address.

    A look that takes long is taken less often: a twentieth of one core's time goes into looking.
    """

    def __init__(self, uri: str) -> None:
        self.database = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
        self.pause = SHORTEST
        self._seen: object = None
        self._looked = 0.0

    def due(self) -> bool:
        """Return whether to look now; who does says so with `done`."""
        now = time.monotonic()
        if now - self._looked < self.pause:
            return False
        self._looked = now
        return self._changed()

    def done(self) -> None:
        """Take the time that the look took since it was due."""
        self.pause = max(SHORTEST, 20 * (time.monotonic() - self._looked))

    def _changed(self) -> bool:
        if self.database is None:
            return True
        state = [_stamp(self.database), _stamp(self.database.with_name(self.database.name + "-wal"))]
        changed, self._seen = state != self._seen, state
        return changed


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size

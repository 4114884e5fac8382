"""What a test can turn on: answers that fail, networks that go away, tokens that die, assets that are not seen yet."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """What happens to the next `times` requests whose `METHOD path` matches.

    With `drop` the connection is cut; with `after`, the request is carried out first and only its answer is lost.
    """

    match: str
    status: int = 503
    code: str = "ServiceUnavailable"
    message: str = "The service is temporarily unavailable."
    retry_after: str = ""
    times: int = 1
    drop: bool = False
    after: bool = False
    body: dict[str, Any] | None = None
    """What is answered instead of an error."""


@dataclass
class Faults:
    """The switches of one loopback."""

    lag: float = 0.0
    """Seconds for which an asset that was created is not found yet."""
    queue: float = 0.0
    """Seconds that a job waits before it starts."""
    preempted: list[str] = field(default_factory=list)
    """Steps whose node is taken away once they have begun; one that stands there twice, twice."""
    away: float = 0.0
    """Seconds until there is another node."""
    late: str = ""
    """With it, the long-running operation that cancels a job fails in the end, and says so."""
    _waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
        self.lag, self.queue, self.late, self.away = 0.0, 0.0, "", 0.0
        self.preempted.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return what is to happen to this request, and count it."""
        with self._lock:
            found = next((one for one in self._waiting if one.times > 0 and re.search(one.match, f"{method} {path}")), None)
            if found:
                found.times -= 1
            return found

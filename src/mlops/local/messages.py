"""What is said to a spawner, and heard from it: JSON lines through two pipes. The engine has one, and so has each driver of `kinds/`.

The spawner's own end of the pipes is in spawner.py, which imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import Any

LOST = {"event": "lost"}
"""The last message of all: the spawner is gone."""


class Messages:
    """The asking end.

    Args:
        requests: The handle that requests are written to.
        answers: The handle that messages are read from.
    """

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, answers
        self._rest = b""

    def send(self, **request: Any) -> None:
        """Write one request; to a spawner that is gone it goes nowhere, for its end is told by `read`."""
        data = memoryview(json.dumps(request).encode() + b"\n")
        with contextlib.suppress(BrokenPipeError):
            while data:
                data = data[os.write(self._requests, data) :]

    def read(self) -> list[dict[str, Any]]:
        """Wait for messages, and return those that have come."""
        data = os.read(self._answers, 1 << 20)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines] + ([] if data else [LOST])


def ended(code: int) -> str:
    """Return the exit status of a message as a person would say it of a process; below zero is the signal that ended it."""
    return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"

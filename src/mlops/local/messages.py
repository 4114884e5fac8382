"""What is said to a spawner, and heard from it, through two pipes. The engine has one, and so has each driver of `kinds/`.

A message is a dict, as `marshal` writes it (both ends are one interpreter, and `json` takes longer to import than a small step to run), after
its length in four bytes. The spawner's own end of the pipes is in spawner.py, which imports nothing of ours.
"""

from __future__ import annotations

import marshal
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        written = marshal.dumps(request)
        data = memoryview(len(written).to_bytes(4) + written)
        try:
            while data:
                data = data[os.write(self._requests, data) :]
        except BrokenPipeError:
            pass
        except BaseException:  # what comes next would be taken for the rest of this: the spawner ends, as when the engine does
            with open(os.devnull, "wb") as nothing:
                os.dup2(nothing.fileno(), self._requests, inheritable=False)
            raise

    def read(self) -> list[dict[str, Any]]:
        """Wait for messages, and return those that have come."""
        data = os.read(self._answers, 1 << 20)
        found, self._rest = _unpack(self._rest + data)
        return found + ([] if data else [LOST])


def _unpack(data: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """Return the messages that are whole, and the rest."""
    found, at = [], 0
    while len(data) >= (start := at + 4) and len(data) >= (end := start + int.from_bytes(data[at:start])):
        found.append(marshal.loads(data[start:end]))  # noqa: S302 - through our own pipe
        at = end
    return found, data[at:]


def ended(code: int) -> str:
    """Return the exit status of a message as a person would say it of a process; below zero is the signal that ended it."""
    return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"

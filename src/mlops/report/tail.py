"""What the steps of a run write, as it comes: a reader of their logs, for `mlops logs`.

A bar that writes over its own line is drawn in place on a terminal; elsewhere the line is printed once, as it was in the end.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.local.logs import overwritten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PIECE = 1 << 20
_CLEAR = "\x1b[K"


@dataclass
class Tail:
    """The logs of one run.

    Args:
        folder: The run's.
        only: The one step whose log is wanted; empty for all.
    """

    folder: Path
    only: str = ""
    _read: dict[str, int] = field(default_factory=dict)
    """Bytes of each log that were read."""
    _rest: dict[str, bytes] = field(default_factory=dict)
    """The beginning of a line that is still being written over."""
    _last: str | None = None
    _bar: bool = False

    def show(self, steps: Mapping[str, Any], *, over: bool) -> None:
        """Print what came since the last time.

        Args:
            steps: What the run's record says of each.
            over: Nothing more will come.
        """
        for name, facts in steps.items():
            if self.only and name != self.only:
                continue
            if facts.get("state") == "reused" and name not in self._read:
                self._read[name] = 0
                self._say(None, f"== {name}: reused, so it wrote nothing in this run\n")
            for piece in _new(self.folder / str(facts["log"]), self._read, name) if facts.get("log") else ():
                self._take(name, piece)
            if self._rest.get(name) and (over or facts.get("state") != "running"):
                self._finish(name, self._rest.pop(name))
        sys.stdout.flush()

    def _take(self, name: str, piece: bytes) -> None:
        lines, _, rest = (self._rest.pop(name, b"") + piece).rpartition(b"\n")
        if lines:
            self._finish(name, lines)
        if not _whole(rest):
            self._rest[name] = rest
        elif b"\r" in rest:
            self._rest[name] = b"\r" + _shown(rest).encode()
            if sys.stdout.isatty():
                self._say(name, f"\r{_shown(rest)}{_CLEAR}")
                self._bar = True
        elif rest:
            self._say(name, rest.decode(errors="replace"))

    def _finish(self, name: str, lines: bytes) -> None:
        clear = f"\r{_CLEAR}" if self._bar and self._last == name else ""
        self._bar = self._bar and not clear
        self._say(name, clear + "".join(f"{_shown(line)}\n" for line in lines.split(b"\n")))

    def _say(self, name: str | None, text: str) -> None:
        """Print text of a step, under its name where the last was another's."""
        if name != self._last or name is None:
            sys.stdout.write("\n" * self._bar + (f"== {name}\n" if name else ""))
            self._last, self._bar = name, False
        sys.stdout.write(text)


def _whole(text: bytes) -> bool:
    """Return whether no character was cut in two by the end of what is there."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.end < len(text)
    return True


def _shown(line: bytes) -> str:
    return overwritten(line.decode(errors="replace"))


def _new(path: Path, read: dict[str, int], name: str) -> Iterator[bytes]:
    """Yield what a log holds behind what was read of it, without the part that was given back to the disk because the log is too long."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        while True:
            try:
                place = os.lseek(handle, read.get(name, 0), os.SEEK_DATA)
            except OSError:  # nothing behind it
                return
            piece = os.read(handle, _PIECE)
            if not piece:
                return
            read[name] = place + len(piece)
            yield piece
    finally:
        os.close(handle)

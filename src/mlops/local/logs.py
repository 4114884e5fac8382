"""What a step prints, bounded: of a log that grows over a limit the beginning and the end are kept.

The step writes into the file itself, so nothing slows it down and nothing is lost when the engine is killed. While it runs, the blocks in
the middle of the file are given back to the disk, again and again; when it has ended, a line says how much was left out.

A program that draws a bar writes over its own line, with a carriage return: what a terminal would show at the end of that is what a reader sees.
"""

from __future__ import annotations

import contextlib
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

HEAD = TAIL = 8 << 20  # bytes
_PUNCH_HOLE = 0x01 | 0x02  # and keep the size
_BLOCK = 1 << 16
_CONTROL = r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]"  # colours, cursor movements, backspaces; not the tab


def overwritten(line: str) -> str:
    """Return what is left of a line whose beginning was written over again and again: the last of it."""
    return next((part for part in reversed(line.split("\r")) if part.strip()), "") if "\r" in line else line


def readable(text: str) -> list[str]:
    """Return the lines of a log as a terminal would leave them, without what moves its cursor."""
    return [_plain(overwritten(line)) for line in text.removesuffix("\n").split("\n")] if text else []


def _plain(line: str) -> str:
    return line if line.isprintable() else re.sub(_CONTROL, "", line)


def lines(log: Path) -> list[str]:
    """Return the last lines of a log; none where it is not there."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 32_768))
            return readable(file.read().decode(errors="replace"))
    except OSError:
        return []


def last_line(log: Path) -> str:
    """Return the last line that a step printed: by custom it sums up what the step did."""
    said = [line.strip() for line in lines(log) if line.strip() and "Warning" not in line and not line.startswith(" ")]
    return said[-1][:80] if said else ""


def hollow(log: Path) -> None:
    """Free the middle of a log that has become too long; where the file system cannot do that, it stays until the step ends."""
    with contextlib.suppress(OSError):
        stat = log.stat()
        if stat.st_blocks * 512 <= 2 * (HEAD + TAIL):
            return
        handle = os.open(log, os.O_RDWR | os.O_CLOEXEC)
        try:
            import ctypes

            length = (stat.st_size - HEAD - TAIL) // _BLOCK * _BLOCK
            with contextlib.suppress(AttributeError):
                fallocate = ctypes.CDLL(None, use_errno=True).fallocate
                fallocate(handle, _PUNCH_HOLE, ctypes.c_int64(HEAD), ctypes.c_int64(length))
        finally:
            os.close(handle)


def shorten(log: Path) -> None:
    """Leave of the log of a step that has ended its beginning and its end, with a line between them that says so."""
    with contextlib.suppress(OSError):
        size = log.stat().st_size
        if size <= 2 * (HEAD + TAIL):
            return
        with log.open("r+b") as file:
            file.seek(size - TAIL)
            end = file.read().partition(b"\n")[2]
            file.truncate(HEAD)
            file.seek(HEAD)
            file.write(f"\n[... {size - HEAD - len(end):,} bytes are left out here ...]\n".encode() + end)

"""Markdown that fits: what a system takes at most, cut at a line, with every block closed and a word about what is missing."""

from __future__ import annotations

import bisect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CLOSINGS = 64
"""Room for what closes the blocks that a cut leaves open."""


def utf8(text: str) -> int:
    """Return the length in bytes."""
    return len(text.encode())


def utf16(text: str) -> int:
    """Return the length in the units that a browser counts: a picture character is two of them."""
    return len(text.encode("utf-16-le")) // 2


def sound(text: str) -> str:
    """Return the text without what no JSON may hold: halves of characters (from odd file names), and zero bytes."""
    return text.encode("utf-8", "replace").decode().replace("\0", "�")


def one_line(text: str, longest: int, size: Callable[[str], int] = len) -> str:
    """Return a title: one line, cut with an ellipsis."""
    line = " ".join(sound(text).split())
    return line if size(line) <= longest else _beginning(line, longest - size("…"), size) + "…"


def cut(text: str, limit: int, size: Callable[[str], int], word: str) -> str:
    """Return the text where it is no longer than `limit`, else its beginning and `word`.

    Args:
        text: Markdown.
        limit: What the system takes.
        size: How the system counts.
        word: Markdown that says that it was cut, and where the rest is.
    """
    if size(text) <= limit:
        return text
    room = limit - size(word) - _CLOSINGS
    kept = _beginning(text, room, size)
    line = kept.rfind("\n")
    kept = kept[:line] if line > len(kept) // 2 else kept
    return f"{kept}{_closings(kept)}\n\n{word}\n"


def _beginning(text: str, room: int, size: Callable[[str], int]) -> str:
    return text[: bisect.bisect_right(range(len(text) + 1), room, key=lambda length: size(text[:length])) - 1] if room > 0 else ""


def _closings(text: str) -> str:
    """Return what ends the code block and the folds that are open at the end of a text."""
    fences = re.findall(r"^ {0,3}(```+|~~~+)", text, re.MULTILINE)
    open_fence = f"\n{fences[-1]}" if len(fences) % 2 and len(fences[-1]) <= 8 else ""
    folds = min(4, max(0, len(re.findall(r"<details\b", text)) - text.count("</details>")))
    return open_fence + "\n</details>" * folds

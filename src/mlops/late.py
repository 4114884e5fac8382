"""Patterns that a library compiles while it is imported, compiled when they are first used.

One of PyYAML's, which the C parser never uses, takes twice as long as all of its modules: as long as two small steps.
"""

from __future__ import annotations

import contextlib
import re
import sys
from functools import cached_property

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class _Pattern:
    """What `re.compile` was asked for: a pattern in all that it can do, once it is asked to."""

    def __init__(self, *asked: Any) -> None:
        self._asked = asked

    @cached_property
    def _made(self) -> re.Pattern[str]:
        return re.compile(*self._asked)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what copies and pickles objects asks for, before there is a pattern
            raise AttributeError(name)
        return getattr(self._made, name)


@contextlib.contextmanager
def compiled_late(prefix: str) -> Iterator[None]:
    """Compile late what modules of this prefix ask `re.compile` for in the body; all others get what they ask for."""
    compiles: Any = re.compile

    def late(pattern: Any, flags: Any = 0) -> Any:
        asks = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001
        return (_Pattern if asks.startswith(prefix) else compiles)(pattern, flags)

    re.compile = late
    try:
        yield
    finally:
        re.compile = compiles

"""The number of a release: three whole numbers, of which the larger is the newer."""

from __future__ import annotations

import re
from typing import NamedTuple

from mlops.errors import UsageError


class Number(NamedTuple):
    """`1.2.0`; its tag is `v1.2.0`."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        return f"v{self}"


def number(text: str) -> Number | None:
    """Return the number that `text` is, with or without a `v` before it; None where it is anything else, a pre-release among them."""
    found = re.fullmatch(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})", text.strip(), re.ASCII)
    return Number(*map(int, found.groups())) if found else None


def wanted(text: str) -> Number:
    """Return the number that a person asked for.

    Raises:
        UsageError: It is none.
    """
    found = number(text)
    if found is None:
        raise UsageError(f"{text!r} is not the number of a release", hint="Three whole numbers: 1.2.0 or v1.2.0")
    return found

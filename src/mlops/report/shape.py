"""What a JSON value may look like: kinds of values with bounds, and one function that holds a value against them.

For values that others wrote. What comes back has the declared keys only, each there or None, and nothing in it is larger than its bound.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed
from mlops.report.figures import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST = 1e15


@dataclass(frozen=True)
class Text:
    """Text of so many characters at most."""

    most: int = 200


@dataclass(frozen=True)
class Name:
    """A name of letters, digits, `.`, `_` and `-`, of so many characters at most: nothing that a terminal, a CI system or Markdown reads."""

    most: int = 80


@dataclass(frozen=True)
class Number:
    """A finite number."""


@dataclass(frozen=True)
class Flag:
    """True or false."""


@dataclass(frozen=True)
class Choice:
    """One of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Many:
    """A list of so many at most."""

    of: Shape
    most: int


@dataclass(frozen=True)
class Record:
    """A mapping with these keys; all others are dropped."""

    fields: Mapping[str, Shape]


Shape = Text | Name | Number | Flag | Choice | Many | Record


def hold(shape: Shape, value: Any, *, strict: bool, where: str = "the facts") -> Any:
    """Return `value` in its shape.

    Args:
        shape: What it must look like; a shape is as deep as it is declared, and so is what comes back.
        value: Anything that JSON can hold.
        strict: Refuse what does not fit; else it is cut to its bound, a name's other characters become `_`, or it becomes None.
        where: How the value is named in an error.

    Raises:
        JobFailed: It does not fit.
    """
    if value is None:
        return [] if isinstance(shape, Many) else None
    if isinstance(shape, Record) and isinstance(value, dict):
        return {name: hold(inner, value.get(name), strict=strict, where=f"{where}.{name}") for name, inner in shape.fields.items()}
    if isinstance(shape, Many) and isinstance(value, list):
        if strict and len(value) > shape.most:
            raise _wrong(where, f"a list of {len(value):,}, at most {shape.most:,}")
        return [hold(shape.of, entry, strict=strict, where=f"{where}[{n}]") for n, entry in enumerate(value[: shape.most])]
    if isinstance(shape, Name) and isinstance(value, str):
        return _name(shape, value, strict=strict, where=where)
    if isinstance(shape, Text) and isinstance(value, str):
        return _text(shape, value, strict=strict, where=where)
    if _fits(shape, value):
        return value
    if strict:
        raise _wrong(where, f"{type(value).__name__} where {_named(shape)} is expected")
    return [] if isinstance(shape, Many) else None


def _text(shape: Text, value: str, *, strict: bool, where: str) -> str:
    if len(value) > shape.most:
        if strict:
            raise _wrong(where, f"text of {len(value):,} characters, at most {shape.most:,}")
        value = value[: shape.most - 1] + "…"
    return plain(value.encode("utf-8", "replace").decode("utf-8"))[: shape.most]


def _name(shape: Name, value: str, *, strict: bool, where: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "_", value[: shape.most])
    if strict and name != value:
        raise _wrong(where, f"text where a name of letters, digits, `.`, `_` and `-` is expected, at most {shape.most} of them")
    return name


def _fits(shape: Shape, value: Any) -> bool:
    if isinstance(shape, Number):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and -_LARGEST <= value <= _LARGEST and math.isfinite(value)
    if isinstance(shape, Choice):
        return isinstance(value, str) and value in shape.words
    return isinstance(shape, Flag) and isinstance(value, bool)


def _named(shape: Shape) -> str:
    return f"one of {', '.join(shape.words)}" if isinstance(shape, Choice) else f"a {type(shape).__name__.lower()} within bounds"


def _wrong(where: str, what: str) -> JobFailed:
    return JobFailed(f"{where}: {what}", hint="Facts about a run come from `mlops` itself; these were altered, or made by another version.")

"""The expressions of GitHub Actions that our conditions are made of, evaluated. What is not known here is refused, so that no test judges what it does not understand."""

from __future__ import annotations

import json
import re

PART = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||==|!=|!|\(|\)|[A-Za-z_][\w.-]*)")
STATUS = re.compile(r"\b(always|success|failure|cancelled)\s*\(")


class NotUnderstood(Exception):
    """An expression has what is not known here."""


def bare(text):
    """Return an expression without its `${{ }}`."""
    found = re.fullmatch(r"\s*\$\{\{(.*)\}\}\s*", str(text), re.DOTALL)
    return (found[1] if found else str(text)).strip()


def evaluate(text, names, functions):
    """Return the value of an expression.

    Args:
        text: The expression, with or without `${{ }}`.
        names: Nested dicts; a name that leads nowhere is refused, but for outputs, which are empty until they are set.
        functions: Name to function of no argument, or of one.
    """
    parts = []
    text, at = bare(text), 0
    while at < len(text):
        found = PART.match(text, at)
        if not found:
            raise NotUnderstood(f"{text!r}, from {text[at:]!r} on")
        parts.append(found[1])
        at = found.end()
    value = _either(parts, names, functions)
    if parts:
        raise NotUnderstood(f"{text!r}, from {parts[0]!r} on")
    return value


def _either(parts, names, functions):
    value = _both(parts, names, functions)
    while parts[:1] == ["||"]:
        parts.pop(0)
        other = _both(parts, names, functions)
        value = value or other
    return value


def _both(parts, names, functions):
    value = _compared(parts, names, functions)
    while parts[:1] == ["&&"]:
        parts.pop(0)
        other = _compared(parts, names, functions)
        value = value and other
    return value


def _compared(parts, names, functions):
    value = _one(parts, names, functions)
    if parts[:1] and parts[0] in {"==", "!="}:
        sign, other = parts.pop(0), _one(parts, names, functions)
        return (_plain(value) == _plain(other)) == (sign == "==")
    return value


def _plain(value):
    """Strings are compared without regard to case."""
    return value.lower() if isinstance(value, str) else value


def _one(parts, names, functions):
    part = parts.pop(0) if parts else ""
    if part == "!":
        return not _one(parts, names, functions)
    if part == "(":
        value = _either(parts, names, functions)
        _closed(parts)
        return value
    if part.startswith("'"):
        return part[1:-1].replace("''", "'")
    if parts[:1] == ["("]:
        parts.pop(0)
        return _called(part, parts, names, functions)
    return _named(part, names)


def _called(name, parts, names, functions):
    known = {"fromJSON": json.loads, **functions}
    if name not in known:
        raise NotUnderstood(f"the function {name!r}")
    given = [] if parts[:1] == [")"] else [_either(parts, names, functions)]
    _closed(parts)
    return known[name](*given)


def _closed(parts):
    if not parts or parts.pop(0) != ")":
        raise NotUnderstood("a bracket is not closed")


def _named(path, names):
    steps = path.split(".")
    value = names
    for number, step in enumerate(steps):
        if step not in value:
            if steps[number - 1] == "outputs":
                return ""
            raise NotUnderstood(f"the name {path!r}")
        value = value[step]
    return value

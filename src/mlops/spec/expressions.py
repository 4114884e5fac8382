"""The expressions of Azure ML's YAML: `${{inputs.x}}`, `${{parent.jobs.j.outputs.o}}`, and `$[[ ... ]]` around an optional part of a command.

An expression is only ever looked up, never evaluated.
"""

from __future__ import annotations

import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_WORD = re.compile(r"[^ \t\r\n]+")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


def whole(text: object) -> tuple[str, ...] | None:
    """Return the dotted parts where `text` is one expression and nothing else, or None."""
    match = _EXPRESSION.fullmatch(text.strip()) if isinstance(text, str) and "${{" in text else None
    return tuple(map(sys.intern, match.group(1).split("."))) if match else None


def used(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the dotted parts of each expression in `text`."""
    for match in _EXPRESSION.finditer(text):
        yield tuple(match.group(1).split("."))


def fill(command: str, look_up: Callable[[tuple[str, ...]], str | None]) -> str:
    """Return `command` with each expression replaced by `look_up` of its parts.

    A `$[[...]]` part stays, without its marks, where every expression in it has a value, and goes where one is None.
    An expression outside of such a part that has no value becomes the empty string, as on Azure ML.
    """

    def optional(match: re.Match[str]) -> str:
        part = match.group(1)
        return part if all(look_up(parts) is not None for parts in used(part)) else ""

    return _EXPRESSION.sub(lambda m: look_up(tuple(m.group(1).split("."))) or "", _OPTIONAL.sub(optional, command))


def replaced(text: str, texts: Mapping[tuple[str, ...], str]) -> str:
    """Return `text` with each expression that `texts` has replaced by its text; the others stay."""
    return _EXPRESSION.sub(lambda match: texts.get(tuple(match.group(1).split(".")), match.group(0)), text)


def words(command: str) -> list[str]:
    """Return the words of a command as a shell splits them.

    Raises:
        ValueError: A quote is not closed.
    """
    if "'" not in command and '"' not in command and "\\" not in command:
        return _WORD.findall(command)
    import shlex

    return shlex.split(command)

"""Markdown in which data stays data, for GitHub and Azure DevOps: no markup, no link, no mention, no reference comes out of a value.

Both systems look for `@name`, `#123` and addresses in the text that is left after the markup was read, so an escape does not keep them from
being found; a space of no width inside them does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mlops.report.figures import cut, line, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

APART = "\N{ZERO WIDTH SPACE}"
_MARKUP = re.compile(r"[\\`*_{}\[\]<>|~&$^\"'#!]")
_FOUND = re.compile(r"@|(?:#|!)(?=\d)|:(?=//)|\bwww(?=\.)|\bGH(?=-\d)", re.IGNORECASE)
_BEGINS = re.compile(r"^(?=[=+\-@]|\d+[.)])")
_INVISIBLE = re.compile(r"[\u00ad\u061c\u180e\u200b-\u200d\u2028\u2029\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]")
_LIKE = {ord(mark): like for mark, like in zip("`|<>", ("'", "¦", "\u2039", "\u203a"), strict=True)}
_ADDRESS = re.compile(r"https?://[\w.:-]+(?:/[\w.~/%?&=+,:@-]*)?(?:#[\w.-]*)?", re.ASCII)


def text(value: Any, most: int = 300) -> str:
    """Return a value as words in a sentence, a cell, or the summary of a section: on one line, without markup."""
    found = _FOUND.sub(lambda at: at[0] + APART, _BEGINS.sub(APART, cut(_clean(line(value)), most)))
    return _MARKUP.sub(lambda mark: f"&#{ord(mark[0])};", found)


def code(value: Any, most: int = 80) -> str:
    """Return a value in the font of code; what would end the code, the cell or the line is replaced by what looks like it."""
    shown = cut(_clean(line(value)), most).translate(_LIKE)
    return f"`{_BEGINS.sub(APART, shown)}`" if shown else ""


def fence(lines: Iterable[Any], most: int = 160) -> str:
    """Return lines as they stand, in a block of code that nothing in them can end."""
    shown = [cut(_clean(plain(entry)), most).translate({**_LIKE, ord("|"): "|"}) for entry in lines]
    return "\n".join(["```text", *shown, "```"])


def link(words: str, address: str) -> str:
    """Return a link; the words alone (which are markdown) where the address is none that a browser should follow."""
    return f"[{words}]({address})" if _ADDRESS.fullmatch(address) else words


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    """Return a table of cells that are markdown; `align` has l, r or c for each column."""
    marks = {"l": ":--", "r": "--:", "c": ":-:"}
    lines = [head, [marks[way] for way in align], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def details(summary: str, *content: str) -> str:
    """Return a section that is closed until somebody opens it; both systems want empty lines around what is inside."""
    inside = "\n\n".join(part for part in content if part)
    return f"<details>\n<summary>{summary}</summary>\n\n{inside}\n\n</details>"


def _clean(words: str) -> str:
    return _INVISIBLE.sub("", words)

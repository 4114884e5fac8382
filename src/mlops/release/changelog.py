"""The changelog: a section for each release, the newest first, headed `## 1.2.0`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops.release.number import Number, number

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS, YOURS = "docs/changelog.md", "CHANGELOG.md"
"""The template's own is ours, so that an upgrade brings it; a fork writes its own in another file."""
_HEADING = re.compile(r"^## +(v?\d+\.\d+\.\d+)\b.*$", re.MULTILINE)


def sections(text: str) -> dict[Number, str]:
    """Return what is said of each release, in the order of the page."""
    parts = _HEADING.split(text)[1:]
    named = zip(map(number, parts[::2]), parts[1::2], strict=True)
    return {release: body.strip() for release, body in named if release is not None}


def between(text: str, after: Number, last: Number) -> str:
    """Return the sections of the releases after one and up to another, with their headings."""
    return "\n\n".join(f"## {release}\n\n{body}" for release, body in sections(text).items() if after < release <= last)


def drafted(text: str, release: Number, day: str, subjects: Iterable[str]) -> str:
    """Return the page with a section for a release made from the subjects of its commits; one that is there already stays.

    Args:
        text: The page; empty where there is none yet.
        release: The release.
        day: When, as `2026-11-24`.
        subjects: First lines of commit messages, the newest first.
    """
    if release in sections(text):
        return text
    lines = "\n".join(f"- {subject}" for subject in subjects)
    section = f"## {release}\n\nReleased {day}.\n\n{lines}\n"
    first = _HEADING.search(text)
    if first is None:
        return f"{text.rstrip() or '# Changelog'}\n\n{section}"
    return f"{text[: first.start()]}{section}\n{text[first.start() :]}"

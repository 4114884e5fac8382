"""What a check of the repository says: what it found, or that it could not look.

Names of files and words in them come from a change that nobody has read yet, and are printed into the log of a CI system, which takes
some lines for commands.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, at its line (from 1; 0 where it is about the whole file), and what to do about it."""

    file: str
    line: int
    what: str
    mend: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"- {_plain(place)}  {_plain(self.what)}\n    do: {_plain(self.mend)}"


@dataclass(frozen=True)
class Result:
    """The answer of one check. `unanswered` says why something was not looked at: that is neither good nor bad, and never a pass."""

    said: str
    findings: tuple[Finding, ...] = ()
    unanswered: str = ""


def _plain(text: str) -> str:
    """Return one line without control characters, in which Azure Pipelines finds no command; GitHub looks at the begin of a line only."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text).replace("##", "# #")

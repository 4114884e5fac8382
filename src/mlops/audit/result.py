"""What a check of the repository says: what it found, or that it could not look."""

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
        return f"{place}  {self.what}\n    {self.mend}"


@dataclass(frozen=True)
class Result:
    """The answer of one check. `unanswered` says why something was not looked at: that is neither good nor bad, and never a pass."""

    said: str
    findings: tuple[Finding, ...] = ()
    unanswered: str = ""

"""What can go wrong, as one tree. Each class says who must act, and has the exit code that tells a script so.

    MlopsError
    ├── JobFailed        1   your job, your data or a gate said no
    │   └── Overtaken        ... somebody else was quicker, and what was decided is not true any more
    ├── UsageError       2   what was asked for is wrong: arguments, YAML, a malformed contract
    │   └── SpecError        ... with every mistake of a file, each at its line
    └── PlatformError    3   the request was right, and could not be carried out: disk, port, server, lock

An error is written for the person who must act: what happened, where, and what to do next.
"""

from __future__ import annotations

from mlops.records import dataclass


class MlopsError(Exception):
    """Base of all errors that a user is meant to read.

    Args:
        message: What happened, with the offending value quoted.
        where: The file, key, URL or process it happened at.
        hint: What to do next, as an imperative sentence or a command.
    """

    exit_code = 3

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.hint:
            lines += [f"  {line}" for line in self.hint.splitlines()]
        return "\n".join(lines)


class JobFailed(MlopsError):
    """A step, a data contract or a gate said no."""

    exit_code = 1


class Overtaken(JobFailed):
    """Somebody else changed what this was decided on: it is theirs now, and nothing of it is put back."""


class UsageError(MlopsError):
    """The request itself is wrong; nothing was started."""

    exit_code = 2


class PlatformError(MlopsError):
    """The request was right, and this machine or a service could not carry it out."""

    exit_code = 3


@dataclass(frozen=True)
class Problem:
    """One mistake in a file, at `line` and `column` (both from 1), with the line's own text."""

    file: str
    line: int
    column: int
    message: str
    hint: str | None = None
    text: str = ""
    length: int = 1

    def __str__(self) -> str:
        lines = [f"{self.file}:{self.line}:{self.column}  error: {self.message}"]
        if self.text:
            margin = f"{self.line:5} | "
            lines.append(margin + self.text)
            marks = "^" * max(1, min(self.length, len(self.text) - self.column + 1))
            lines.append(" " * 5 + " | " + " " * (self.column - 1) + marks)
        if self.hint:
            lines += [f"        {line}" for line in self.hint.splitlines()]
        return "\n".join(lines)


class SpecError(UsageError):
    """A file holds mistakes: all of them at once, in the order of their lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.file, p.line, p.column))
        super().__init__("\n".join(map(str, self.problems)))

    def __str__(self) -> str:
        count = len(self.problems)
        return f"{self.message}\n{count} error{'s' * (count > 1)}. Nothing was started."

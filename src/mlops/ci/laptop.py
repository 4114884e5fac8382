"""No CI system: what would be handed on, commented or filed is printed, and nobody has to approve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops.ci.host import Approval, Context, Job, Protection, PullRequest
from mlops.state.git import answer

if TYPE_CHECKING:
    from collections.abc import Mapping


class Laptop:
    """A person's own machine."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        commit = _git("rev-parse", "HEAD")
        base = environ.get("BASE") or "origin/main"
        self.context = Context("laptop", "manual", "", commit, _git("merge-base", base, "HEAD") or None, _git("branch", "--show-current"))

    def output(self, name: str, value: str) -> None:
        """Nobody takes it."""

    def summary(self, markdown: str) -> None:
        """The terminal has said it already."""

    def error(self, message: str, file: str = "", line: int = 0) -> None:
        """The terminal has said it already."""

    def comment(self, pull_request: int, key: str, body: str) -> str:
        print(body)
        return ""

    def check(self, name: str, commit: str, conclusion: str, title: str, summary: str, url: str = "") -> str:
        return ""

    def issue(self, key: str, title: str, body: str) -> str:
        """The terminal has said it already."""
        return ""

    def close_issue(self, key: str, body: str) -> str | None:
        return None

    def deployed(self, environment: str, commit: str, description: str, url: str = "", *, ok: bool = True) -> None:
        """Nobody shows it."""

    def protection(self, environment: str) -> Protection:
        return Protection(exists=True, reviewers=0, author_may_approve=True, told="whoever types the command decides")

    def approvals(self, environment: str) -> tuple[Approval, ...]:
        return ()

    def authors(self, commit: str) -> tuple[str, ...]:
        return tuple(_git("show", "-s", "--format=%ae", commit).split())

    def tested(self) -> PullRequest | None:
        return None

    def jobs(self) -> tuple[Job, ...]:
        return ()


def _git(*words: str) -> str:
    return answer(Path(), *words) or ""

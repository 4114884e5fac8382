"""What every CI system offers, as one protocol of frozen values and calls; `current` chooses the one that this process runs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Context:
    """What this run is about, from the system's own variables and event file; never from anything that a change could have written."""

    system: str
    """github, azure or laptop."""
    event: str
    """push, pull_request, schedule, manual, or workflow_run."""
    repository: str
    """`owner/name`; on Azure DevOps `project/repository`; empty on a laptop."""
    commit: str
    """The commit that is looked at: of a pull request its head, not the merge that CI checked out."""
    base: str | None = None
    """Of a pull request the commit that it would be merged into; of a push the commit before it."""
    branch: str = ""
    pull_request: int | None = None
    fork: bool = False
    """Whether the pull request comes from another repository."""
    labels: tuple[str, ...] = ()
    actor: str = ""
    """Who started this attempt."""
    starter: str = ""
    """Who started the first attempt, where the system tells them apart."""
    run_id: str = ""
    attempt: int = 1
    run_url: str = ""


@dataclass(frozen=True)
class Protection:
    """What guards an environment of the CI system."""

    exists: bool
    reviewers: int
    """How many people or teams may approve; 0 where nobody has to."""
    author_may_approve: bool
    told: str
    """In a sentence, for a person."""
    mend: str = ""
    """The exact command, or page, that sets it right where it guards nothing."""


@dataclass(frozen=True)
class Approval:
    """Who let this run go on into an environment."""

    by: str
    environment: str
    at: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Job:
    """One job of a finished run, as the system tells of it."""

    name: str
    conclusion: str
    """success, failure, cancelled, skipped."""
    url: str
    seconds: float | None = None


@dataclass(frozen=True)
class PullRequest:
    """An open pull request, as the system tells of it."""

    number: int
    commit: str
    author: str
    fork: bool
    run_url: str
    """The page of the run that was about it."""


class Host(Protocol):
    """A CI system. Every call that reaches a server is tried a bounded number of times, and ends in PlatformError."""

    @property
    def context(self) -> Context:
        """What this run is about."""

    def output(self, name: str, value: str) -> None:
        """Hand a value on to later jobs, as an output of this step."""

    def summary(self, markdown: str) -> None:
        """Add to the run's own page; cut, with a word about it, where it is longer than the system takes."""

    def error(self, message: str, file: str = "", line: int = 0) -> None:
        """Mark a line of the change with a message; nothing in it can become a command of the system."""

    def comment(self, pull_request: int, key: str, body: str) -> str:
        """Write the one comment `key` of a pull request, in place where it is there already; return its address."""

    def check(self, name: str, commit: str, conclusion: str, title: str, summary: str, url: str = "") -> str:
        """Set the check `name` of a commit: conclusion success, neutral or failure, with the page `url` behind it, else this run's."""

    def issue(self, key: str, title: str, body: str) -> str:
        """Open the one issue `key`, or bring the open one up to date; return its address."""

    def close_issue(self, key: str, body: str) -> str | None:
        """Close the issue `key` with a last word; None where none is open."""

    def deployed(self, environment: str, commit: str, description: str, url: str = "", *, ok: bool = True) -> None:
        """Record that a model version went to an environment, where the system shows deployments."""

    def protection(self, environment: str) -> Protection:
        """Return what guards an environment."""

    def approvals(self, environment: str) -> tuple[Approval, ...]:
        """Return who let this run into an environment."""

    def authors(self, commit: str) -> tuple[str, ...]:
        """Return the names, as the system knows people, of all who wrote a commit or asked for it to be merged; none where it knows nobody."""

    def tested(self) -> PullRequest | None:
        """In a run that follows another: the open pull request that the other was about, from the event and the system's own list."""

    def jobs(self) -> tuple[Job, ...]:
        """In a run that follows another: the jobs of the other; else of this run, as far as they have ended."""


def current(environ: Mapping[str, str]) -> Host:
    """Return the CI system that this process runs in, or a laptop.

    Args:
        environ: The process's environment variables.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        from mlops.ci.github import GitHub

        return GitHub(environ)
    if environ.get("TF_BUILD"):
        from mlops.ci.azure_devops import AzureDevOps

        return AzureDevOps(environ)
    from mlops.ci.laptop import Laptop

    return Laptop(environ)

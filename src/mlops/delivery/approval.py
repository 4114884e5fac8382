"""Whether CI may put a version into an environment: a person's word, asked of the CI system itself, in the run that is about it.

Nothing that a workflow or a change can write counts as an approval. Where the system guards nothing (no reviewers on this plan, an environment
that came to be without rules because a job named it), there is no approval, and the door stays shut.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mlops.ci.host import current
from mlops.delivery.workspace import ENVIRONMENTS
from mlops.errors import JobFailed, UsageError

if TYPE_CHECKING:
    from mlops.ci.host import Host
    from mlops.delivery.workspace import Workspace
    from mlops.settings import Environment


def check_alone(workspace: Workspace, to: str, host: Host | None = None) -> None:
    """Refuse to deliver in one go, in CI and for good, where somebody's word is asked for on the way: it is given for one version's ticket.

    On a registry that is thrown away with the runner, and with no environment elsewhere, nothing that anybody uses is changed.

    Args:
        workspace: The model, and where its registry is kept.
        to: The last station: registry, staging or production.
        host: The CI system; this process's own by default.

    Raises:
        UsageError: An environment up to there needs an approval.
    """
    if to not in ENVIRONMENTS or (host or current(os.environ)).context.system == "laptop":
        return
    there = any(workspace.environment(name).where == "azure" for name in ENVIRONMENTS)
    if not (workspace.shared or there or os.environ.get("MLFLOW_TRACKING_URI")):
        return
    for name in ENVIRONMENTS[: ENVIRONMENTS.index(to) + 1]:
        if workspace.environment(name).approval.required:
            hint = "make train, then make promote VERSION=<the ticket that it printed>. To go without: `approval: {required: false}`."
            raise UsageError(
                "in CI a version goes out by its ticket: make train, then make promote", where=f"environments/{name}.yml", hint=hint
            )


def approved_by(environment: Environment, host: Host | None = None) -> str | None:
    """Return who let this run into an environment; None where nobody has to.

    Args:
        environment: Its file says whether somebody has to.
        host: The CI system; this process's own by default.

    Raises:
        JobFailed: Nobody did, or only who wrote the change, or started it by hand, where that is not enough.
        PlatformError: The CI system does not answer.
    """
    host = host or current(os.environ)
    if not environment.approval.required or host.context.system == "laptop":
        return None
    where = f"environments/{environment.name}.yml"
    people = [approval.by for approval in host.approvals(environment.name)]
    if not people:
        guard = host.protection(environment.name)
        hint = f"{guard.told}.\n{guard.mend}\nOr, to go without: `approval: {{required: false}}` in {where}."
        raise JobFailed(f"nobody approved this run for {environment.name}; what serves there is as it was", where=where, hint=hint)
    authors = set(host.authors(host.context.commit))
    own = authors | _starters(host) if host.context.event == "manual" else authors or _starters(host)
    others = [person for person in people if person not in own]
    if not others and not environment.approval.by_author:
        hint = "Start it again and let somebody else approve; or, where that is meant, `by_author: true` in that file."
        why = "wrote the change" if authors >= set(people) else "wrote the change or started it by hand"
        why = why if authors else "started it; who wrote the change is not known"
        raise JobFailed(f"{environment.name} was approved by {', '.join(people)} only, who {why}", where=where, hint=hint)
    return ", ".join(others or people)


def _starters(host: Host) -> set[str]:
    """Who started this attempt, and the first: parameters that were typed then are those of each attempt."""
    return {host.context.actor, host.context.starter} - {""}

"""Moves of a version between environments, each recorded with who, when, from where and on which evidence: put, promote, roll back.

The order within a move is: everything that can fail first (files whole, model loads, endpoint ready, test passed), then the alias. A move
that was killed in between leaves an endpoint that serves one version and an alias that names another; `mlops status` shows it, and the same
command again finishes the move.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlops.delivery import stations
from mlops.delivery.approval import approved_by
from mlops.delivery.ticket import check_ticket, read_ticket
from mlops.errors import JobFailed, Overtaken, UsageError
from mlops.files import locked
from mlops.local.runs import origin

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion, Registry

_ALL_THE_SAME = "To do it all the same, say why: --reason TEXT (make: REASON=...). It is recorded."


def put(
    workspace: Workspace,
    environment: str,
    version: ModelVersion,
    *,
    reason: str,
    expected: dict[str, Any] | None = None,
    kind: str = "promote",
    who: str | None = None,
) -> dict[str, Any]:
    """Serve a version in an environment, try it there, and move the aliases.

    Args:
        workspace: The model and where its state is.
        environment: staging or production.
        version: A registered version.
        reason: For the record.
        kind: promote, or rollback.
        expected: The champion that the decision was made against; where production serves another by now, the move is refused.
        who: Who decided it; whoever runs this by default.

    Returns:
        Address, version, health, key and sample file, what was served before, and the trial's facts.

    Raises:
        JobFailed: Tampered files, a champion that changed, a test that was not passed, a bound that broke while it was watched; what served
            before goes on, or serves again.
        PlatformError: The endpoint could not be started.
    """
    clock = stations.Clock()
    registry, name, place = workspace.registry, workspace.model.name, workspace.serving(environment)
    with locked(workspace.endpoint(environment) / "move.lock"):
        before = registry.resolve(name, environment)
        if environment == "production" and expected is not None and (before is None or before.version != expected["version"]):
            now = f"v{before.version}" if before else "nothing"
            hint = "Run `make run` again: it compares with what serves now."
            raise JobFailed(f"production was v{expected['version']} when this was decided, and is {now} now", hint=hint)
        folder = registry.fetch(version)
        place.prepare(before)
        served = place.deploy(version, folder)
        smoke = registry.attachment(version, stations.SMOKE_FILE)
        trial = place.trial(version, smoke)
        try:
            stations.check_passed(environment, trial)
        except JobFailed:
            place.back(version, before)
            raise
        trial |= _shifted(workspace, environment, version, before, smoke, at_once=kind == "rollback")
        who = who or origin(workspace.root).user
        registry.move(name, environment, version, expected=before.version if before else None, who=who, reason=reason, kind=kind)
        trial |= _watched(workspace, environment, version, before, smoke)
        place.settle()
    previous = {"version": before.version} if before and before.version != version.version else _served_before(registry, name, environment)
    return {**asdict(served), "previous": previous, **trial, "seconds": clock.seconds}


def _served_before(registry: Registry, name: str, environment: str) -> dict[str, Any] | None:
    """Return what a rollback would go to after a version was only started again; None where there is nothing, or it was deleted."""
    try:
        earlier = registry.previous(name, environment)
    except JobFailed:
        return None
    return {"version": earlier.version} if earlier else None


def _shifted(
    workspace: Workspace, environment: str, version: ModelVersion, before: ModelVersion | None, smoke: Path | None, *, at_once: bool
) -> dict[str, Any]:
    """Give a version the traffic; one that broke a bound on the way was put back, and that is recorded.

    Raises:
        JobFailed: It broke a bound; what served before serves.
    """
    try:
        return workspace.serving(environment).shift(version, smoke, at_once=at_once)
    except Overtaken:
        raise
    except JobFailed as error:
        workspace.registry.mark_rolled_back(version, environment=environment, who="slipway", reason=error.message)
        after = f"v{before.version} serves all of it again" if before else "nothing serves: there was no version before it"
        raise JobFailed(
            f"{environment} took v{version.version} back {error.message}; {after}", where=error.where, hint=error.hint
        ) from error


def _watched(
    workspace: Workspace, environment: str, version: ModelVersion, before: ModelVersion | None, smoke: Path | None
) -> dict[str, Any]:
    """Watch a version that serves, where the environment asks for it; one that breaks a bound is taken back, and that is recorded.

    Raises:
        JobFailed: It broke a bound; what served before serves again.
    """
    registry, place = workspace.registry, workspace.serving(environment)
    facts = place.watch(version, smoke)
    broken = [rule for rule in facts["rules"] if not rule["passed"]]
    if not broken:
        return {"watch": facts}
    why, who = f"while it was watched: {broken[0]['name']}: {broken[0]['reason']}", "slipway"
    place.back(version, before)
    if before is not None:
        registry.move(version.name, environment, before, expected=version.version, who=who, reason=why, kind="rollback")
    else:
        registry.leave(version, environment, who=who, reason=why)
    registry.mark_rolled_back(version, environment=environment, who=who, reason=why)
    after = f"v{before.version} serves again" if before else "nothing serves: there was no version before it"
    raise JobFailed(f"{environment} took v{version.version} back {why}; {after}", where=f"environments/{environment}.yml")


def promote(workspace: Workspace, which: str, environment: str, reason: str) -> dict[str, Any]:
    """Put a registered version into an environment by hand.

    A version that the gate did not approve against the champion of now, or that was taken back, needs a reason; production takes only what was
    tried in staging.

    Raises:
        UsageError: There is no such version or environment.
        JobFailed: One of these two is missing, its files are not whole, or it did not pass the environment's test.
    """
    settings = workspace.environment(environment)
    name = workspace.model.name
    ticket = read_ticket(which)
    version = workspace.registry.resolve(name, str(ticket.version) if ticket else which)
    if ticket is not None:
        check_ticket(ticket, version)
    if version is None:
        known = ", ".join(f"v{v.version}" for v in workspace.registry.versions(name)) or "none yet: make run"
        raise UsageError(f"{name} has no version {which!r}", hint=f"Versions: {known}")
    if version.rolled_back and not reason:
        raise JobFailed(version.rolled_back, hint=_ALL_THE_SAME)
    if ticket is not None or not reason:
        _approved(workspace, version)
    tried = any(move.environment == "staging" and move.after == version.version for move in workspace.registry.history(name))
    if environment == "production" and not tried:
        hint = f"First: mlops promote {version.version} --to staging"
        raise JobFailed(f"{name} v{version.version} was never tried in staging", hint=hint)
    person = approved_by(settings)
    if person is not None and ticket is None:
        hint = "In CI a version goes out by the ticket that the delivery printed: VERSION=<ticket>."
        raise UsageError(f"an approval is for one version's files, and {which!r} names none", hint=hint)
    facts = put(workspace, environment, version, reason=reason or "promoted by hand", who=person)
    workspace.registry.clear_rolled_back(version)
    return facts


def _approved(workspace: Workspace, version: ModelVersion) -> None:
    registry = workspace.registry
    champion = registry.resolve(workspace.model.name, "champion")
    try:
        registry.check_evidence(version, champion)
    except JobFailed as error:
        moves = [move for move in registry.history(version.name) if move.environment == "production"]
        first = moves[0] if moves and champion and champion.version != version.against else None
        by = f" ({first.who}, {first.at[:16]}Z: {first.reason})" if first else ""
        raise JobFailed(f"{error.message}{by}", hint=_ALL_THE_SAME) from error


def rollback(workspace: Workspace, environment: str, reason: str, expected: int | None = None) -> dict[str, Any]:
    """Take an environment back to the version that it served before, after making sure that this one is whole and loads.

    Args:
        workspace: The model and where its state is.
        environment: staging or production.
        reason: For the record.
        expected: The version to go back from: where another serves by now, somebody else was quicker, and nothing is moved.

    Returns:
        What `put` says, and `from`; `from` and `version` alone, which are the same then, where nothing was moved.

    Raises:
        JobFailed: There is no earlier version, or it is not whole; what serves goes on.
    """
    workspace.environment(environment)
    registry, name = workspace.registry, workspace.model.name
    now = registry.resolve(name, environment)
    if now is not None and expected not in {None, now.version}:
        return {"from": now.version, "version": now.version}
    before = registry.previous(name, environment)
    if now is None or before is None:
        hint = "An earlier version comes to be when a second one is promoted. See: mlops models"
        raise JobFailed(f"{environment} has served no version before {f'v{now.version}' if now else 'now'}", hint=hint)
    facts = put(workspace, environment, before, reason=reason or "rolled back", kind="rollback")
    registry.mark_rolled_back(now, environment=environment, who=origin(workspace.root).user, reason=reason)
    return facts | {"from": now.version}

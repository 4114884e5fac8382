"""A verb on a registry that several machines share: bring it, act, keep what changed; and again where somebody else was quicker.

What a verb did is kept also when it ends in an error (a version that was taken back while it was watched), and not when it was killed: then the
registry is as it was, and the same command may be run again.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from mlops.errors import MlopsError, PlatformError
from mlops.state.branch import Moved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion

T = TypeVar("T")
_TRIES = 5
KEPT = 10
"""So many of the newest versions keep their files in a branch, besides those that serve or served."""


def on_state(workspace: Workspace, act: Callable[[], T]) -> T:
    """Do something with the registry, wherever it is kept.

    Args:
        workspace: The model, and where its registry is kept.
        act: Decides and does all of it from what it finds: it is called again where another machine changed the registry meanwhile.

    Raises:
        MlopsError: What `act` raised; what it had changed by then is kept.
        PlatformError: The registry could not be brought or kept.
    """
    if workspace.state is None:
        return act()
    for _ in range(_TRIES):
        base = workspace.state.bring(workspace.home)
        before = _versions(workspace)
        error: MlopsError | None = None
        try:
            result = act()
        except MlopsError as raised:
            error = raised
        after = _versions(workspace)
        if after != before:
            try:
                workspace.state.send(
                    workspace.home, base, _told(workspace, before, after), tag=_tag(before, after), without=_old(workspace, after)
                )
            except Moved:
                print(
                    f"  {workspace.state.branch} was changed by another job meanwhile: deciding again on what is there now", file=sys.stderr
                )
                continue
            except PlatformError:
                if error is not None:  # else only the second of two faults would be told
                    print(f"  {error.message}", file=sys.stderr)
                raise
        if error is not None:
            raise error
        return result
    hint = "Nothing of this was kept. Run the same command again when the other jobs have ended."
    raise PlatformError(f"other jobs changed {workspace.state.branch} {_TRIES} times in a row", where="origin", hint=hint)


def _versions(workspace: Workspace) -> list[ModelVersion]:
    return workspace.registry.versions(workspace.model.name)


def _production(versions: Sequence[ModelVersion]) -> int | None:
    return next((version.version for version in versions if "production" in version.aliases), None)


def _tag(before: Sequence[ModelVersion], after: Sequence[ModelVersion]) -> str | None:
    """Return the tag for a version that has just reached production."""
    now = _production(after)
    name = after[0].name if after else ""
    return f"{name}/v{now}" if now is not None and now != _production(before) else None


def _told(workspace: Workspace, before: Sequence[ModelVersion], after: Sequence[ModelVersion]) -> str:
    """Return what was done, in a line for `git log`."""
    name = workspace.model.name
    new = sorted({version.version for version in after} - {version.version for version in before})
    was, now = _production(before), _production(after)
    parts = [f"v{number} registered" for number in new]
    if now != was:
        parts.append(f"production {f'v{was}' if was else 'nothing'} -> {f'v{now}' if now else 'nothing'}")
    return f"{name}: {', '.join(parts) or 'moved'}"


def _old(workspace: Workspace, versions: Sequence[ModelVersion]) -> list[str]:
    """Return where the files of versions are that need not be kept: none that serves, served lately, or is new."""
    moves = workspace.registry.history(workspace.model.name)
    served = {number for move in moves[:20] for number in (move.before, move.after) if move.environment == "production"}
    return [one.artifacts for one in versions[KEPT:] if not one.aliases and one.version not in served]

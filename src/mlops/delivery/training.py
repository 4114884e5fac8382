"""Where a model is trained: on this machine, or on Azure ML where its staging is; the same events, the same run folder.

The comparison with the champion runs here in either case, on the outputs that have been brought.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops.local.run import LocalRun, Options
from mlops.local.run import why_not as why_not_here
from mlops.spec.pipeline import load_pipeline
from mlops.tracking.reader import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlops.azure.run import RemoteRun
    from mlops.delivery.workspace import Workspace
    from mlops.engine.events import Event
    from mlops.errors import MlopsError
    from mlops.spec.values import Pipeline, Step

    Training = LocalRun | RemoteRun
    Then = Callable[[Training], Mapping[str, Step]]


def load(workspace: Workspace, settings: Mapping[str, str]) -> Pipeline:
    """Read the pipeline that makes the workspace's model, with the references that the place it runs at knows.

    Raises:
        SpecError: It is wrong.
        MlopsError: Nobody is signed in to Azure, or the workspace is not there.
    """
    connection = workspace.remote
    if connection is None:
        return workspace.load(workspace.model.pipeline, settings)
    from mlops.azure.assets import WorkspaceAssets

    known = WorkspaceAssets(workspace.home / "azure" / "components", lambda: connection)
    return load_pipeline(workspace.root / workspace.model.pipeline, settings, assets=known)


def begin(workspace: Workspace, pipeline: Pipeline, settings: Mapping[str, str], then: Then, *, force: bool) -> Training:
    """Return the run that trains the workspace's model, ready to go.

    Args:
        workspace: The model.
        pipeline: As it was loaded.
        settings: Inputs of the pipeline that were given.
        then: Asked when the pipeline's steps have ended well: the steps to run in addition, here.
        force: Run every step, whatever is there already.
    """
    options = Options.of(workspace.local, force=force, model=workspace.model.name)
    connection = workspace.remote
    if connection is None:
        return LocalRun(pipeline, workspace.home, workspace.root, options, lambda record, p, o: Tracker(workspace.home, record, p, o), then)
    from mlops.azure.run import begin as begin_there

    def judged(run: RemoteRun) -> Iterator[Event]:
        beside = replace(pipeline, steps=then(run), outputs={}, on_finalize=None)
        yield from LocalRun(beside, workspace.home, workspace.root, options, beside=run.record).added()

    limit = 60 * connection.settings.queue_limit_minutes
    name = workspace.model.name
    run = begin_there(pipeline, workspace.home, workspace.root, connection, settings, force=force, queue_limit=limit, model=name)
    run.then = judged
    return run


def follow(run: Training, tell: Callable[[Event], None]) -> None:
    """Let a run go, and tell its events. One on Azure ML that is interrupted goes on there.

    Raises:
        MlopsError: It did not complete.
    """
    try:
        for event in run.events():
            tell(event)
    except KeyboardInterrupt:
        if not isinstance(run, LocalRun):
            run.detach()
            goes_on = f"the same command follows it again, mlops cancel {run.record.facts['run']} ends it."
            print(f"\n  detached: the job goes on. {goes_on}", file=sys.stderr)
        raise
    if error := _why_not(run):
        raise error


def _why_not(run: LocalRun | RemoteRun) -> MlopsError | None:
    if isinstance(run, LocalRun):
        return why_not_here(run)
    from mlops.azure.run import why_not as why_not_there

    return why_not_there(run)

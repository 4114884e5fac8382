"""The verb `score`: rows in, what the version in an environment says to them out, on this machine or by a batch endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.delivery.batch import check_undecided, decided, lineage_of, scoring_pipeline
from mlops.delivery.shared import on_state
from mlops.delivery.workspace import open_workspace
from mlops.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from mlops.delivery.workspace import Workspace


def score(arguments: argparse.Namespace) -> int:
    """Run the scoring pipeline with the version in an environment, show it, and return the exit code of how it ended."""
    from mlops.verbs.pipelines import given

    workspace, settings = open_workspace(arguments.model), given(arguments.set)
    environment = workspace.environment(arguments.environment)
    check_undecided(settings, environment.name)
    pipeline = scoring_pipeline(workspace.root, workspace.model, environment)
    if environment.where == "azure":
        from mlops.verbs import remote

        if arguments.force:
            raise UsageError("--force is about this machine: a batch endpoint runs what it holds", hint="Leave it out.")
        return remote.score(workspace, environment, pipeline, settings, as_json=arguments.json, queue_limit=arguments.queue_limit)
    return _here(workspace, environment.name, pipeline, settings, arguments)


def _here(workspace: Workspace, environment: str, pipeline: Path, settings: dict[str, str], arguments: argparse.Namespace) -> int:
    from mlops.verbs.pipelines import begin_run

    def fixed() -> dict[str, str]:
        version = workspace.registry.resolve(workspace.model.name, environment)
        if version is None:
            hint = f"make run, or mlops promote VERSION --to {environment}"
            raise UsageError(f"{environment} serves no version of {workspace.model.name} yet", hint=hint)
        return decided(pipeline, lineage_of(version), str(workspace.registry.fetch(version)))

    found = {**settings, **on_state(workspace, fixed)}
    return begin_run(pipeline, found, as_json=arguments.json, force=arguments.force)

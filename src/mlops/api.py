"""The engine from Python: the call behind `mlops run`, with the same events. docs/how-to/python.ipynb uses it."""

from __future__ import annotations

from pathlib import Path

from mlops.errors import UsageError
from mlops.place import find_root, state_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mlops.azure.run import RemoteRun
    from mlops.local.run import LocalRun, Options
    from mlops.local.warm import Spawner
    from mlops.spec.references import Assets
    from mlops.spec.values import Pipeline


def place() -> tuple[Path, Path]:
    """Return the project's root and its state folder; outside of a project both are of the working directory."""
    try:
        root = find_root(Path.cwd())
    except UsageError:
        root = Path.cwd()
    return root, state_dir(root)


def read(file: Path | str, inputs: Mapping[str, str], *, complete: bool = True, assets: Assets | None = None) -> Pipeline:
    """Read a pipeline or job file that a person named.

    Args:
        file: The YAML file.
        inputs: Values for the pipeline's inputs, by name, as text.
        complete: Whether every input that a step needs must have a value by now.
        assets: Who finds what references name; by default the project's own store.

    Raises:
        UsageError: There is no such file.
        SpecError: With every mistake of it, by line.
    """
    from mlops.assets.lookup import open_assets
    from mlops.spec.pipeline import load_pipeline

    path = Path(file)
    if not path.exists():
        raise UsageError(f"there is no file {str(path)!r}", hint="For the example: src/pipelines/train.yml")
    return load_pipeline(path, inputs, complete=complete, assets=assets or open_assets(*place(), fetching=complete))


def prepare(
    file: Path | str,
    inputs: Mapping[str, Any] | None = None,
    *,
    home: Path | None = None,
    force: bool = False,
    warm: bool = True,
    resumes: Mapping[str, Any] | None = None,
    early: Spawner | None = None,
    dry: bool = False,
) -> LocalRun:
    """Read a pipeline or job file, and return its run, which begins when `events()` is iterated over.

    Args:
        file: The YAML file.
        inputs: Values for the pipeline's inputs, by name: as with `--set`.
        home: The state folder; by default the project's own, so that the run is recorded and reused there.
        force: Run every step, whatever is there already.
        warm: Fork plain Python steps from a process that has their imports.
        resumes: The record of a run that did not complete, to go on with.
        early: The process that will start the steps, where it was started already; the run ends it.
        dry: For a `forecast()` alone: no folder is made.

    Returns:
        The run. `record.facts` is what run.json will hold; `mlops.local.run.why_not(run)` is the error of one that did not complete.

    Raises:
        UsageError: There is no such file.
        SpecError: With every mistake of it, by line.
    """
    from mlops.local.runs import ask_origin

    root, usual = place()
    asked = None if dry else ask_origin(root)
    try:
        return _run(file, inputs or {}, root, home or usual, force=force, warm=warm, resumes=resumes, asked=asked, early=early, dry=dry)
    except BaseException:
        if asked:
            asked()  # nobody else waits for what was started to answer it
        raise


def submit(
    file: Path | str,
    inputs: Mapping[str, Any] | None = None,
    *,
    environment: str | None = None,
    force: bool = False,
    queue_limit: float | None = None,
) -> RemoteRun:
    """Submit a pipeline or job file to Azure ML, and return its run: `events()` follows it until it has ended.

    Args:
        file: The YAML file.
        inputs: Values for the pipeline's inputs, by name: as with `--set`.
        environment: Which file of environments/ names the workspace; None where only one does.
        force: Have Azure ML reuse nothing.
        queue_limit: How many minutes the job may wait for a machine; None is what the environment's file says.

    Raises:
        UsageError: There is no such file or workspace, or the service refuses the job.
        SpecError: With every mistake of the file, by line.
        PlatformError: Azure cannot be reached.
    """
    from mlops.verbs import remote

    running = remote.prepare(str(file), _as_text(inputs or {}), environment, force=force, queue_limit=queue_limit)
    running.submit()
    return running


def _as_text(inputs: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in inputs.items()}


def _run(
    file: Path | str, inputs: Mapping[str, Any], root: Path, state: Path, *, force: bool, warm: bool, dry: bool, **more: Any
) -> LocalRun:
    from mlops.assets.lookup import open_assets
    from mlops.local.run import LocalRun
    from mlops.tracking.reader import Tracker

    settings = _as_text(inputs)
    assets = open_assets(root, state, fetching=not dry)
    pipeline = read(file, settings, assets=assets)
    options = _options(root, settings, warm=warm, force=force)
    return LocalRun(pipeline, state, root, options, lambda record, p, o: Tracker(state, record, p, o), assets=assets, dry=dry, **more)


def _options(root: Path, settings: dict[str, str], *, warm: bool, force: bool) -> Options:
    from mlops.local.run import Options

    if not (root / "environments" / "local.yml").exists():
        return Options(warm=warm, force=force, settings=settings)
    from mlops.settings import read_environment

    local = read_environment(root, "local")
    return Options.of(local, warm=local.warm and warm, force=force, settings=settings)

"""A data set as it would be with a change, tried by the pipeline's own first steps: what reads it in a run, and what holds it against its contract.

So a new month is judged by nothing but what would judge it in the next run, together with its history; and what was found well is not computed
again then, for it is the same content.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.assets.lookup import open_assets
from mlops.datasets.change import STAGE
from mlops.datasets.dataset import CHECKS
from mlops.errors import UsageError
from mlops.files import read_json
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops.datasets.dataset import DataSet
    from mlops.engine.events import Event
    from mlops.spec.values import Pipeline


@dataclass(frozen=True)
class Trial:
    """What the pipeline's first steps said of a data set."""

    run: int
    folder: Path
    """Of the run."""
    failed: str
    """The step that failed, or nothing."""
    reason: str
    summary: str
    """What the step that validates said of itself."""
    report: Path | None
    """The contract's page."""
    broken: dict[str, Any]
    """Partition -> rules that it breaks, as the contract's record has them."""


@contextmanager
def laid_out(folder: Path, stage: Path | None, home: Path) -> Iterator[Path]:
    """Yield a folder of links to a data set's files, with what is staged in the place of the old; it is gone afterwards."""
    (home / "data").mkdir(parents=True, exist_ok=True)
    above = Path(tempfile.mkdtemp(prefix="candidate-", dir=home / "data"))
    try:
        target = above / folder.name
        for origin in (folder, stage):
            for path in sorted(origin.rglob("*")) if origin else ():
                name = path.relative_to(origin or folder)
                if path.is_file() and (origin is stage or STAGE not in name.parts):
                    place = target / name
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.unlink(missing_ok=True)
                    os.symlink(path.resolve(), place)
        yield target
    finally:
        shutil.rmtree(above, ignore_errors=True)


def attempt(data: DataSet, folder: Path, home: Path, root: Path, options: Options, tell: Callable[[Event], object]) -> Trial:
    """Run the pipeline as far as its validation, over the data set in `folder`.

    Args:
        data: The data set.
        folder: Where the files are that are tried.
        home: The state folder.
        root: The project.
        options: How to run.
        tell: Is given every event.

    Raises:
        UsageError: No step of the pipeline validates.
    """
    given = str(folder / "source.yml") if data.pipeline.values[data.given].path.is_file() else str(folder)  # type: ignore[union-attr]
    pipeline = _first_steps(load_pipeline(data.pipeline.path, {data.given: given}, complete=False, assets=open_assets(root, home)))
    running = LocalRun(pipeline, home, root, options)
    for event in running.events():
        tell(event)
    return _told(running, folder, data.folder)


def _first_steps(pipeline: Pipeline) -> Pipeline:
    checks = [name for name, step in pipeline.steps.items() if CHECKS in step.component.command]
    if not checks:
        raise UsageError(
            f"no step of the pipeline runs `python -m {CHECKS}`", where=str(pipeline.path), hint="docs/how-to/data.md has the step."
        )
    wanted = {checks[0]}
    while more := {need for name in wanted for need in pipeline.steps[name].needs} - wanted:
        wanted |= more
    return replace(pipeline, steps={name: step for name, step in pipeline.steps.items() if name in wanted}, outputs={})


def _told(running: LocalRun, folder: Path, real: Path) -> Trial:
    facts, steps = running.record.facts, running.record.facts["steps"]
    failed = running.failed or ""
    checks = next((name for name, step in running.pipeline.steps.items() if CHECKS in step.component.command), "")
    made = [Path(product["path"]) for product in steps.get(checks, {}).get("outputs", {}).values()]
    places = [*made, *(running.record.step_folder(checks) / "outputs").glob("*")]
    report = next((place for place in places if (place / "validation.json").is_file()), None)
    broken: dict[str, Any] = {}
    for rule in (read_json(report / "validation.json") or {}).get("rules", []) if report else []:
        for label in rule.get("broken_in") or {}:
            broken.setdefault(label, []).append(f"{rule.get('rule')} ({rule.get('severity')})")
    tail = "\n".join(steps.get(failed, {}).get("tail", ())).replace(str(folder), str(real)) if failed else ""
    reason = tail or str(steps.get(failed, {}).get("reason", ""))
    page = report / "report.html" if report and (report / "report.html").is_file() else None
    return Trial(facts["run"], running.record.folder, failed, reason, steps.get(checks, {}).get("summary", ""), page, broken)

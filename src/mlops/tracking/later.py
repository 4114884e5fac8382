"""Runs that MLflow does not know yet: they are written down from their journals when somebody looks.

A pipeline whose steps do not log is done in a fraction of the time that MLflow takes to be imported. Its folder then holds a file that says
so; the next run that opens MLflow, and `mlops ui`, bring it in first, with its true times.
"""

from __future__ import annotations

import contextlib
import json
from datetime import datetime

from mlops.engine import events
from mlops.errors import MlopsError
from mlops.files import locked, write_atomic
from mlops.local.runs import Origin, RunRecord, read_run
from mlops.records import dataclass, field
from mlops.tracking.server import connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

MARK = "mlflow.later"


@dataclass(frozen=True)
class _Told:
    """A pipeline, as far as its run's record tells of it."""

    experiment: str
    tags: Mapping[str, str] = field(default_factory=dict)


def note(folder: Path) -> None:
    """Note that a run is still to be written down."""
    write_atomic(folder / MARK, "", durable=False)


def catch_up(home: Path) -> None:
    """Write down what is still to be; a run that cannot be read is left out.

    Raises:
        PlatformError: The tracking server does not take it.
    """
    if not any((home / "runs").glob(f"*/{MARK}")):
        return
    with locked(home / "mlflow.later.lock"):
        for mark in sorted((home / "runs").glob(f"*/{MARK}"), key=lambda path: path.parent.name.zfill(12)):
            facts = None
            with contextlib.suppress(MlopsError):
                facts = read_run(mark.parent)
            if facts:
                _forget(home, mark.parent, facts)
                _write_down(home, mark.parent, facts)
            mark.unlink(missing_ok=True)


def _began(facts: dict[str, Any]) -> float:
    return datetime.fromisoformat(facts["started"]).timestamp()


def _forget(home: Path, folder: Path, facts: dict[str, Any]) -> None:
    """Delete what an earlier try has written of a run: one that was killed, or had written all and not yet taken the mark away."""
    client = connect(home)
    experiment = client.get_experiment_by_name(facts["experiment"])
    if experiment is None:
        return
    same = f"attributes.start_time = {int(_began(facts) * 1000)} and tags.`slipway.run` = '{facts['run']}'"
    for parent in client.search_runs([experiment.experiment_id], same):
        if parent.data.tags.get("slipway.folder") != str(folder) or "mlflow.parentRunId" in parent.data.tags:
            continue
        below = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
        while steps := client.search_runs([experiment.experiment_id], below, max_results=1000):
            for step in steps:
                client.delete_run(step.info.run_id)
        client.delete_run(parent.info.run_id)


def _write_down(home: Path, folder: Path, facts: dict[str, Any]) -> None:
    from mlops.tracking.reader import Tracker

    record = RunRecord(folder, facts, _began(facts))
    who = Origin(facts["user"], facts["commit"], facts["dirty"])
    tracker = Tracker(home, record, _Told(facts["experiment"], facts.get("tags", {})), who, behind=True)
    tracker.open()
    for event, at in _events(folder / "events.jsonl"):
        tracker.apply(event, at)
    tracker.close()


def _events(journal: Path) -> Iterator[tuple[events.Event, float]]:
    """Yield what the tracker wants to know of a journal, and when it was; a last line that was cut is not told."""
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        step, seconds = told.get("step", ""), told.get("seconds", 0.0)
        at = told["at"] if isinstance(told["at"], float) else datetime.fromisoformat(told["at"]).timestamp()
        if told["event"] == "Started":
            yield events.Started(step, told["reason"], at), at
        elif told["event"] == "Finished":
            yield events.Finished(step, seconds, {}), at
        elif told["event"] == "Failed":
            yield events.Failed(step, seconds, told["reason"]), at
        elif told["event"] == "Canceled":
            yield events.Canceled(step, seconds, told["reason"]), at
        elif told["event"] == "RunFinished":
            yield events.RunFinished(told["run"], told["state"], seconds), at

"""Runs that MLflow does not know yet: they are written down from their journals when somebody looks.

A pipeline whose steps do not log is done in a fraction of the time that MLflow takes to be imported. Its folder then holds a file that says
so; the next run that opens MLflow, and `mlops ui`, bring it in first, with its true times.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops.engine import events
from mlops.errors import MlopsError
from mlops.files import locked, write_atomic
from mlops.local.runs import Origin, RunRecord, read_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

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
            mark.unlink(missing_ok=True)
            try:
                facts = read_run(mark.parent)
            except MlopsError:
                continue
            if facts:
                _write_down(home, mark.parent, facts)


def _write_down(home: Path, folder: Path, facts: dict[str, Any]) -> None:
    from mlops.tracking.reader import Tracker

    record = RunRecord(folder, facts, datetime.fromisoformat(facts["started"]).timestamp())
    who = Origin(facts["user"], facts["commit"], facts["dirty"])
    tracker = Tracker(home, record, _Told(facts["experiment"], facts.get("tags", {})), who, behind=True)
    tracker.open()
    for event, at in _events(folder / "events.jsonl"):
        tracker.apply(event, at)
    tracker.close()


def _events(journal: Path) -> Iterator[tuple[events.Event, float]]:
    """Yield what the tracker wants to know of a journal, and when it was."""
    for line in journal.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
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

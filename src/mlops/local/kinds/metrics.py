"""The MLflow side of a sweep: a nested run for each trial, and what the trial logged into it.

A trial logs with plain `mlflow.log_metric`, into the run that it finds in its environment, as on Azure ML; what is judged is read from
there. While trials run, a database on this machine is asked only when its file has changed.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORTEST = 0.05
"""Seconds between two looks, at least."""


def tracking_variables(folder: Path) -> dict[str, str]:
    """Return the variables that name the tracking store; outside of a tracked run that is a database of the step's own."""
    given = {name: os.environ[name] for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME") if name in os.environ}
    return {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}", "MLFLOW_EXPERIMENT_NAME": "sweep", **given}


def open_store() -> None:
    """Do once, in the process that trials are forked from, what each would do first: open the store, compile its queries.

    The connection is closed again: none is ever shared by two processes.
    """
    uri = os.environ["MLFLOW_TRACKING_URI"]
    if not uri.startswith("sqlite"):
        return
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    run = os.environ.get("MLFLOW_RUN_ID")
    if run:
        client.get_run(run)
    client._tracking_client.store.engine.dispose()  # noqa: SLF001 - SQLAlchemy's way to make an engine ready to be forked


class Metrics:
    """The trials' runs.

    Args:
        variables: Those that name the store, and the step's own run where it has one.
        step: The step's name, for the names of the trials' runs.
    """

    def __init__(self, variables: Mapping[str, str], step: str) -> None:
        os.environ.update(variables)
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self._metric, self._param = Metric, Param
        self.client = MlflowClient()
        self.step = step
        self.parent = os.environ.get("MLFLOW_RUN_ID", "")
        self.experiment = os.environ.get("MLFLOW_EXPERIMENT_ID") or self._experiment(variables["MLFLOW_EXPERIMENT_NAME"])
        uri = variables["MLFLOW_TRACKING_URI"]
        self.database = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
        self._seen: object = None
        self._looked = 0.0
        self.pause = SHORTEST

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self.client.create_experiment(name))

    def begin(self, number: int, parameters: Mapping[str, Any]) -> str:
        """Make the run of a trial, nested in the step's, with its parameters."""
        tags = {"mlflow.runName": f"{self.step}-{number}", "slipway.trial": str(number)}
        if self.parent:
            tags["mlflow.parentRunId"] = self.parent
        run = str(self.client.create_run(self.experiment, tags=tags).info.run_id)
        self.client.log_batch(run, params=[self._param(name, str(value)[:6000]) for name, value in parameters.items()])
        return run

    def history(self, run: str, metric: str) -> list[float]:
        """Return a metric as it was logged, in order."""
        found = self.client.get_metric_history(run, metric)
        return [float(each.value) for each in sorted(found, key=lambda each: (each.timestamp, each.step))]

    def logged(self, run: str) -> list[str]:
        """Return the names of all metrics of a run."""
        return sorted(self.client.get_run(run).data.metrics)

    def end(self, run: str, state: str) -> None:
        """End a trial's run, as its state says."""
        status = {"completed": "FINISHED", "failed": "FAILED"}.get(state, "KILLED")
        with contextlib.suppress(Exception):
            self.client.set_terminated(run, status)

    def conclude(self, run: str, metric: str, value: float, parameters: Mapping[str, Any]) -> None:
        """Write the best trial into the step's own run."""
        if not self.parent:
            return
        self.client.set_tag(self.parent, "best_child_run_id", run)
        at = int(time.time() * 1000)
        best = [self._param(f"best.{name}", str(parameter)[:6000]) for name, parameter in parameters.items()]
        self.client.log_batch(self.parent, metrics=[self._metric(metric, value, at, 0)], params=best)

    def look(self, runs: Mapping[str, str], metric: str) -> dict[str, list[float]]:
        """Return the histories of running trials, by their names, or nothing where it is too early or nothing was logged since.

        A look that takes long is taken less often: a twentieth of one core's time goes into looking.
        """
        now = time.monotonic()
        if now - self._looked < self.pause:
            return {}
        self._looked = now
        if not self._changed():
            return {}
        found = {name: self.history(run, metric) for name, run in runs.items()}
        self.pause = max(SHORTEST, 20 * (time.monotonic() - now))
        return found

    def _changed(self) -> bool:
        if self.database is None:
            return True
        state = [_stamp(self.database), _stamp(self.database.with_name(self.database.name + "-wal"))]
        changed, self._seen = state != self._seen, state
        return changed


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size

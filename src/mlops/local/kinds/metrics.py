"""The MLflow side of a sweep: a nested run for each trial, and what the trial logged into it.

A trial logs with plain `mlflow.log_metric`, into the run that it finds in its environment, as on Azure ML; what is judged is read from
there. While trials run, a database on this machine is asked only when its file has changed.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from mlops.tracking.database import Looks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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
        folder: The step's folder in its run.
    """

    def __init__(self, variables: Mapping[str, str], step: str, folder: Path) -> None:
        os.environ.update(variables)
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self._metric, self._param = Metric, Param
        self.client = MlflowClient()
        self.step = step
        self.run_folder = folder.parents[1]
        self.parent = os.environ.get("MLFLOW_RUN_ID", "")
        self.experiment = os.environ.get("MLFLOW_EXPERIMENT_ID") or self._experiment(variables["MLFLOW_EXPERIMENT_NAME"])
        self.looks = Looks(variables["MLFLOW_TRACKING_URI"])

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        return str(found.experiment_id if found else self.client.create_experiment(name))

    def begin(self, number: int, parameters: Mapping[str, Any]) -> str:
        """Make the run of a trial, nested in the step's, with its parameters."""
        # By the folder, the next pipeline run finds the runs of one that was killed, and ends them.
        tags = {"mlflow.runName": f"{self.step}-{number}", "slipway.trial": str(number), "slipway.folder": str(self.run_folder)}
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

    def end_rest(self) -> None:
        """End the runs of trials that did not come to an end, one that was being made in this moment too."""
        if self.parent:
            under = f"tags.`mlflow.parentRunId` = '{self.parent}' and attributes.status = 'RUNNING'"
            for run in self.client.search_runs([self.experiment], under, max_results=1000):
                self.end(run.info.run_id, "canceled")

    def conclude(self, run: str, metric: str, value: float, parameters: Mapping[str, Any]) -> None:
        """Write the best trial into the step's own run."""
        if not self.parent:
            return
        self.client.set_tag(self.parent, "best_child_run_id", run)
        at = int(time.time() * 1000)
        best = [self._param(f"best.{name}", str(parameter)[:6000]) for name, parameter in parameters.items()]
        self.client.log_batch(self.parent, metrics=[self._metric(metric, value, at, 0)], params=best)

    def look(self, runs: Mapping[str, str], metric: str) -> dict[str, list[float]]:
        """Return the histories of running trials, by their names, or nothing where it is too early or nothing was logged since."""
        if not self.looks.due():
            return {}
        found = {name: self.history(run, metric) for name, run in runs.items()}
        self.looks.done()
        return found

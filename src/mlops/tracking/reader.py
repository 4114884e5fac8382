"""The reader of events that writes to MLflow: a parent run a pipeline run, a nested run a step.

MLflow takes seconds to import, so it lives on a thread of its own and events wait for it in a queue. Only a step that itself imports MLflow
waits for its run to exist before it starts; the others begin at once and are written down behind them, with their true times. A run none of
whose steps may log, on a store that only this machine reads, is not written down at all until somebody looks (see later.py).

Steps log with plain `mlflow.log_metric` and the like: the variables that MLflow reads name the step's own nested run.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from pathlib import Path

from mlops.engine import events
from mlops.errors import PlatformError
from mlops.local.runs import alive
from mlops.records import dataclass, field
from mlops.tracking.database import Looks
from mlops.tracking.server import connect, experiment_id, tracking_uri

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, Protocol

    from mlops.local.runs import Origin, RunRecord
else:
    Protocol = object

_AT_ONCE, _BEHIND = 0, 1  # what a step waits for goes before what is only written down
_NESTED = 200  # steps: of a larger run only those that log themselves get a nested run, for MLflow takes some 50 ms for each


class Tracked(Protocol):
    """What the tracker asks of a pipeline."""

    @property
    def experiment(self) -> str: ...

    @property
    def tags(self) -> Mapping[str, str]: ...


@dataclass
class Tracker:
    """Writes one pipeline run to MLflow.

    Args:
        home: The state folder, for the default SQLite store.
        record: The run's record: a step's command, parameters and inputs are read from it.
        behind: The run is over, and written down from its journal.
    """

    home: Path
    record: RunRecord
    pipeline: Tracked
    origin: Origin
    behind: bool = False
    _inbox: queue.PriorityQueue[tuple[int, int, Callable[[], None] | None]] = field(default_factory=queue.PriorityQueue)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _runs: dict[str, str] = field(default_factory=dict)
    _error: Exception | None = None
    _parent: str = ""
    _client: Any = None
    _experiment: str = ""
    _logging: set[str] = field(default_factory=set)
    """The steps that run and may log."""
    _measured: Mapping[str, str] = field(default_factory=dict)
    _metrics: dict[str, Mapping[str, float]] = field(default_factory=dict)
    _looking: bool = False

    def __post_init__(self) -> None:
        self.uri = tracking_uri(self.home)
        self._looks = Looks(self.uri)
        self._put(self._open, _AT_ONCE)
        self._thread = threading.Thread(target=self._work, daemon=True)
        if os.environ.get("MLFLOW_TRACKING_URI"):
            self.open()

    def open(self) -> None:
        """Begin to write: some step may log, or somebody else may look. Without it the run is written down later."""
        if self._thread.ident is None:
            self._thread.start()

    def variables(self, step: str, *, wait: bool) -> dict[str, str]:
        """Return what a step's process must find in its environment to log into its own run.

        Args:
            step: The step's name.
            wait: Whether the step needs its run now; otherwise it gets the server's address alone.

        Raises:
            PlatformError: The tracking server cannot be reached.
        """
        given = {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_EXPERIMENT_NAME": self.pipeline.experiment}
        if not wait:
            return given
        self.open()
        self._put(lambda: self._begin(step, time.time(), wanted=True), _AT_ONCE)
        self._drain()
        self._logging.add(step)
        return {**given, "MLFLOW_RUN_ID": self._runs[step], "MLFLOW_EXPERIMENT_ID": self._experiment}

    def apply(self, event: events.Event, at: float | None = None) -> None:
        """Write an event down, later and elsewhere; it happened `at` (seconds since the epoch), or now."""
        at = time.time() if at is None else at
        if isinstance(event, events.Started):
            self._put(lambda: self._begin(event.step, event.at))
        elif isinstance(event, events.Finished | events.Failed | events.Canceled):
            status = {"Finished": "FINISHED", "Failed": "FAILED", "Canceled": "KILLED"}[type(event).__name__]
            self._logging.discard(event.step)
            self._put(lambda: self._end(event.step, status, at))
        elif isinstance(event, events.RunFinished):
            status = {"completed": "FINISHED", "failed": "FAILED"}.get(event.state, "KILLED")
            self._put(lambda: self._finish(status, at))

    def measured(self) -> Mapping[str, str]:
        """Return by step which metrics the running ones have logged last, as far as is known, and have that looked up again behind the caller."""
        if self._logging and not self._looking and self._looks.due():
            self._looking = True
            steps = tuple(self._logging)
            self._put(lambda: self._look(steps))
        return self._measured

    def _look(self, steps: Iterable[str]) -> None:
        """Read what steps have logged; of a store that does not answer now, nothing is known, and the next look is for later."""
        try:
            now = {step: self._client.get_run(self._runs[step]).data.metrics for step in steps}
        except Exception:  # noqa: BLE001 - of any store; whoever must write to it says what is wrong with it
            return
        finally:
            self._looks.done()
            self._looking = False
        self._measured = {step: _newest(self._metrics.get(step, {}), found) or self._measured.get(step, "") for step, found in now.items()}
        self._metrics.update(now)

    def close(self) -> None:
        """Wait until everything is written, or note that it is still to be.

        Raises:
            PlatformError: The tracking server could not be reached.
        """
        if self._thread.ident is None:
            from mlops.tracking import later

            later.note(self.record.folder)
            return
        self._put(None)
        self._thread.join()
        self._raise()

    def _put(self, job: Callable[[], None] | None, when: int = _BEHIND) -> None:
        self._inbox.put((when, next(self._numbers), job))

    def _drain(self) -> None:
        """Wait for all that was put in at once before; the store's own limits of time end what does not answer, and a busy machine is only slow."""
        done = threading.Event()
        self._put(done.set, _AT_ONCE)
        while not done.wait(1.0) and self._thread.is_alive():
            pass
        self._raise()

    def _raise(self) -> None:
        if isinstance(self._error, PlatformError):
            raise self._error
        if self._error is not None:
            first = str(self._error).strip().splitlines()[0] if str(self._error).strip() else repr(self._error)
            hint = "Is it up? Unset MLFLOW_TRACKING_URI to keep runs in .mlops on this machine."
            raise PlatformError(f"MLflow did not take the run: {first[:300]}", where=self.uri, hint=hint) from self._error

    def _work(self) -> None:
        while (job := self._inbox.get()[2]) is not None:
            try:
                # After a failure only the waiting are let go: nothing more is written.
                if self._error is None or getattr(job, "__self__", None).__class__ is threading.Event:
                    job()
            except Exception as error:  # noqa: BLE001 - told to whoever waits, in `_raise`
                self._error = error

    def _open(self) -> None:
        from mlops.datasets.listing import DATA, version_among
        from mlops.tracking import later

        self._client = connect(self.home)
        if not self.behind:
            later.catch_up(self.home)
        self._experiment = experiment_id(self._client, self.home, self.pipeline.experiment)
        self._reap()
        facts = self.record.facts
        tags = {
            "mlflow.runName": facts["name"],
            "mlflow.source.name": facts["pipeline"],
            "mlflow.source.type": "JOB",
            DATA: version_among(facts["inputs"]),
            **self._shared_tags(),
            **self.pipeline.tags,
        }
        run = self._client.create_run(self._experiment, tags=tags, start_time=int(self.record.began * 1000))
        self._parent = run.info.run_id
        facts["mlflow_run"] = self._parent
        self._describe(self._parent, facts["inputs"])

    def _reap(self) -> None:
        """End the MLflow runs of pipeline runs whose process was killed; one that ended, or is still alive, is left alone."""
        from mlflow.entities import RunStatus

        for run in self._client.search_runs([self._experiment], "attributes.status = 'RUNNING'", max_results=1000):
            folder = run.data.tags.get("slipway.folder")
            if folder and Path(folder) != self.record.folder and not alive(Path(folder)):
                self._client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.KILLED))

    def _shared_tags(self) -> dict[str, str]:
        commit = {"mlflow.source.git.commit": self.origin.commit} if self.origin.commit else {}
        run = self.record.facts["run"]
        return {
            "mlflow.user": self.origin.user,
            "slipway.run": str(run),
            "slipway.folder": str(self.record.folder),
            "slipway.dirty": str(self.origin.dirty).lower(),
            **commit,
        }

    def _begin(self, step: str, at: float, *, wanted: bool = False) -> None:
        if step in self._runs or (not wanted and len(self.record.facts["steps"]) > _NESTED):
            return
        tags = {"mlflow.runName": step, "mlflow.parentRunId": self._parent, "slipway.step": step, **self._shared_tags()}
        run = self._client.create_run(self._experiment, tags=tags, start_time=int(at * 1000))
        self._runs[step] = run.info.run_id
        facts = self.record.facts["steps"].get(step, {})
        self.record.describe_step(step, mlflow_run=run.info.run_id)
        self._describe(run.info.run_id, facts.get("inputs", {}))

    def _describe(self, run: str, inputs: Mapping[str, Any]) -> None:
        """Log literals as parameters, and data as dataset inputs with their digests."""
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param

        literals = [Param(name, str(item["value"])[:6000]) for name, item in inputs.items() if "value" in item]
        data = [
            DatasetInput(
                Dataset(name, item["digest"].removeprefix("sha256:")[:36], "local", str(item["path"])),
                [InputTag("mlflow.data.context", name)],
            )
            for name, item in inputs.items()
            if "digest" in item
        ]
        if literals:
            self._client.log_batch(run, params=literals)
        if data:
            self._client.log_inputs(run, data)

    def _end(self, step: str, status: str, at: float) -> None:
        run = self._runs.get(step)
        if run is None:
            return
        log = self.record.step_folder(step) / "log.txt"
        if log.is_file():
            self._client.log_artifact(run, str(log))
        from mlops.datasets import counts

        counted = counts.metrics(step, counts.read(log))
        named = {name if "/" in name else f"{step}/{name}": value for name, value in counted.items()}
        self._measure(self._parent, {**self._client.get_run(run).data.metrics, **named}, at)
        self._measure(run, counted, at)
        self._client.set_terminated(run, status, end_time=int(at * 1000))
        if status != "FINISHED":
            self._end_below(run)

    def _end_below(self, run: str) -> None:
        """End what a step that was ended has left running below its run: on a busy machine a sweep has no time to do it for its trials."""
        below = f"tags.`mlflow.parentRunId` = '{run}' and attributes.status = 'RUNNING'"
        for child in self._client.search_runs([self._experiment], below, max_results=1000):
            self._client.set_terminated(child.info.run_id, "KILLED")

    def _measure(self, run: str, metrics: Mapping[str, float], at: float) -> None:
        from mlflow.entities import Metric

        if metrics:
            self._client.log_batch(run, metrics=[Metric(name, value, int(at * 1000), 0) for name, value in metrics.items()])

    def _finish(self, status: str, at: float) -> None:
        steps = self.record.facts["steps"]
        reused = {step: facts.get("reason", "") for step, facts in steps.items() if facts.get("state") == "reused"}
        for step, reason in reused.items() if len(steps) <= _NESTED else ():
            self._client.set_tag(self._parent, f"slipway.reused.{step}", reason)
        self._client.set_terminated(self._parent, status, end_time=int(at * 1000))
        self.record.write()


def _newest(before: Mapping[str, float], now: Mapping[str, float]) -> str:
    """Return the metrics that changed, at most three, in one line; how busy the machine is is not among them."""
    changed = [f"{name} {value:.4g}" for name, value in now.items() if before.get(name) != value and not name.startswith("system/")]
    return ", ".join(changed[:3])

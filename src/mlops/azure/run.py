"""One pipeline, run on Azure ML: from the frozen `Pipeline` to the same stream of events and the same run folder as on this machine."""

from __future__ import annotations

import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.azure.children import Children
from mlops.azure.failures import told
from mlops.azure.following import AWAY, ENDED, Progressed, Seen, seen_of, word
from mlops.azure.measures import Measures
from mlops.azure.parts import Parts
from mlops.azure.plane import Plane
from mlops.azure.store import Logs, fetch
from mlops.azure.submission import called, job_of, name_of, submit
from mlops.engine.events import Event, Failed, Finished, Progress, RunFinished, RunStarted
from mlops.errors import JobFailed, MlopsError, PlatformError
from mlops.files import shown
from mlops.local.digests import Digests
from mlops.local.logs import last_line
from mlops.local.runs import RunRecord, facts_of, open_run, origin, read_runs, reopen_run
from mlops.records import replace
from mlops.spec.values import FILE_TYPES, Each, Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from mlops.azure.connection import Connection
    from mlops.spec.values import Pipeline, Step

_TAIL = 10  # lines of a failed step's log that are told
_SUMMED = 50  # steps: of a larger job only the logs of steps that were looked at or failed are brought; `mlops logs` brings another
_LOOKS = 3  # at the steps, between two at the job, while steps go on


@dataclass
class RemoteRun:
    """A job on Azure ML. `submit()` it, then iterate over `events()`, which may be left and called again: it goes on where it was."""

    pipeline: Pipeline
    record: RunRecord
    root: Path
    home: Path
    connection: Connection
    again: bool = False
    """Whether it may have been submitted already, by a try whose answer was lost."""
    queue_limit: float = 0.0
    """Seconds that the job may wait for a machine while none of its steps runs; 0 is for ever."""
    then: Callable[[RemoteRun], Iterator[Event]] | None = None
    """What happens in the same run when the job has ended well: steps that run here, on its outputs."""
    _told: Progressed = field(init=False)
    _plane: Plane = field(init=False)
    _children: Children = field(init=False)
    _queue: deque[str] = field(default_factory=deque, init=False)
    _begun: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        steps = self.pipeline.steps
        bodies = tuple(_bodies(steps))
        outputs = {step.name: tuple(step.component.outputs) for step in steps.values()}
        self._told = Progressed({name: step.needs for name, step in steps.items()}, outputs, bodies)
        self._plane = Plane(self.connection)
        self._children = Children(self._plane, self.name, tuple(steps), bodies, self.record.facts["job"].get("called", {}))

    @property
    def name(self) -> str:
        """The job's name."""
        return str(self.record.facts["job"]["name"])

    @property
    def failed(self) -> str | None:
        """The name of the first step that failed, or None."""
        return self.record.failed

    def submit(self) -> str:
        """Upload what is not there yet and submit; return the job's page in the studio.

        Raises:
            MlopsError: It is refused, or Azure cannot be reached; the run's record says that it is not known whether the job is there.
        """
        facts = self.record.facts
        try:
            name, studio, named = self._send()
        except BaseException as error:
            if isinstance(error, MlopsError) and not isinstance(error, PlatformError):
                facts.update(state="failed", error=error.message)
            self.record.write()
            self.record.close()
            raise
        self._children.job, self._children.called = name, named
        facts["job"].update(name=name, state="submitted", studio=studio, called=named)
        self.record.write()
        return studio

    def _send(self) -> tuple[str, str, dict[str, str]]:
        """Have the service take the job; return its name, its page, and what it calls steps that have a name of their own to be shown."""
        facts = self.record.facts
        job = job_of(self.pipeline, facts["settings"], force=facts["force"], compute=facts.get("compute", ""))
        made = submit(self.connection, job, self.name, f"{facts['name']} {facts['job']['key']}", again=self.again)
        return self.name, str(made.studio_url or ""), called(job)

    def events(self) -> Iterator[Event]:
        """Follow the job, submitting it first where that was not done, and yield what happens, until it has ended; its logs and outputs are in the run's folder then.

        Raises:
            PlatformError: Azure cannot be reached any more. The job goes on, and so may the following.
        """
        if self.record.facts["job"]["state"] != "submitted":
            self.submit()
        if not self._begun:
            self._begun = True
            facts = self.record.facts
            yield self._tell(RunStarted(facts["run"], facts["name"], self._title(), self._told.needs))
        logs = Logs(self.connection)
        try:
            self.connection.pace.on = True
            for event in self._following(logs):
                yield self._tell(event)
        except MlopsError:
            self.record.write()
            self.record.close()
            raise
        finally:
            self.connection.pace.on = False
            logs.close()
            self._plane.close()

    def _following(self, logs: Logs) -> Iterator[Event]:
        state, looks, measures = "", 0, Measures(self._plane)
        parts = Parts(self._plane, logs, measures)
        with told("follow the job", where=self.name):
            while not state:
                yield from self._look(logs)
                looks += 1
                if self._told.ended or not self._told.states or looks % _LOOKS == 0 or self._told.failing:
                    state = self._state()
                elif self._told.running:
                    yield from self._one_step(logs, parts)
            yield from self._look(logs)
            self.connection.pace.on = False
            yield from self._told.rest(state)
            if len(self._told.runs) <= _SUMMED:
                self._all_logs(logs)
            self._measure(measures)
        if state == "completed":
            self._outputs()
            yield from self.then(self) if self.then else ()
        yield self._end("failed" if self.failed else state)

    def _look(self, logs: Logs) -> Iterator[Event]:
        for event in self._told.events(list(self._seen()), time.time()):
            if isinstance(event, Failed):
                yield self._with_log(event, logs)
            elif isinstance(event, Finished) and len(self._told.needs) <= _SUMMED:
                yield self._summed_up(event, logs)
            else:
                if isinstance(event, Progress) and event.text == AWAY:
                    self._log_again(event.step)
                yield event

    def _state(self) -> str:
        """Ask for the job itself; return how it has ended, or the empty string.

        Raises:
            PlatformError: It waits for a machine for too long.
        """
        status = word(self.connection.client.jobs.get(self.name).status)
        state = ENDED.get(status, "")
        if not state:
            self._told.waits(status, time.time())
            self._not_for_ever()
        return state

    def _not_for_ever(self) -> None:
        since, run = self._told.idle, self.record.facts["run"]
        if not self.queue_limit or since is None or time.time() - since < self.queue_limit:
            return
        hint = (
            f"It waits on: mlops resume {run} follows it, mlops cancel {run} ends it. Is the compute at its most nodes, or the quota used up? "
            "az ml compute show and az ml compute list-usage tell; a low-priority node is given when one is to spare. "
            "How long is too long: --queue-limit MINUTES, or azure: queue_limit_minutes in the environment's file."
        )
        raise PlatformError(f"no machine for {self.queue_limit / 60:.3g} minutes: {self._told.waiting}", where=self.name, hint=hint)

    def _seen(self) -> Iterator[Seen]:
        """Ask for the steps as they are."""
        if not self.record.facts["job"]["single"]:
            yield from self._children.look()
            return
        job, step = self.connection.client.jobs.get(self.name), next(iter(self._told.needs))
        yield seen_of(step, self.name, job.status, str(job.compute or ""), job.properties or {})

    def _log(self, step: str) -> Path:
        return self.record.step_folder(step) / "log.txt"

    def _one_step(self, logs: Logs, parts: Parts) -> Iterator[Event]:
        """Look at the running step that was not looked at for longest: bring its log, and tell how far it is."""
        running = dict.fromkeys(self._told.running)
        known = [step for step in self._queue if step in running]
        self._queue = deque([*known, *(running.keys() - set(known))])
        step = self._queue.popleft()
        self._queue.append(step)
        self._describe(step)
        logs.grow(self._told.runs[step], self._log(step))
        at = self.pipeline.steps.get(step)
        news = parts.news(step, self._told.runs[step], at.component if at else None, self._log(step))
        if news:
            yield Progress(step, news)

    def _log_again(self, step: str) -> None:
        """Put aside the log of a step that begins anew elsewhere."""
        log = self._log(step)
        if log.exists():
            log.rename(log.with_name(f"log-{len(list(log.parent.glob('log*.txt')))}.txt"))

    def _summed_up(self, event: Finished, logs: Logs) -> Finished:
        """Add the last line of what the step printed, as the local engine does."""
        logs.grow(self._told.runs[event.step], self._log(event.step))
        self._describe(event.step)
        return replace(event, summary=last_line(self._log(event.step)))

    def _measure(self, measures: Measures) -> None:
        """Take what the steps have logged into the run's record."""
        steps = {run: step for step, run in self._told.runs.items()}
        if self.record.facts["job"]["single"]:
            found = {self.name: measures.of(self.name)}
        else:
            found = {run: told for parent in self._children.parents for run, told in measures.below(parent).items()}
        for run, metrics in found.items():
            if run in steps and metrics:
                self.record.describe_step(steps[run], metrics=metrics)

    def _all_logs(self, logs: Logs) -> None:
        for step, run in self._told.runs.items():
            if self.record.facts["steps"].get(step, {}).get("state") != "reused":
                self._describe(step)
                logs.grow(run, self._log(step))

    def _describe(self, step: str) -> None:
        """Say in the record where a step's log is to be, and which run it is of."""
        self.record.describe_step(step, log=f"steps/{step}/log.txt", job=self._told.runs[step])

    def _with_log(self, event: Failed, logs: Logs) -> Failed:
        """Add the end of the step's log, which is brought first."""
        logs.grow(self._told.runs[event.step], self._log(event.step))
        self._describe(event.step)
        log = self._log(event.step)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        return replace(event, log=shown(log, self.root), tail=tuple(lines[-_TAIL:]))

    def _outputs(self) -> None:
        """Bring the pipeline's outputs into the folders of the steps that made them."""
        digests = Digests(self.home / "digests.json")
        for name, bound in self.pipeline.outputs.items():
            step, at = bound.step, self.pipeline.steps.get(bound.step)
            file = at is not None and at.component.outputs[bound.output].file_type in FILE_TYPES
            place = fetch(self.connection, self.name, name, self.record.step_folder(step) / "outputs" / bound.output, file=file)
            if place is not None:
                made = {"path": str(place), "digest": digests.of(place)}
                self.record.facts["outputs"][name] = made
                known = self.record.facts["steps"].get(step, {}).get("outputs", {})
                self.record.describe_step(step, outputs={**known, bound.output: made})
        digests.save()

    def _end(self, state: str) -> Event:
        facts = self.record.facts
        if self.failed:
            facts["error"] = f"{self.failed}: {facts['steps'][self.failed].get('reason')}"
        elif state == "failed":
            facts["error"] = f"the job failed on Azure ML: {facts['job']['studio']}"
        return RunFinished(facts["run"], state, time.time() - self.record.began)

    def _tell(self, event: Event) -> Event:
        self.record.apply(event)
        if isinstance(event, RunFinished):
            self.record.close()
        return event

    def _title(self) -> str:
        place = self.connection.settings
        return f"{self.pipeline.path.name}  {self.pipeline.experiment} on {place.workspace} · job {self.name}"

    def cancel(self) -> None:
        """Ask the service to end the job; following it shows that it did.

        Raises:
            PlatformError: It cannot be asked.
        """
        with told("cancel the job", where=self.name):
            self.connection.client.jobs.begin_cancel(self.name)

    def detach(self) -> None:
        """Stop following; the job goes on."""
        self.record.write()
        self.record.close()


def begin(
    pipeline: Pipeline,
    home: Path,
    root: Path,
    connection: Connection,
    settings: Mapping[str, str],
    *,
    force: bool = False,
    queue_limit: float = 0.0,
    model: str | None = None,
    compute: str = "",
) -> RemoteRun:
    """Return the run of a file that is to be submitted: a new one, or the one before of the same file whose answer was lost.

    For a model's delivery (`model`) also one that was left while its job went on: to deliver again is to follow it.
    """
    told = facts_of(pipeline, root, origin(root), settings, force=force, asset=lambda path: {"path": shown(path, root)})
    facts = {"model": model, "where": f"azure:{connection.environment}", **({"compute": compute} if compute else {}), **told}
    lost = next((one for one in read_runs(home) if _same(one, facts)), None)
    if lost is not None:
        return RemoteRun(
            pipeline, reopen_run(home / "runs" / str(lost["run"])), root, home, connection, again=True, queue_limit=queue_limit
        )
    key = uuid.uuid4().hex[:12]
    single = all(step.place.keys == () for step in pipeline.steps.values())  # a command of its own, which the service tells no steps of
    job = {"name": name_of(pipeline, settings, key), "key": key, "state": "unconfirmed", "single": single, **connection.facts}
    return RemoteRun(pipeline, open_run(home, {**facts, "job": job}), root, home, connection, queue_limit=queue_limit)


def _same(before: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Whether a run before was the same and never heard whether its job was taken, or of a delivery, how it ended."""
    job = before.get("job", {})
    left = job.get("state") in ({"unconfirmed", "submitted"} if facts["model"] else {"unconfirmed"})
    left = left and before["state"] in {"detached", "killed"} and before.get("force") == facts["force"]
    return left and all(before.get(key) == facts.get(key) for key in ("model", "pipeline", "settings", "commit", "where", "compute"))


def resume(folder: Path, pipeline: Pipeline, home: Path, root: Path, connection: Connection, *, queue_limit: float = 0.0) -> RemoteRun:
    """Return a run that was left, to be followed again."""
    record = reopen_run(folder)
    return RemoteRun(pipeline, record, root, home, connection, again=True, queue_limit=queue_limit)


def _bodies(steps: Mapping[str, Step]) -> Iterator[str]:
    """Yield what loops repeat: the name of each step that an iteration has, and of the loop's body itself."""
    for step in steps.values():
        if isinstance(step.flow, Loop | Each):
            yield step.flow.body.name
            yield from step.flow.body.steps
            yield from _bodies(step.flow.body.steps)


def why_not(run: RemoteRun) -> MlopsError | None:
    """Return the error of a run that did not complete, for the exit code of the command; None where it did."""
    facts = run.record.facts
    if facts["state"] == "completed":
        return None
    name = run.failed
    if name is None:
        return JobFailed(facts.get("error") or f"the job {run.name} is {facts['state']}", hint=facts["job"]["studio"])
    return JobFailed(
        f"{name} failed: {facts['steps'][name]['reason']}",
        hint=f"The whole log: mlops logs {facts['run']} {name}\n{facts['job']['studio']}",
    )

"""The jobs of a workspace: submitted, run by the local engine in a process of their own, followed, canceled; their logs and outputs in the blob store."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from . import steps as runs
from . import tracking
from .entra import Refused
from .steps import Step, Steps
from .translation import Files
from .workspace import moment

if TYPE_CHECKING:
    from .workspace import Workspace

DONE = runs.ENDED
MUTABLE = {"description", "displayName", "properties", "tags", "isArchived"}
_LOOK = 0.1  # seconds between two looks at the logs


@dataclass
class Job:
    """One submitted job. `told` is what ARM answers of it, but for its status."""

    name: str
    told: dict[str, Any]
    status: str = "NotStarted"
    error: str = ""
    began: str = field(default_factory=moment)
    tree: Steps = field(default_factory=Steps)
    folder: Path = Path()
    """The run's folder, once it has begun."""
    wants_end: threading.Event = field(default_factory=threading.Event)

    bound: dict[str, str] = field(default_factory=dict)
    """Its own outputs, and the `step/output` that writes each."""
    types: dict[str, str] = field(default_factory=dict)
    """The type of each `step/output`."""

    @property
    def properties(self) -> dict[str, Any]:
        return self.told["properties"]

    @property
    def steps(self) -> dict[str, Step]:
        return self.tree.found

    @property
    def single(self) -> bool:
        """Whether it is one step, which run history tells nothing of by itself."""
        return self.properties["jobType"] != "Pipeline"

    def outputs(self) -> dict[str, tuple[str, str]]:
        """Return the job's own outputs: those of the steps that they are bound to; of a command job, its only step's."""
        if self.single:
            return {name: made for step in self.steps.values() for name, made in step.outputs.items()}
        found = {}
        for name, bound in self.bound.items():
            step, _, output = bound.rpartition("/")
            if step in self.steps and output in self.steps[step].outputs:
                found[name] = self.steps[step].outputs[output]
        return found


@dataclass
class Jobs:
    """The jobs of one workspace, and the machine that they run on: `folder` is its disk."""

    workspace: Workspace
    folder: Path
    runs: bool = True
    """Whether jobs are carried out; without, they are taken and wait for ever."""
    found: dict[str, Job] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _threads: list[threading.Thread] = field(default_factory=list)
    _made: dict[str, str] = field(default_factory=dict)
    """The run folder's output -> the run that made it, for what is reused."""
    _servers: dict[Path, tracking.Server] = field(default_factory=dict)

    def submit(self, name: str, body: dict[str, Any]) -> tuple[int, Job]:
        """Take a job in and begin it; the same again is the same job.

        Raises:
            Refused: There is another job of this name; or it names what does not exist.
        """
        with self.lock:
            there = self.found.get(name)
            if there:
                self._unchanged(there, body["properties"])
                there.properties.update({key: body["properties"][key] for key in MUTABLE & set(body["properties"])})
                return 200, there
            self.workspace.refer(body)
            studio = {"jobServiceType": "Studio", "endpoint": f"https://ml.azure.com/runs/{name}?wsid={self.workspace.id}"}
            services = {
                "Studio": studio,
                "Tracking": {"jobServiceType": "Tracking", "endpoint": self.workspace.told()["properties"]["mlFlowTrackingUri"]},
            }
            own = {
                "experimentName": "Default",
                "displayName": name,
                "tags": {},
                "properties": {},
                **body["properties"],
                "services": services,
            }
            told = self.workspace._resource(f"jobs/{name}", name, own)
            job = self.found[name] = Job(name, told)
            if self.runs:
                thread = threading.Thread(target=self._carry_out, args=(job,), daemon=True)
                self._threads.append(thread)
                thread.start()
            return 201, job

    @staticmethod
    def _unchanged(there: Job, after: dict[str, Any]) -> None:
        fixed = [key for key, value in after.items() if key not in MUTABLE and there.properties.get(key) != value]
        if fixed:
            told = "A job with this name already exists. If you are trying to create a new job, use a different name. "
            told += f"If you are trying to update an existing job, the existing job's {fixed[0]} cannot be changed. "
            raise Refused(400, "UserError", f"{told}Only {', '.join(sorted(MUTABLE))} can be updated.")

    def get(self, name: str) -> Job:
        """Return a job by name.

        Raises:
            Refused: There is none.
        """
        if name not in self.found:
            raise Refused(404, "ResourceNotFound", f"Job {name} was not found in workspace {self.workspace.name}.")
        return self.found[name]

    def run(self, run: str) -> tuple[Job, Step | None]:
        """Return the job or the step that a run's id names.

        Raises:
            Refused: There is none.
        """
        for job in self.found.values():
            step = next((one for one in (*job.steps.values(), *self.trials(job)) if one.run == run != job.name), None)
            if step is not None:
                return job, step
        return self.get(run), None  # a job of one step is that step

    def children(self, run: str) -> list[Step]:
        """Return the runs directly below a run: the steps of a job or of a pipeline within it, the trials of a sweep."""
        job, step = self.run(run)
        under = step.name if step else next(iter(job.steps), "") if job.single else ""
        return [*(job.tree.children(under) if step or not job.single else []), *(one for one in self.trials(job) if one.under == under)]

    def trials(self, job: Job) -> list[Step]:
        found = [one for one in self._tracked(job) if one.trial is not None and one.step in job.steps]
        return [
            runs.trial(one.step, job.steps[one.step].run, one.trial or 0, one.status, job.steps[one.step].outputs if one.best else {})
            for one in found
        ]

    def _tracked(self, job: Job) -> list[tracking.Tracked]:
        return tracking.tracked(self._home(job), job.folder) if job.folder.name else []

    @staticmethod
    def _home(job: Job) -> Path:
        return job.folder.parents[1]

    def ask_mlflow(self, method: str, path: str, body: Any) -> Any:
        """Ask MLflow on the machine of the newest job that has begun.

        Raises:
            Refused: It refuses.
        """
        begun = [job for job in self.found.values() if job.folder.name]
        if not begun:
            raise Refused(404, "ResourceNotFound", "Nothing was logged yet.")
        home = self._home(begun[-1])
        with self.lock:
            server = self._servers.setdefault(home, tracking.Server(home))
        return server.ask(method, path, body, self._names([job for job in begun if self._home(job) == home]))

    def _names(self, jobs: list[Job]) -> dict[str, str]:
        """Return the name of every run -> MLflow's id of it, those first that begin with another's."""
        found = {}
        for job in jobs:
            for one in self._tracked(job):
                name = job.steps[one.step].run if one.step in job.steps else job.name
                if one.trial is None and name in found and not one.step:
                    continue  # a job of one step has that one's run
                found[name if one.trial is None else f"{name}_{one.trial}"] = one.run
        return dict(sorted(found.items(), key=lambda item: -len(item[0])))

    def cancel(self, name: str) -> Job:
        job = self.get(name)
        if job.status not in DONE:
            job.wants_end.set()
            job.status = "CancelRequested" if self.runs else "Canceled"
        return job

    def close(self) -> None:
        """End what runs."""
        for job in self.found.values():
            job.wants_end.set()
        for thread in self._threads:
            thread.join()
        for server in self._servers.values():
            server.close()

    def _carry_out(self, job: Job) -> None:
        job.status = "Queued" if job.single else "NotStarted"
        if job.wants_end.wait(self.workspace.faults.queue):
            job.status = "Canceled"
            return
        try:
            files = Files(self.workspace, self.folder / "jobs" / job.name, self.folder / "store")
            file = files.job(job.properties)
            job.status = "Running"
            state = self._driven(job, file)
            while state == "preempted":
                job.status = "Queued" if job.single else "Running"
                job.wants_end.wait(self.workspace.faults.away)
                state = self._driven(job, file)
            best = next((one.run for one in self.trials(job) if one.outputs), "")
            if best and job.properties["jobType"] == "Sweep":
                job.properties["properties"]["best_child_run_id"] = best
            job.tree.end({"completed": "Completed", "failed": "Failed"}.get(state, "Canceled"))
            job.status = {"completed": "Completed", "failed": "Failed"}.get(state, "Canceled")
        except Exception as error:
            job.error, job.status = f"{type(error).__name__}: {error}", "Failed"

    def _driven(self, job: Job, file: Path) -> str:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(("AZURE", "HTTPS_", "MLFLOW", "MLOPS", "REQUESTS_"))
        }
        variables = {**kept, "MLOPS_HOME": str(self.folder / "home"), "PYTHONUNBUFFERED": "1"}
        words = [sys.executable, str(Path(__file__).with_name("driver.py")), str(file)]
        with (file.parent / "driver.log").open("wb") as log:
            process = subprocess.Popen(
                words, cwd=file.parent, env=variables, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
            watching = threading.Thread(target=self._watch, args=(job, process), daemon=True)
            watching.start()
            state = ""
            for line in process.stdout or ():
                event = json.loads(line)
                state = self._heard(job, event) or state
                if event["event"] == "Started" and self._preempted(job, event["step"]):
                    os.killpg(process.pid, signal.SIGKILL)
                    state = "preempted"
                    break
            process.wait()
            watching.join()
            if process.stdout:
                process.stdout.close()
        if not state:
            job.error = (file.parent / "driver.log").read_text(encoding="utf-8", errors="replace")[-1000:]
        if state == "preempted":
            self._away(job)
        return "canceled" if job.wants_end.is_set() else state or "failed"

    def _preempted(self, job: Job, step: str) -> bool:
        """Whether the node that a step has just begun on is taken away now."""
        faults = self.workspace.faults
        if step not in faults.preempted:
            return False
        log = job.folder / "steps" / step / "log.txt"
        while not (log.exists() and log.stat().st_size):
            time.sleep(_LOOK)
        self._log(job, job.steps[step])
        faults.preempted.remove(step)
        return True

    def _away(self, job: Job) -> None:
        """What ran waits for another machine, where it begins with a new log."""
        for step in job.tree.away():
            step.logged = -1
            with contextlib.suppress(ResourceNotFoundError):
                self.workspace.blobs.get_container_client("azureml").delete_blob(_log_of(step))

    def _heard(self, job: Job, event: dict[str, Any]) -> str:
        """Take what the engine tells; return how the run ended, where it says that."""
        kind = event["event"]
        if kind == "Folder":
            job.folder, job.bound, job.types = Path(event["folder"]), event["bound"], event["types"]
            job.tree.planned = set(event["steps"])
        elif kind == "RunFinished":
            return str(event["state"])
        elif kind == "Progress":
            self._overview(job, event)
        elif kind == "Skipped":
            job.tree.skipped(event["step"])
        elif kind in {"Started", "Finished", "Reused", "Failed", "Canceled"}:
            self._happened(job, event)
        return ""

    def _overview(self, job: Job, event: dict[str, Any]) -> None:
        """Write how far a parallel step is, where Azure ML writes it."""
        step = job.steps.get(event["step"])
        if step is not None and "mini-batch" in event["text"]:
            client = self.workspace.blobs.get_container_client("azureml")
            client.upload_blob(f"ExperimentRun/dcid.{step.run}/logs/job_progress_overview.txt", f"{event['text']}\n", overwrite=True)

    def _watch(self, job: Job, process: subprocess.Popen[str]) -> None:
        """Bring what steps write into the blob store while they run, and end the process where the job is canceled."""
        told = False
        while process.poll() is None:
            if job.wants_end.is_set() and not told:
                told = True
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGINT)
            for step in list(job.steps.values()):
                if step.status == "Running":
                    self._log(job, step)
            time.sleep(_LOOK)

    def _happened(self, job: Job, event: dict[str, Any]) -> None:
        name, kind = event["step"], event["event"]
        before = job.steps.get(name)
        if before is not None and before.status in DONE:
            return  # done before the node was taken away
        if before is not None:
            self._log(job, before)
        if before is not None and kind in {"Finished", "Reused"}:  # what it made is there before it says so
            self._store(job, before, event)
        step = job.tree.happened(name, kind)
        step.run = job.name if job.single else step.run
        if before is None and kind in {"Finished", "Reused"}:
            self._store(job, step, event)
        if kind == "Failed":
            step.error = f"{event['reason']}"
        self._log(job, step)

    def _store(self, job: Job, step: Step, event: dict[str, Any]) -> None:
        if event["event"] == "Reused":
            step.reused = next(
                (self._made[made["path"]] for made in event["outputs"].values() if made["path"] in self._made), "an earlier run"
            )
        for name, made in event["outputs"].items():
            self._made.setdefault(made["path"], step.run)
            below, path = _asked_for(job, f"{step.name}/{name}") or f"azureml/{step.run}/{name}", Path(made["path"])
            client = self.workspace.blobs.get_container_client("azureml-blobstore")
            for file in [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file()):
                client.upload_blob(
                    below if file == path else f"{below}/{file.relative_to(path).as_posix()}", file.read_bytes(), overwrite=True
                )
            step.outputs[name] = (job.types.get(f"{step.name}/{name}", "uri_folder"), below)

    def _log(self, job: Job, step: Step) -> None:
        log = job.folder / "steps" / step.name / "log.txt"
        with contextlib.suppress(FileNotFoundError), self.lock:
            if log.stat().st_size > max(step.logged, 0):
                data = log.read_bytes()
                step.logged = len(data)
                client = self.workspace.blobs.get_container_client("azureml")
                client.upload_blob(_log_of(step), data, overwrite=True)


def _asked_for(job: Job, output: str) -> str:
    """Return the path of the datastore that the job was asked to write a step's output to; the empty string where it was not."""
    own = next((name for name, bound in job.bound.items() if bound == output), "")
    return str(((job.properties.get("outputs") or {}).get(own) or {}).get("uri") or "").partition("/paths/")[2]


def _log_of(step: Step) -> str:
    return f"ExperimentRun/dcid.{step.run}/user_logs/std_log.txt"

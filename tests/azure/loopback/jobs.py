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
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .entra import Refused
from .translation import Files
from .workspace import moment

if TYPE_CHECKING:
    from .workspace import Workspace

DONE = {"Completed", "Failed", "Canceled"}
MUTABLE = {"description", "displayName", "properties", "tags", "isArchived"}
_LOOK = 0.1  # seconds between two looks at the logs


@dataclass
class Step:
    """One step's run, as run history tells it: `outputs` has the type and the datastore path of each output."""

    run: str
    name: str
    status: str = "Running"
    began: str = field(default_factory=moment)
    ended: str = ""
    error: str = ""
    reused: str = ""
    outputs: dict[str, tuple[str, str]] = field(default_factory=dict)
    logged: int = -1


@dataclass
class Job:
    """One submitted job. `told` is what ARM answers of it, but for its status."""

    name: str
    told: dict[str, Any]
    status: str = "NotStarted"
    error: str = ""
    began: str = field(default_factory=moment)
    steps: dict[str, Step] = field(default_factory=dict)
    folder: Path = Path()
    """The run's folder, once it has begun."""
    wants_end: threading.Event = field(default_factory=threading.Event)

    @property
    def properties(self) -> dict[str, Any]:
        return self.told["properties"]

    def outputs(self) -> dict[str, tuple[str, str]]:
        """Return the job's own outputs: those of the steps that they are bound to; of a command job, its only step's."""
        if self.properties["jobType"] == "Command":
            return {name: made for step in self.steps.values() for name, made in step.outputs.items()}
        bound = {}
        for step, node in self.properties["jobs"].items():
            for output, given in (node.get("outputs") or {}).items():
                name = str(given.get("value", "")).removeprefix("${{parent.outputs.").removesuffix("}}")
                if step in self.steps and output in self.steps[step].outputs:
                    bound[name] = self.steps[step].outputs[output]
        return {name: bound[name] for name in self.properties.get("outputs") or {} if name in bound}


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
            for step in job.steps.values():
                if step.run == run:
                    return job, step
        return self.get(run), None

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

    def _carry_out(self, job: Job) -> None:
        job.status = "Preparing"
        if job.wants_end.wait(self.workspace.faults.queue):
            job.status = "Canceled"
            return
        try:
            files = Files(self.workspace, self.folder / "jobs" / job.name, self.folder / "store")
            file = files.command(job.properties) if job.properties["jobType"] == "Command" else files.pipeline(job.properties)
            job.status = "Running"
            state = self._driven(job, file)
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
                if event["event"] == "Folder":
                    job.folder = Path(event["folder"])
                elif event["event"] == "RunFinished":
                    state = event["state"]
                elif event["event"] in {"Started", "Finished", "Reused", "Failed", "Canceled"}:
                    self._happened(job, event)
            process.wait()
            watching.join()
            if process.stdout:
                process.stdout.close()
        if not state:
            job.error = (file.parent / "driver.log").read_text(encoding="utf-8", errors="replace")[-1000:]
        return "canceled" if job.wants_end.is_set() else state or "failed"

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
        step = job.steps.get(name) or Step(str(uuid.uuid4()), name)
        self._log(job, step)
        if kind in {"Finished", "Reused"}:
            self._store(job, step, event)
        if kind == "Failed":
            step.error = f"{event['reason']}"
        if kind != "Started":
            step.ended = moment()
        job.steps[name] = step
        step.status = {"Started": "Running", "Finished": "Completed", "Reused": "Completed"}.get(kind, kind)

    def _store(self, job: Job, step: Step, event: dict[str, Any]) -> None:
        if event["event"] == "Reused":
            step.reused = next(
                (self._made[made["path"]] for made in event["outputs"].values() if made["path"] in self._made), "an earlier run"
            )
        types = self._types(job, step.name)
        for name, made in event["outputs"].items():
            self._made.setdefault(made["path"], step.run)
            below, path = f"azureml/{step.run}/{name}", Path(made["path"])
            client = self.workspace.blobs.get_container_client("azureml-blobstore")
            for file in [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file()):
                client.upload_blob(
                    below if file == path else f"{below}/{file.relative_to(path).as_posix()}", file.read_bytes(), overwrite=True
                )
            step.outputs[name] = (types.get(name, "uri_folder"), below)

    def _types(self, job: Job, step: str) -> dict[str, str]:
        if job.properties["jobType"] == "Command":
            return {name: one["jobOutputType"] for name, one in (job.properties.get("outputs") or {}).items()}
        reference = job.properties["jobs"][step]["componentId"]
        _, _, name, _, version = reference.rsplit("/", 4)
        spec = self.workspace.held("components", name, version)["properties"]["componentSpec"]
        return {name: one["type"] for name, one in (spec.get("outputs") or {}).items()}

    def _log(self, job: Job, step: Step) -> None:
        log = job.folder / "steps" / step.name / "log.txt"
        with contextlib.suppress(FileNotFoundError), self.lock:
            if log.stat().st_size > max(step.logged, 0):
                data = log.read_bytes()
                step.logged = len(data)
                client = self.workspace.blobs.get_container_client("azureml")
                client.upload_blob(f"ExperimentRun/dcid.{step.run}/user_logs/std_log.txt", data, overwrite=True)

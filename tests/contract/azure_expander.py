"""Azure Pipelines on this machine, for tests: no runner of it exists offline, so this runs the `script:` steps of the YAML, and says what its graph is.

Which file runs for an event (`starts`), what runs of it (`Service.run`, in real bash, in a fresh checkout for each job), and how it hangs together
(`graph`). Real: the checkout, the scripts, their exit codes, the logging commands, the variables and outputs handed on, artifacts, caches, time limits,
cancellation. Stand-ins: the tasks in `TASKS`. Not real: jobs run one after the other, and nothing of what the service itself computes beyond the
documented language. What is not understood is refused (`NotUnderstood`).
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import os
import posixpath
import re
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.azure_expressions import NotUnderstood, Strict, evaluate, parse, text, truth
from tests.contract.azure_templates import RUNTIME, Pipeline, load, possible

__all__ = ["Cancel", "Environment", "Event", "Graph", "NotUnderstood", "Run", "Service", "graph", "load", "possible", "starts"]

DONE = {"succeeded", "succeededWithIssues"}
VERB = re.compile(r"(?<![\w/.-])make ([a-z][a-z-]*)")
MACRO = re.compile(r"\$\(([\w.]+)\)")
ESCAPES = {"%3B": ";", "%0D": "\r", "%0A": "\n", "%5D": "]", "%AZP25": "%"}
FOLDERS = {"s": "Build.SourcesDirectory", "a": "Build.ArtifactStagingDirectory", "tmp": "Agent.TempDirectory"}


# Events, and which files they start


@dataclass(frozen=True)
class Event:
    """What happened. `commit` is what is checked out: of a pull request the merge of `head` into `target`."""

    kind: str
    """push, pull_request, schedule or manual."""
    commit: str
    branch: str = "main"
    ref: str = ""
    target: str = "main"
    number: int = 0
    head: str = ""
    fork: bool = False
    paths: tuple[str, ...] = ()
    """What changed."""
    cron: str = ""
    changed: bool = True
    """Whether there is a commit since the last run of the schedule."""
    parameters: dict = field(default_factory=dict)
    by: str = "ada@example.com"

    @property
    def reason(self):
        return {"push": "IndividualCI", "pull_request": "PullRequest", "schedule": "Schedule", "manual": "Manual"}[self.kind]

    @property
    def source(self):
        return self.ref or (f"refs/pull/{self.number}/merge" if self.kind == "pull_request" else f"refs/heads/{self.branch}")


def starts(pipeline: Pipeline, event: Event, *, provider: str = "TfsGit", validates: tuple[str, ...] = ()) -> bool:
    """Return whether an event starts a pipeline.

    Args:
        pipeline: The file.
        event: What happened; a manual one starts what it is asked for.
        provider: TfsGit (Azure Repos, where `pr:` is not read) or GitHub.
        validates: On Azure Repos the files that a build validation policy of main runs.
    """
    if event.kind == "manual":
        return True
    if event.kind == "push":
        return _filtered(pipeline.trigger, event.branch, event.paths, pipeline.file)
    if event.kind == "pull_request":
        if provider == "TfsGit":
            return pipeline.file in validates
        return _filtered(pipeline.pr, event.target, event.paths, pipeline.file)
    return any(_due(entry, event, pipeline.file) for entry in pipeline.schedules)


def _filtered(trigger, branch, paths, file):
    if trigger is None:
        return True  # without a word about it, every branch
    if trigger == "none":
        return False
    if isinstance(trigger, list):
        return _among(trigger, branch)
    unknown = set(trigger) - {"branches", "paths", "batch", "autoCancel", "drafts"}
    if unknown:
        raise NotUnderstood(f"{file}: a trigger has {', '.join(sorted(unknown))}, which is not known here")
    branches, places = trigger.get("branches", {}), trigger.get("paths", {})
    for part in (branches, places):
        if set(part) - {"include", "exclude"}:
            raise NotUnderstood(f"{file}: a trigger has {part!r}, which is not known here")
    inside = _among(branches.get("include", ["*"]), branch) and not _among(branches.get("exclude", []), branch)
    touched = [path for path in paths if _below(places.get("include", ["*"]), path) and not _below(places.get("exclude", []), path)]
    return inside and bool(touched or not places)


def _among(patterns, branch):
    return any(fnmatch.fnmatchcase(branch, pattern.removeprefix("refs/heads/")) for pattern in patterns)


def _below(patterns, path):
    return any(path == one or path.startswith(one.rstrip("/") + "/") or fnmatch.fnmatchcase(path, one) for one in map(str, patterns))


def _due(entry, event, file):
    if set(entry) - {"cron", "displayName", "branches", "always", "batch"} or "branches" not in entry:
        raise NotUnderstood(f"{file}: a schedule is {entry!r}: cron and branches are wanted, and nothing unknown")
    if len(entry["cron"].split()) != 5:
        raise NotUnderstood(f"{file}: the cron {entry['cron']!r} has not five parts")
    always = str(entry.get("always", "false")).lower() == "true"
    on = {"branches": entry["branches"]}
    return event.cron in {"", entry["cron"]} and _filtered(on, event.branch, (), file) and (always or event.changed)


# The graph, in a form that another system's can be compared with


@dataclass(frozen=True)
class Graph:
    """A pipeline without the words of its system."""

    file: str
    push: tuple[str, ...]
    """Patterns of branches, with `!` before those that are left out; no push starts it where it is empty."""
    pull_request: tuple[str, ...]
    crons: tuple[str, ...]
    inputs: dict
    """Of a manual run: name to (type, default, values)."""
    lock: str
    stages: tuple[GraphStage, ...]


@dataclass(frozen=True)
class GraphStage:
    name: str
    needs: tuple[str, ...]
    condition: str
    jobs: tuple[GraphJob, ...]


@dataclass(frozen=True)
class GraphJob:
    name: str
    needs: tuple[str, ...]
    condition: str
    gate: str
    """The environment that guards it; empty where none does."""
    verbs: tuple[str, ...]
    conditions: tuple[str, ...]
    """Of each verb its step's condition."""
    matrix: bool
    minutes: str
    token: bool
    """Whether a step of it gets the token of the job."""


def graph(pipeline: Pipeline) -> Graph:
    """Return what a pipeline is, in a neutral form."""
    return Graph(
        file=pipeline.file,
        push=_branches(pipeline.trigger),
        pull_request=_branches(pipeline.pr),
        crons=tuple(entry["cron"] for entry in pipeline.schedules),
        inputs={one.name: (one.type, one.default, one.values) for one in pipeline.parameters},
        lock=pipeline.lock,
        stages=tuple(
            GraphStage(stage.name, stage.needs, stage.condition, tuple(_graph_job(job) for job in stage.jobs)) for stage in pipeline.stages
        ),
    )


def _graph_job(job):
    scripts = [(verb, step.condition) for step in job.steps for verb in VERB.findall(_script(step))]
    return GraphJob(
        name=job.name,
        needs=job.needs,
        condition=job.condition,
        gate=job.environment,
        verbs=tuple(verb for verb, _ in scripts),
        conditions=tuple(condition for _, condition in scripts),
        matrix=job.matrix is not None,
        minutes=job.minutes,
        token=any("System.AccessToken" in value for step in job.steps for value in step.env.values()),
    )


def _script(step):
    if step.kind in {"script", "bash"}:
        return step.body
    return step.more.get("inputs", {}).get("inlineScript", "") if step.kind == "task" else ""


def _branches(trigger):
    if trigger == "none":
        return ()
    if trigger is None:
        return ("*",)
    if isinstance(trigger, list):
        return tuple(trigger)
    branches = trigger.get("branches", {})
    return (*branches.get("include", ["*"]), *(f"!{one}" for one in branches.get("exclude", [])))


# A run


@dataclass(frozen=True)
class Environment:
    """A deployment environment of the service, with its checks."""

    approvers: tuple[str, ...] = ()
    lock: bool = False
    own: bool = False
    """Whether who started the run may approve it."""


@dataclass(frozen=True)
class Cancel:
    """Somebody cancels the run when the step of this name has printed this."""

    step: str
    after: str = ""


@dataclass
class Record:
    """How a step, a job or a stage ended."""

    where: str
    result: str
    output: str = ""
    outputs: dict = field(default_factory=dict)


@dataclass
class Run:
    """One run, and all that the service shows of it."""

    pipeline: Pipeline
    event: Event
    number: int
    folder: Path
    stages: dict[str, Record] = field(default_factory=dict)
    jobs: dict[str, dict[str, Record]] = field(default_factory=dict)
    steps: list[Record] = field(default_factory=list)
    """In the order in which they ran; `where` is stage/job/step."""
    summaries: list[str] = field(default_factory=list)
    issues: list[dict] = field(default_factory=list)
    approvals: list[tuple[str, str, str]] = field(default_factory=list)
    """Stage, environment, who."""
    unguarded: list[str] = field(default_factory=list)
    """Environments that were entered without anybody's approval."""
    waits: str = ""
    """The stage that waits for an approval or for a lock."""
    attempt: int = 1
    canceled: bool = False
    holds: set[str] = field(default_factory=set)

    @property
    def result(self):
        if self.canceled:
            return "canceled"
        if len(self.stages) < len(self.pipeline.stages):
            return "waiting"
        ends = {record.result for record in self.stages.values()}
        return "failed" if "failed" in ends else "canceled" if "canceled" in ends else "succeeded"

    @property
    def verbs(self):
        """The make verbs of the steps that ran, in order: where, which, and how the step ended."""
        return [(record.where, verb, record.result) for record in self.steps for verb in record.outputs.get("verb", ())]

    def text(self):
        return "\n".join(f"[{record.where}: {record.result}]\n{record.output}" for record in self.steps)


class Service:
    """An Azure DevOps project with one repository.

    Args:
        origin: The repository, as a folder that git can fetch from.
        work: Where runs have their folders.
        environments: The environments that somebody has set up; others are made without checks when a run first names them, as the service does.
        approve: Called with the environment, the run and the stage: the approver's name, None (nobody yet) or False (refused).
        variables: Of the pipeline's settings. Secret ones reach a step only through its `env:`, and no pull request from a fork.
        secrets: The secret ones, System.AccessToken among them.
        environ: What every process has beside the variables.
        prepare: Called with the folder of each checkout.
        groups: Variable groups.
        minute: How many seconds a minute of a time limit has.
        project: What the variables System.CollectionUri and System.TeamProject say.
        tokens: Called for each job with the names of the service connections that its tasks name: its variables for asking for their tokens.
    """

    def __init__(
        self,
        origin,
        work,
        *,
        environments=None,
        approve=lambda environment, run, stage: None,
        variables=None,
        secrets=None,
        environ=None,
        prepare=lambda folder: None,
        groups=None,
        minute=60.0,
        project=("https://dev.example/org/", "project"),
        provider="TfsGit",
        validates=(),
        tokens=lambda connections: {},
    ):
        self.origin, self.work = Path(origin), Path(work)
        self.environments, self.approve, self.prepare = environments or {}, approve, prepare
        self.variables, self.secrets, self.groups = variables or {}, secrets or {}, groups or {}
        self.environ, self.minute, self.project = environ or {}, minute, project
        self.provider, self.validates, self.tokens = provider, validates, tokens
        self.runs: list[Run] = []
        self.queues: dict[str, list[Run]] = {}

    def pipeline(self, file, event):
        """Return a pipeline as the commit of an event has it."""
        return load(lambda path: self._show(event.commit, path), file, event.parameters, self._predefined(event), self.groups)

    def started(self, event, folder=".azure-pipelines"):
        """Return the files that an event starts."""
        listed = _git(self.origin, "ls-tree", "--name-only", event.commit, f"{folder}/").splitlines()
        files = [file for file in listed if file.endswith(".yml")]
        return [one for one in files if self._starts(one, event)]

    def _starts(self, file, event):
        def read(path):
            return self._show(event.commit, path)

        known = load(read, file, possible(read, file), self._predefined(event), self.groups)
        return starts(known, event, provider=self.provider, validates=self.validates)

    def queue(self, file, event):
        """Begin a run, and run nothing of it yet."""
        number = len(self.runs) + 1
        run = Run(self.pipeline(file, event), event, number, self.work / f"run-{number}")
        self.runs.append(run)
        return run

    def run(self, file, event, cancel=None):
        """Run a pipeline to its end, or to where it waits."""
        run = self.queue(file, event)
        self.together([run], cancel)
        return run

    def go_on(self, run, cancel=None):
        """Go on with a run that waits."""
        self.together([run], cancel)

    def again(self, run, cancel=None):
        """Run anew what failed, was cancelled, or was skipped because of that: the button "Rerun failed jobs"."""
        run.attempt += 1
        run.canceled = False
        for name in [name for name, record in run.stages.items() if record.result not in DONE]:
            del run.stages[name]
            run.jobs[name] = {job: one for job, one in run.jobs.get(name, {}).items() if one.result in DONE}
            run.approvals = [given for given in run.approvals if given[0] != name]
        self.together([run], cancel)

    def together(self, runs, cancel=None):
        """Run several at once, a stage of each in turn, as far as they can."""
        moved = True
        while moved:
            moved = False
            for run in runs:
                moved |= self._advance(run, cancel)

    def _advance(self, run, cancel):
        """Decide one stage of a run that can be decided; return whether there was one."""
        for stage in run.pipeline.stages:
            ready = stage.name not in run.stages and all(name in run.stages for name in stage.needs)
            if ready and self._enter(run, stage, cancel):
                return True
        if len(run.stages) == len(run.pipeline.stages):
            self._release(run, set(run.holds))
        return False

    def _enter(self, run, stage, cancel):
        contexts = Strict("stage", {name: _context(run.stages[name].result, _stage_outputs(run, name)) for name in stage.needs})
        names = {"dependencies": contexts, "variables": self._predefined(run.event) | dict(run.pipeline.variables) | self.variables}
        if not _holds(stage.condition, names, _status(run.canceled, run.stages, _before(run.pipeline.stages, stage))):
            run.stages[stage.name] = Record(stage.name, "canceled" if run.canceled else "skipped")
            return True
        verdict = self._checked(run, stage)
        run.waits = stage.name if verdict == "wait" else ""
        if verdict in {"wait", "turn"}:
            return verdict == "turn"
        if verdict == "refused":
            run.stages[stage.name] = Record(stage.name, "failed", "an approver refused")
        elif verdict == "overtaken":
            run.canceled = True
            run.stages[stage.name] = Record(stage.name, "canceled", "a newer run has the lock")
        else:
            run.stages[stage.name] = self._stage(run, stage, cancel)
        if not run.pipeline.lock:
            self._release(run, run.holds & _environments(stage))
        return True

    def _checked(self, run, stage):
        """Approvals first, then locks. Who comes to a free lock has it, and its stage runs in the next turn: others come meanwhile."""
        for name in sorted(_environments(stage)):
            environment = self.environments.setdefault(name, Environment())
            if any((stage.name, name) == given[:2] for given in run.approvals):
                continue
            if not environment.approvers:
                run.unguarded += [name] if name not in run.unguarded else []
                continue
            who = self.approve(name, run, stage.name)
            if who is False:
                return "refused"
            if who is None or who not in environment.approvers or (who == run.event.by and not environment.own):
                return "wait"
            run.approvals.append((stage.name, name, who))
        locked = [name for name in sorted(_environments(stage)) if self.environments[name].lock and name not in run.holds]
        return self._locked(run, locked[0], stage.lock or run.pipeline.lock or "runLatest") if locked else ""

    def _locked(self, run, name, behaviour):
        queue = self.queues.setdefault(name, [])
        if run not in queue:
            queue.append(run)
        if any(name in one.holds for one in queue):
            return "wait"
        if behaviour == "sequential" and queue[0] is not run:
            return "wait"
        if behaviour == "runLatest" and queue[-1] is not run:
            queue.remove(run)
            return "overtaken"
        run.holds.add(name)
        return "turn"

    def _release(self, run, names):
        for name in set(names):
            run.holds.discard(name)
            self.queues[name].remove(run)

    def _stage(self, run, stage, cancel):
        ended = run.jobs.setdefault(stage.name, {})
        waiting = [job for job in stage.jobs if job.name not in ended]
        while waiting:
            job = next(one for one in waiting if all(name in ended for name in one.needs))
            waiting.remove(job)
            ended[job.name] = self._job(run, stage, job, cancel)
        ends = [record.result for record in ended.values()]
        worst = next((one for one in ("failed", "canceled", "succeededWithIssues", "succeeded") if one in ends), "skipped")
        return Record(stage.name, worst)

    def _job(self, run, stage, job, cancel):
        ended = run.jobs[stage.name]
        near = {name: _context(ended[name].result, ended[name].outputs) for name in job.needs}
        far = {
            name: Strict("job", {one: _context(record.result, record.outputs) for one, record in run.jobs.get(name, {}).items()})
            for name in stage.needs
        }
        names = {"dependencies": Strict("job", near), "stageDependencies": Strict("stage", far)}
        variables = self._predefined(run.event)
        for name, value in (*run.pipeline.variables, *self.variables.items(), *stage.variables, *job.variables):
            variables[name] = _runtime(value, {**names, "variables": variables})
        names["variables"] = variables
        if not _holds(job.condition, names, _status(run.canceled, ended, _before(stage.jobs, job))):
            return Record(job.name, "canceled" if run.canceled else "skipped")
        legs = _legs(job, names)
        results = [_Job(self, run, stage, job, leg, {**variables, **more}, cancel).ended() for leg, more in legs.items()]
        outputs = {key: value for record in results for key, value in record.outputs.items()}
        ends = [record.result for record in results]
        worst = next(one for one in ("failed", "canceled", "succeededWithIssues", "succeeded") if one in ends)
        return Record(job.name, "succeededWithIssues" if worst == "failed" and job.goes_on else worst, outputs=outputs)

    def _show(self, commit, path):
        done = subprocess.run(["git", "-C", str(self.origin), "show", f"{commit}:{path}"], capture_output=True, text=True)
        if done.returncode:
            raise FileNotFoundError(path)
        return done.stdout

    def _predefined(self, event):
        """The variables of every job of a run, as documented."""
        known = {
            "Build.Reason": event.reason,
            "Build.SourceBranch": event.source,
            "Build.SourceBranchName": event.source.rsplit("/", 1)[1],
            "Build.SourceVersion": event.commit,
            "Build.Repository.Name": "flights",
            "Build.Repository.ID": "11111111-2222-3333-4444-555555555555",
            "Build.Repository.Provider": self.provider,
            "Build.RequestedFor": event.by,
            "Build.RequestedForEmail": event.by,
            "System.CollectionUri": self.project[0],
            "System.TeamProject": self.project[1],
            "Agent.OS": "Linux",
            "TF_BUILD": "True",
        }
        if event.kind == "pull_request":
            known |= {
                "System.PullRequest.PullRequestId": str(event.number),
                "System.PullRequest.SourceBranch": f"refs/heads/{event.branch}",
                "System.PullRequest.TargetBranch": f"refs/heads/{event.target}",
                "System.PullRequest.SourceCommitId": event.head,
                "System.PullRequest.IsFork": str(event.fork),
            }
        return known


class _Job:
    """One job, or one leg of its matrix, from its checkout to its last step."""

    def __init__(self, service, run, stage, job, leg, variables, cancel):
        self.service, self.run, self.stage, self.job, self.leg, self.cancel = service, run, stage, job, leg, cancel
        self.name = "/".join(filter(None, (stage.name, job.name, leg)))
        self.folder = run.folder / f"{self.name.replace('/', '-')}-{run.attempt}"
        self.outputs: dict[str, str] = {}
        self.secrets = {} if run.event.fork else dict(service.secrets)
        self.result = "succeeded"
        self.saves: list = []
        self.ends = time.monotonic() + float(job.minutes) * service.minute
        folders = {variable: str(self.folder / name) for name, variable in FOLDERS.items()}
        for place in folders.values():
            Path(place).mkdir(parents=True)
        self.variables = {
            **variables,
            **folders,
            "Pipeline.Workspace": str(self.folder),
            "System.DefaultWorkingDirectory": folders["Build.SourcesDirectory"],
            "Build.BuildId": str(run.number),
            "System.StageName": stage.name,
            "System.StageAttempt": str(run.attempt),
            "System.JobName": leg or job.name,
            "System.JobAttempt": str(run.attempt),
            **({"Environment.Name": job.environment} if job.environment else {}),
            **service.tokens([step.more["inputs"]["azureSubscription"] for step in job.steps if step.body == "AzureCLI@2"]),
        }

    def ended(self):
        steps = list(self.job.steps)
        kinds = {step.kind for step in steps}
        if not self.job.environment and "checkout" not in kinds:
            self._checkout({})
        if self.job.environment and "download" not in kinds:
            self._download("", "")
        for step in steps:
            self._step(step)
        for save in self.saves if self.result in DONE else ():
            save()
        prefix = f"{self.job.name}." if self.job.environment else f"{self.leg}." if self.leg else ""
        return Record(self.name, self.result, outputs={prefix + key: value for key, value in self.outputs.items()})

    def _step(self, step):
        names = {"variables": {**self.variables, "Agent.JobStatus": self.result}}
        if not _holds(step.condition, names, _job_status(self.run.canceled, self.result)):
            self.run.steps.append(Record(f"{self.name}/{step.display}", "skipped"))
            return
        record = Record(f"{self.name}/{step.display}", "succeeded", outputs={"verb": VERB.findall(_script(step))})
        self.run.steps.append(record)
        for left in reversed(range(step.tries)):
            record.result = "succeeded"
            code = self._do(step, record)
            if code:
                record.result = "failed"
            if record.result != "failed" or not left:
                break
        if self.run.canceled and code:
            record.result = "canceled"
        if record.result == "failed" and step.goes_on:
            record.result = "succeededWithIssues"
        order = ["succeeded", "succeededWithIssues", "canceled", "failed"]
        self.result = max(self.result, record.result, key=order.index)

    def _do(self, step, record):
        """Carry a step out; return its exit code."""
        if step.kind in {"script", "bash"}:
            return self._bash(self._filled(step.body), step, record)
        if step.kind == "checkout":
            if step.body not in {"self", "none"}:
                raise NotUnderstood(f"checkout {step.body}: only self and none are known here")
            return self._checkout(step.more) if step.body == "self" else 0
        more = {key: self._filled(value, whole=True) for key, value in step.more.items() if isinstance(value, str)}
        if step.kind == "publish":
            return self._publish(self._filled(step.body, whole=True), more.get("artifact", "drop"), record)
        if step.kind == "download":
            if step.body not in {"current", "none"}:
                raise NotUnderstood(f"download {step.body}: only current and none are known here")
            return (
                0
                if step.body == "none"
                else self._download(more.get("artifact", ""), more.get("path", ""), more.get("patterns", "**"), record)
            )
        if step.body not in TASKS:
            raise NotUnderstood(f"the task {step.body} has no stand-in here; there are: {', '.join(sorted(TASKS))}")
        known, do = TASKS[step.body]
        inputs = {
            key: value if key == "inlineScript" else self._filled(value, whole=True) for key, value in step.more.get("inputs", {}).items()
        }
        if set(inputs) - known:
            raise NotUnderstood(f"the task {step.body} has the inputs {sorted(set(inputs) - known)}, which are not known here")
        return do(self, inputs, step, record)

    def _filled(self, value, whole=False):
        """Put `$(name)` in. In a script one that is no variable stays, as on the service (bash takes it for a command); elsewhere it is a mistake."""
        values = {name.lower(): one for name, one in (self.secrets | self.variables).items()}
        values |= {name.lower(): one for name, one in self.outputs.items()}

        def put(found):
            name = found[1].lower()
            if name not in values and name in {one.lower() for one in self.service.secrets}:
                return ""  # a pull request from a fork gets no secret
            if name not in values and whole:
                raise NotUnderstood(f"{found[0]} in {value!r}: no such variable")
            return values.get(name, found[0])

        return MACRO.sub(put, value)

    def _environment(self, step):
        names = {
            **self.variables,
            **self.outputs,
            "Agent.JobStatus": {"succeeded": "Succeeded", "failed": "Failed"}.get(self.result, "Canceled"),
        }
        variables = {re.sub(r"[. -]", "_", name).upper(): value for name, value in names.items()}
        base = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        return base | self.service.environ | variables | {key: self._filled(value, whole=True) for key, value in step.env.items()}

    def _bash(self, script, step, record, more=None):
        """Run a script as the service does: no `set -e`, its exit code is that of its last command; what it prints is read line by line."""
        file = self.folder / "tmp" / f"step-{len(self.run.steps)}.sh"
        file.write_text(script)
        folder = self._filled(step.more.get("workingDirectory", self.variables["Build.SourcesDirectory"]), whole=True)
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", str(file)],
            cwd=folder,
            env=self._environment(step) | (more or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        limit = self.ends - time.monotonic()
        if step.minutes:
            limit = min(limit, float(step.minutes) * self.service.minute)
        clock = threading.Timer(max(limit, 0), _kill, (process, signal.SIGKILL))
        clock.start()
        try:
            for line in process.stdout:
                record.output += line
                self._read(line, step, record)
                if self.cancel and not self.run.canceled and step.display == self.cancel.step and self.cancel.after in line:
                    self.run.canceled = True
                    threading.Thread(target=_end, args=(process,), daemon=True).start()
            return process.wait()
        finally:
            clock.cancel()
            _kill(process, signal.SIGKILL)
            process.wait()
            process.stdout.close()

    def _read(self, line, step, record):
        """What the agent does with a line: a logging command stands anywhere in it."""
        if "##vso[" not in line:
            return
        info, found, data = line[line.index("##vso[") + 6 :].rstrip("\r\n").partition("]")
        name, _, rest = info.partition(" ")
        if not found:
            return
        given = {key.lower(): _unescaped(value) for key, _, value in (part.partition("=") for part in rest.split(";") if part)}
        known, do = COMMANDS.get(name.lower(), (None, None))
        if known is None or set(given) - known:
            raise NotUnderstood(f"{self.name}: the logging command {line.strip()!r} is not known here")
        do(self, given, _unescaped(data), step, record)

    def _set(self, given, value, step, record):
        name = given["variable"]
        if step.settable is not None and name not in step.settable:
            record.output += f"[not set: the step may not set {name}]\n"
            return
        if given.get("issecret", "").lower() == "true":
            self.secrets[name] = value
        elif given.get("isoutput", "").lower() == "true":
            if not step.name:
                raise NotUnderstood(f"{self.name}/{step.display}: sets the output {name}, and has no name that it could be asked for by")
            self.outputs[f"{step.name}.{name}"] = value
        else:
            self.variables[name] = value

    def _summary(self, given, path, step, record):
        self.run.summaries.append(Path(path).read_text(encoding="utf-8"))

    def _issue(self, given, message, step, record):
        self.run.issues.append({**given, "message": message})

    def _complete(self, given, message, step, record):
        record.result = {"succeeded": "succeeded", "succeededwithissues": "succeededWithIssues", "failed": "failed"}[
            given["result"].lower()
        ]

    def _checkout(self, more):
        """The event's commit, detached, with as much of history as is asked for; unasked, the service fetches one commit."""
        folder, event = self.variables["Build.SourcesDirectory"], self.run.event
        depth = int(self._filled(more.get("fetchDepth", "1"), whole=True))
        shallow = [f"--depth={depth}"] if depth else []
        address = self.service.origin.resolve().as_uri()
        _git(folder, "init", "-q")
        _git(folder, "remote", "add", "origin", address)
        if more.get("persistCredentials", "false").lower() != "true":
            _git(folder, "remote", "set-url", "--push", "origin", "no-credentials-were-kept")
        heads = ["+refs/heads/*:refs/remotes/origin/*"] if not depth else []
        _git(folder, "fetch", "-q", "--no-tags", *shallow, "origin", event.commit, *heads)
        _git(folder, "checkout", "-q", "--detach", event.commit)
        self.service.prepare(Path(folder))
        return 0

    def _publish(self, source, name, record):
        target = self.run.folder / "artifacts" / name
        path = Path(self.variables["Build.SourcesDirectory"], source)
        if not path.exists() or target.exists():
            record.output += f"{'the artifact is there already' if target.exists() else 'no such path'}: {name}, {path}\n"
            return 1
        if path.is_dir():
            shutil.copytree(path, target)
        else:
            target.mkdir(parents=True)
            shutil.copy2(path, target)
        return 0

    def _download(self, name, path, patterns="**", record=None):
        artifacts = self.run.folder / "artifacts"
        source = artifacts / name
        if name and not source.is_dir():
            record.output += f"no artifact {name}\n"
            return 1
        target = Path(path or self.folder / name)
        for file in sorted(source.rglob("*")) if source.is_dir() else ():
            place = file.relative_to(source)
            if file.is_file() and any(_matches(place.as_posix(), one) for one in patterns.split("\n")):
                (target / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target / place)
        return 0

    def _copy(self, inputs, step, record):
        source = Path(self.variables["Build.SourcesDirectory"], inputs.get("SourceFolder", ""))
        if not source.is_dir():
            record.output += f"no such folder: {source}\n"
            return 1
        for file in sorted(source.rglob("*")):
            place = file.relative_to(source).as_posix()
            if file.is_file() and any(_matches(place, one.strip()) for one in inputs.get("Contents", "**").splitlines()):
                target = Path(inputs["TargetFolder"], place)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target)
        return 0

    def _cache(self, inputs, step, record):
        """A branch writes its own scope; a pull request reads its target's too, and never writes there."""
        key = hashlib.sha256("|".join(self._segment(part.strip()) for part in inputs["key"].split("|")).encode()).hexdigest()
        root, event = self.service.work / "caches", self.run.event
        scopes = [event.source, *([f"refs/heads/{event.target}"] if event.kind == "pull_request" else []), "refs/heads/main"]
        places = [root / scope.replace("/", "_") / key for scope in scopes]
        found = next((place for place in places if place.is_dir()), None)
        path = Path(self.variables["Build.SourcesDirectory"], inputs["path"])
        if found:
            shutil.copytree(found, path, dirs_exist_ok=True, symlinks=True)
        elif not event.fork:
            self.saves.append(lambda: shutil.copytree(path, places[0], symlinks=True) if path.is_dir() else None)
        if "cacheHitVar" in inputs:
            self.variables[inputs["cacheHitVar"]] = "true" if found else "false"
        return 0

    def _segment(self, part):
        file = Path(self.variables["Build.SourcesDirectory"], part)
        return hashlib.sha256(file.read_bytes()).hexdigest() if not part.startswith('"') and file.is_file() else part

    def _azure_cli(self, inputs, step, record):
        """The script with a signed-in `az`: the connection's identity, and its token where it is asked for."""
        if (inputs.get("scriptType"), inputs.get("scriptLocation")) != ("bash", "inlineScript"):
            raise NotUnderstood("AzureCLI@2: only scriptType bash with scriptLocation inlineScript is known here")
        more = {}
        if inputs.get("addSpnToEnvironment", "false").lower() == "true":
            more = {"servicePrincipalId": "client", "tenantId": "tenant", "idToken": f"token of {inputs['azureSubscription']}"}
        return self._bash(self._filled(inputs["inlineScript"]), step, record, more)


COMMANDS = {
    "task.setvariable": ({"variable", "isoutput", "issecret", "isreadonly"}, _Job._set),
    "task.uploadsummary": (set(), _Job._summary),
    "task.logissue": ({"type", "sourcepath", "linenumber", "columnnumber", "code"}, _Job._issue),
    "task.complete": ({"result"}, _Job._complete),
}
TASKS = {
    "UsePythonVersion@0": ({"versionSpec", "addToPath", "architecture"}, lambda job, inputs, step, record: 0),
    "CopyFiles@2": ({"SourceFolder", "Contents", "TargetFolder"}, _Job._copy),
    "Cache@2": ({"key", "path", "cacheHitVar"}, _Job._cache),
    "PublishPipelineArtifact@1": (
        {"targetPath", "artifact"},
        lambda job, inputs, step, record: job._publish(inputs["targetPath"], inputs.get("artifact", "drop"), record),
    ),
    "DownloadPipelineArtifact@2": (
        {"artifact", "path", "patterns"},
        lambda job, inputs, step, record: job._download(
            inputs.get("artifact", ""), inputs.get("path", ""), inputs.get("patterns", "**"), record
        ),
    ),
    "AzureCLI@2": (
        {"azureSubscription", "scriptType", "scriptLocation", "inlineScript", "addSpnToEnvironment"},
        _Job._azure_cli,
    ),
}


def _environments(stage):
    return {job.environment for job in stage.jobs if job.environment}


def _before(values, one):
    """The names of all that one waits for, and what these wait for."""
    known = {value.name: value for value in values}
    found, waiting = set(), list(one.needs)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += known[name].needs
    return found


def _status(canceled, ended, before):
    """The functions of a condition of a stage or a job: about all that it waits for, or about those that are named."""

    def results(names):
        unknown = set(names) - before
        if unknown:
            raise NotUnderstood(f"a condition asks about {sorted(unknown)}, which is not waited for")
        return [ended[name].result for name in names or before]

    return {
        "always": lambda: True,
        "canceled": lambda: canceled,
        "succeeded": lambda *names: not canceled and all(one in DONE for one in results(names)),
        "failed": lambda *names: not canceled and "failed" in results(names),
        "succeededorfailed": lambda *names: not canceled and all(one in DONE | {"failed"} for one in results(names)),
    }


def _job_status(canceled, result):
    return {
        "always": lambda: True,
        "canceled": lambda: canceled,
        "succeeded": lambda: not canceled and result in DONE,
        "failed": lambda: not canceled and result == "failed",
        "succeededorfailed": lambda: not canceled,
    }


def _holds(condition, names, status):
    return truth(evaluate(parse(condition), names, status))


def _context(result, outputs):
    return {"result": {"succeeded": "Succeeded", "failed": "Failed"}.get(result, result[0].upper() + result[1:]), "outputs": outputs}


def _stage_outputs(run, name):
    return {f"{job}.{key}": value for job, record in run.jobs.get(name, {}).items() for key, value in record.outputs.items()}


def _runtime(value, names):
    found = RUNTIME.fullmatch(value)
    return text(evaluate(parse(found[1]), names)) if found else value


def _legs(job, names):
    if job.matrix is None:
        return {"": {}}
    matrix = job.matrix
    if isinstance(matrix, str):
        told = _runtime(matrix, names)
        try:
            matrix = json.loads(told)
        except ValueError:
            raise NotUnderstood(f"job {job.name}: the matrix {told!r} is not JSON") from None
    if not isinstance(matrix, dict) or not matrix or not all(isinstance(leg, dict) for leg in matrix.values()):
        raise NotUnderstood(f"job {job.name}: the matrix {matrix!r} has no leg; a condition must skip the job")
    return {leg: {name: text(value) for name, value in more.items()} for leg, more in matrix.items()}


def _matches(path, pattern):
    """Whether a path is one that a pattern means: `*` within a folder, `**` any."""
    parts = "".join(
        {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
        for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    )
    return re.fullmatch(parts, posixpath.normpath(path)) is not None


def _unescaped(value):
    for code, letter in ESCAPES.items():
        value = value.replace(code, letter)
    return value


def _git(folder, *words):
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout


def _kill(process, how):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)


def _end(process):
    """As the agent ends a step: SIGINT, after 7.5 s SIGTERM, after 2.5 s more SIGKILL."""
    for how, wait in ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 0)):
        _kill(process, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait)
            return

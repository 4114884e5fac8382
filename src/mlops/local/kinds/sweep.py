"""A sweep: the same command with many parameters, each a trial; the best trial's outputs become the step's.

Each trial has a copy of the code, outputs, a log and an MLflow run of its own. What is judged is the best value of the primary metric that
it logged. A trial that fails does not fail the sweep as long as one completes.
"""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed
from mlops.files import digest_folder, link_or_copy, write_json
from mlops.local.kinds.children import GRACE, Children, shared_cores
from mlops.local.kinds.job import drive
from mlops.local.kinds.metrics import Metrics, open_store, tracking_variables
from mlops.local.kinds.space import sampler_of
from mlops.local.kinds.termination import applies, reason_to_stop
from mlops.local.kinds.trials import Ledger, Trial, best_of, copy_folder, shown_parameters, shown_value, table
from mlops.local.messages import ended
from mlops.local.snapshot import read_code

if TYPE_CHECKING:
    from mlops.local.kinds.job import Job


@dataclass
class _Running:
    trial: Trial
    began: float
    ended_because: str = ""
    kill_at: float | None = None
    judged: int = 0
    """Intervals that the policy has seen."""


class Sweep:
    """One sweep on its way."""

    def __init__(self, job: Job, children: Children, metrics: Metrics) -> None:
        self.job, self.children, self.metrics = job, children, metrics
        self.metric, self.goal = job.job["objective"]["primary_metric"], job.job["objective"]["goal"]
        self.policy = job.job["early_termination"]
        self.limits = job.job["limits"]
        self.total = int(self.limits["max_total_trials"])
        self.sampler = sampler_of(job.job)
        self.ledger = Ledger(job.state)
        self.ended: dict[int, Trial] = {}
        self.running: dict[str, _Running] = {}
        self.ahead: tuple[Trial, str] | None = None
        """A trial that can start at once, so that no core waits for its run and folder to be made."""
        self.number = 0
        self.began = time.monotonic()

    def run(self) -> None:
        """Run every trial that is still to be run.

        Raises:
            JobFailed: No trial completed with the metric, or the sweep's time was up.
        """
        self._take_up()
        try:
            self._fill()
            while self.running:
                over = self.children.next(self._patience())
                if over is not None:
                    running = self.running.pop(over[0])
                    if not self.sampler.learns:
                        self._fill()
                    self._finish(running, over[1])
                self._watch()
                self._fill()
        finally:
            self.children.end_all()  # first: a trial that logs its first metric sets its run to running again
            self.metrics.end_rest()
            self._write()
        self._conclude()

    def _take_up(self) -> None:
        """Take what an earlier run of the same sweep finished, and start behind it."""
        for trial in self.ledger.read():
            if trial.number < self.total:
                self.ended[trial.number] = trial
                self.sampler.learn(trial.number, trial.parameters, trial.best(self.goal))
        if self.ended:
            print(f"{len(self.ended)} of {self.total} trials were finished by an earlier run", flush=True)

    def _fill(self) -> None:
        while len(self.running) < concurrency(self.job):
            ready = self.ahead or self._next()
            self.ahead = None
            if ready is None:
                return
            self._start(*ready)
        if self.ahead is None and not self.sampler.learns:
            self.ahead = self._next()

    def _next(self) -> tuple[Trial, str] | None:
        """Return the next trial, with its run and folder made, and its command; None where there is no other."""
        while self.number < self.total:
            number, self.number = self.number, self.number + 1
            if number in self.ended:
                continue
            parameters = self.sampler.propose(number)
            if parameters is None:
                self.total = number
                return None
            folder = self.job.folder / "trials" / str(number)
            shutil.rmtree(folder, ignore_errors=True)
            copy_folder(self.job.code, folder / "code")
            trial = Trial(number, parameters, folder=str(folder), run=self.metrics.begin(number, parameters))
            return trial, self._command(trial, folder)
        return None

    def _start(self, trial: Trial, command: str) -> None:
        folder = Path(trial.folder)
        variables = {f"AZUREML_SWEEP_{name}": _text(value) for name, value in trial.parameters.items()}
        name = f"{self.job.step}/{trial.number}"
        self.children.start(name, command, cwd=folder / "code", log=folder / "log.txt", variables={**variables, "MLFLOW_RUN_ID": trial.run})
        self.running[name] = _Running(trial, time.monotonic())

    def _command(self, trial: Trial, folder: Path) -> str:
        """Return the trial's command, with its outputs' folders made."""
        outputs = {name: folder / "outputs" / name for name in self.job.outputs}
        trial.outputs.mkdir()
        for name, path in outputs.items():
            if self.job.outputs[name]["type"] != "uri_file":
                path.mkdir()
        given = {name: _argument(value) for name, value in trial.parameters.items()}
        command = self.job.fill(self.job.job["command"], given, {name: str(path) for name, path in outputs.items()})
        if not self.job.job.get("distribution"):
            return command
        facts = {"step": self.job.step, "code": str(folder / "code"), "folder": str(folder), "workers": self.job.workers}
        inner = {"command": command, "distribution": self.job.job["distribution"], "instance_count": self.job.job.get("instance_count")}
        write_json(folder / "job.json", {**facts, "warm": self.job.warm, "inputs": {}, "outputs": {}, "job": inner})
        python = "python" if self.job.warm else shlex.quote(sys.executable)  # a driver has the project's packages, whatever a rank has
        return f"{python} -m mlops.local.kinds.distributed {shlex.quote(str(folder / 'job.json'))}"

    def _patience(self) -> float | None:
        """Return the seconds until something must be looked at, or None to wait for a trial's end alone."""
        now = time.monotonic()
        times = [self.began + self.limits["timeout"]] if self.limits.get("timeout") else []
        if self.limits.get("trial_timeout"):
            times += [running.began + self.limits["trial_timeout"] for running in self.running.values() if not running.ended_because]
        times += [running.kill_at for running in self.running.values() if running.kill_at is not None]
        if self.policy:
            times.append(now + self.metrics.looks.pause)
        return max(0.0, min(times) - now) if times else None

    def _watch(self) -> None:
        """Look at what trials have logged and at the clock, and end those that are to be ended."""
        now = time.monotonic()
        if self.limits.get("timeout") and now - self.began >= self.limits["timeout"]:
            done = len(self.ended)
            message = f"the sweep ran longer than its limit of {self.limits['timeout']} s: {done} of {self.total} trials were done"
            raise JobFailed(message, hint="The same command again goes on with the others; or raise limits.timeout.")
        for name, running in self.running.items():
            if running.kill_at is not None and running.kill_at <= now:
                running.kill_at = None
                self.children.end(name, signal.SIGKILL)
            elif self.limits.get("trial_timeout") and now - running.began >= self.limits["trial_timeout"]:
                self._end(name, running, f"ran longer than its limit of {self.limits['trial_timeout']} s")
        if self.policy:
            found = self.metrics.look({name: running.trial.run for name, running in self.running.items()}, self.metric)
            for name, history in found.items():
                self.running[name].trial.history = history
                self._judge(name, self.running[name])

    def _judge(self, name: str, running: _Running) -> None:
        """Apply the policy to each interval that the trial has passed since it was last looked at."""
        histories = {n: t.history for n, t in self.ended.items()} | {r.trial.number: r.trial.history for r in self.running.values()}
        for interval in range(running.judged + 1, len(running.trial.history) + 1):
            if applies(self.policy, interval):
                reason = reason_to_stop(self.policy, self.goal, histories, running.trial.number, interval)
                if reason:
                    self._end(name, running, reason)
        running.judged = len(running.trial.history)

    def _end(self, name: str, running: _Running, reason: str) -> None:
        if not running.ended_because:
            running.ended_because, running.kill_at = reason, time.monotonic() + GRACE
            self.children.end(name)

    def _finish(self, running: _Running, code: int) -> None:
        trial = running.trial
        trial.seconds = round(time.monotonic() - running.began, 3)
        trial.history = self.metrics.history(trial.run, self.metric)
        trial.state, trial.reason = self._outcome(running, code)
        if trial.state == "completed":
            trial.digest = digest_folder(trial.outputs)
        self.metrics.end(trial.run, trial.state)
        self.sampler.learn(trial.number, trial.parameters, None if trial.state == "failed" else trial.best(self.goal))
        self.ended[trial.number] = trial
        self.ledger.keep(trial)
        self._tell(trial)

    def _outcome(self, running: _Running, code: int) -> tuple[str, str]:
        if running.ended_because:
            return "stopped", running.ended_because
        if code:
            return "failed", ended(code)
        return "completed", ""

    def _tell(self, trial: Trial) -> None:
        best = best_of(list(self.ended.values()), self.goal)
        value = trial.best(self.goal)
        said = [f"trial {trial.number} of {self.total} {trial.state}{f' ({trial.reason})' if trial.reason else ''}"]
        said += [f"{self.metric} {shown_value(value)}"] if value is not None else []
        leads = [f"best {shown_value(best.best(self.goal))} (trial {best.number})"] if best else []
        said += leads
        self.job.tell(", ".join([f"{len(self.ended)} of {self.total} trials", *leads]))
        print("; ".join([*said, shown_parameters(trial.parameters)]), flush=True)

    def _write(self) -> None:
        trials = [{**asdict(trial), "best": trial.best(self.goal)} for _, trial in sorted(self.ended.items())]
        strict = json.loads(json.dumps(trials), parse_constant=lambda _: None)
        write_json(self.job.folder / "trials.json", strict)

    def _conclude(self) -> None:
        trials = list(self.ended.values())
        print(table(trials, self.metric, self.goal), flush=True)
        best = best_of(trials, self.goal)
        if best is None:
            raise self._hopeless(trials)
        for name, declared in self.job.outputs.items():
            _hand_over(best.outputs / name, Path(declared["path"]))
        value = best.best(self.goal)
        self.metrics.conclude(best.run, self.metric, value or 0.0, best.parameters)
        self.ledger.forget()
        counts = {state: sum(trial.state == state for trial in trials) for state in ("stopped", "failed")}
        more = "".join(f", {count} {state}" for state, count in counts.items() if count)
        print(f"{len(trials)} trials{more}; best {self.metric} {shown_value(value)} (trial {best.number})", flush=True)

    def _hopeless(self, trials: list[Trial]) -> JobFailed:
        """Return why there is no best trial."""
        completed = [trial for trial in trials if trial.state == "completed"]
        if completed:
            others = ", ".join(self.metrics.logged(completed[0].run)) or "nothing"
            hint = f'Log it with mlflow.log_metric("{self.metric}", ...), or name what is logged as objective.primary_metric.'
            return JobFailed(f"no trial logged the metric {self.metric!r} (logged: {others})", hint=hint)
        first = min(trials, key=lambda trial: trial.number)
        log = Path(first.folder, "log.txt")
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:] if log.is_file() else []
        print("\n".join([f"the end of trial {first.number}'s log:", *said]), flush=True)
        return JobFailed(f"none of {len(trials)} trials completed: trial {first.number} {first.reason}", hint=f"Its log: {log}")


def concurrency(job: Job) -> int:
    """Return how many trials run at once: what the limits say, and no more than this machine has workers."""
    return max(1, min(int(job.job["limits"]["max_concurrent_trials"]), job.workers))


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _argument(value: Any) -> str:
    """Return a parameter as it stands in a command; what is more than one value stands there as one quoted word of JSON."""
    return shlex.quote(_text(value)) if isinstance(value, dict | list) else _text(value)


def _hand_over(made: Path, wanted: Path) -> None:
    """Give the best trial's output the step's own place, without copying where that can be."""
    if made.is_dir():
        shutil.copytree(made, wanted, copy_function=link_or_copy, dirs_exist_ok=True)
    elif made.exists():
        link_or_copy(str(made), str(wanted))


def run(job: Job) -> None:
    """Run the sweep of a job.

    Raises:
        JobFailed: There is no best trial.
    """
    store = tracking_variables(job.folder)
    variables = {**store, **shared_cores(concurrency(job))}
    imports = read_code(job.fill(job.job["command"]), job.code).imports
    with Children(imports, warm=job.warm, variables=variables, prepare=open_store if "mlflow" in imports else None) as children:
        Sweep(job, children, Metrics(store, job.step, job.folder)).run()


if __name__ == "__main__":
    drive(run)

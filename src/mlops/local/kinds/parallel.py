"""A parallel step: the input cut into mini-batches, handed to worker processes that each call the entry script's run().

By Azure ML's documentation (how-to-use-parallel-job-in-pipeline): a mini-batch fails if run() raises, returns fewer items than it was
given, or takes longer than `retry_settings.timeout`; it is tried again `max_retries` times. Thresholds of -1 bear every failure.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import shlex
import signal
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, UsageError
from mlops.local.kinds import worker as program
from mlops.local.kinds.batches import SOCKET, Batch, cut
from mlops.local.kinds.children import Children, shared_cores
from mlops.local.kinds.job import drive
from mlops.local.snapshot import read_code
from mlops.spec import expressions
from mlops.spec.values import LITERAL_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops.local.kinds.job import Job

REPORTS = 20
"""Lines of progress, however many mini-batches there are."""


@dataclass(frozen=True)
class Bounds:
    """How many failures are borne; -1 for all."""

    batches: int = -1
    items: int = -1
    percent: int = 100
    retries: int = 2
    timeout: float = 60.0
    first: float = 600.0
    """Seconds for the first worker to be ready."""


def bounds(job: Mapping[str, Any], arguments: Sequence[str]) -> Bounds:
    """Return the bounds that a job sets, and those that its program arguments set as the documentation has it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--error_threshold", type=int, default=job["error_threshold"])
    parser.add_argument("--allowed_failed_percent", type=int, default=100)
    parser.add_argument("--first_task_creation_timeout", type=float, default=600.0)
    try:
        given, _ = parser.parse_known_args(list(arguments))
    except SystemExit:
        raise UsageError("program_arguments sets a threshold that is no number", where=shlex.join(arguments)) from None
    retry = job["retry_settings"]
    return Bounds(
        batches=job["mini_batch_error_threshold"],
        items=given.error_threshold,
        percent=given.allowed_failed_percent,
        retries=retry["max_retries"],
        timeout=float(retry["timeout"]),
        first=given.first_task_creation_timeout,
    )


@dataclass
class Tally:
    """What became of the mini-batches."""

    limits: Bounds
    total: int
    collected: bool
    """Whether what run() returns goes into a file."""
    results: dict[int, Any] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    items: int = 0

    @property
    def ended(self) -> int:
        return len(self.results.keys() | self.failed.keys())

    def shortfall(self, batch: Batch, count: int) -> int:
        """Return how many items run() did not answer for; what returns nothing where nothing is collected answers for all."""
        return 0 if count == 0 and not self.collected else max(0, batch.count - count)

    def check(self) -> None:
        """Hold the failures against the bounds.

        Raises:
            JobFailed: More than is borne.
        """
        limits, failed = self.limits, len(self.failed)
        last = next(reversed(self.failed.values()), "")
        if 0 <= limits.batches < failed:
            raise JobFailed(f"{_many(failed, 'mini-batch')} failed, more than mini_batch_error_threshold {limits.batches}: {last}")
        if 0 <= limits.items < self.items:
            raise JobFailed(f"{_many(self.items, 'item')} failed, more than error_threshold {limits.items}: {last}")
        if failed * 100 > limits.percent * self.total:
            raise JobFailed(f"{failed} of {self.total} mini-batches failed, more than allowed_failed_percent {limits.percent}: {last}")


@dataclass
class _Worker:
    name: str
    began: float
    connection: Connection | None = None
    pandas: str = ""
    """Which one it has."""
    ready: bool = False
    batch: Batch | None = None
    deadline: float | None = None
    killed_because: str = ""


class Parallel:
    """One parallel step on its way."""

    def __init__(self, job: Job, children: Children, batches: list[Batch], tally: Tally, count: int) -> None:
        self.job, self.children, self.tally, self.count = job, children, tally, count
        self.waiting: deque[tuple[Batch, int]] = deque((batch, 0) for batch in batches)
        self.tries: dict[int, int] = {}
        self.workers: dict[str, _Worker] = {}
        self.started = 0
        self._tell()
        self.listener = socket.socket(socket.AF_UNIX)
        Path(SOCKET).unlink(missing_ok=True)
        self.listener.bind(SOCKET)
        self.listener.listen(count)
        children.selector.register(self.listener, 1, self._accept)

    def run(self) -> None:
        """Give out every mini-batch, and take the answers.

        Raises:
            JobFailed: More failed than is borne, or init() did.
        """
        try:
            while self.tally.ended < self.tally.total:
                self._staff()
                ended = self.children.next(self._patience())
                if ended is not None:
                    self._lost(*ended)
                self._enforce()
            self._dismiss()
        finally:
            for worker in self.workers.values():  # what one says from here on decides nothing any more
                self._hang_up(worker)
            self.children.selector.unregister(self.listener)
            self.listener.close()
            Path(SOCKET).unlink(missing_ok=True)

    def _staff(self) -> None:
        """Start the workers that are missing, as far as there is work for them."""
        idle = sum(worker.batch is None for worker in self.workers.values())
        while len(self.workers) < self.count and idle < len(self.waiting):
            name = f"worker {self.started}"
            self.started += 1
            idle += 1
            task = self.job.job["task"]
            arguments = shlex.split(self.job.fill(task.get("program_arguments") or ""))
            level = "WARNING" if self.job.job["logging_level"] == "WARN" else self.job.job["logging_level"]
            facts = {"entry_script": task["entry_script"], "arguments": arguments, "logging_level": level, "socket": SOCKET}
            facts |= {"output_dir": _output_folder(self.job), "collected": self.tally.collected}
            words = ["-m", program.__name__] if self.job.warm else [str(program.__file__)]  # cold, it may be another Python
            command = shlex.join(["python", *words, name, json.dumps(facts)])
            self.children.start(name, command, cwd=self.job.code, log=self.job.folder / f"{name}.pipe", mark=f"[{name}]")
            self.workers[name] = _Worker(name, time.monotonic())

    def _accept(self) -> None:
        connection = Connection(self.listener.accept()[0].detach())
        try:
            _, (name, pandas) = connection.recv()
        except (EOFError, OSError):  # one that was ended before it could say who it is: its end is told like any other
            connection.close()
            return
        worker = self.workers[name]
        worker.connection, worker.pandas = connection, pandas
        self.children.selector.register(connection, 1, lambda: self._hear(worker))

    def _hear(self, worker: _Worker) -> None:
        assert worker.connection is not None  # noqa: S101 - heard through it
        try:
            said, what = worker.connection.recv()
        except (EOFError, OSError):
            self._hang_up(worker)
            return
        if said == "unusable":
            raise JobFailed(f"the entry script or its init() failed: {what}")
        worker.ready = True
        if said != "ready":
            batch, worker.batch, worker.deadline = worker.batch, None, None
            assert batch is not None  # noqa: S101 - it answers for what it was given
            self._take(worker, batch, said, what)
        self._give(worker)

    def _give(self, worker: _Worker) -> None:
        if not self.waiting or worker.connection is None or worker.killed_because or worker.name not in self.workers:
            return  # it may be given one that another fails on
        worker.batch, _ = self.waiting.popleft()
        worker.deadline = time.monotonic() + self.tally.limits.timeout
        with contextlib.suppress(OSError):  # it ended just now: its end is told, and the mini-batch is taken back
            worker.connection.send(_portable(worker.batch, worker.pandas))

    def _take(self, worker: _Worker, batch: Batch, said: str, what: Any) -> None:
        if said == "failed":
            self._failed(batch, what, batch.count)
            return
        count, result = what
        missing = self.tally.shortfall(batch, count)
        if missing:
            self._failed(batch, f"run() returned {count} for {batch.count} items", missing, result)
            return
        self.tally.results[batch.index] = result
        self._tell()
        done, total = self.tally.ended, self.tally.total
        if total <= REPORTS or done * REPORTS // total != (done - 1) * REPORTS // total:
            print(f"mini-batch {done} of {total} done by {worker.name}: {_many(batch.count, 'item')}", flush=True)

    def _failed(self, batch: Batch, why: str, items: int, result: Any = None) -> None:
        """Put a mini-batch back to be tried again, or count it as failed."""
        tried = self.tries[batch.index] = self.tries.get(batch.index, 0) + 1
        again = tried <= self.tally.limits.retries
        print(f"mini-batch {batch.index} failed{', is tried again' if again else ''}: {why}", flush=True)
        if again:
            self.waiting.append((batch, tried))
            self._give_out()
            return
        self.tally.failed[batch.index] = why
        self.tally.items += items
        if result is not None:
            self.tally.results[batch.index] = result
        self._tell()
        self.tally.check()

    def _tell(self) -> None:
        failed = f", {len(self.tally.failed)} failed" if self.tally.failed else ""
        self.job.tell(f"{self.tally.ended} of {_many(self.tally.total, 'mini-batch')}{failed}")

    def _give_out(self) -> None:
        for worker in self.workers.values():
            if worker.ready and worker.batch is None:
                self._give(worker)

    def _lost(self, name: str, code: int) -> None:
        """A worker ended: what it was doing has failed."""
        while self.workers[name].connection is None and select.select([self.listener], [], [], 0)[0]:
            self._accept()
        worker = self.workers.pop(name)
        while worker.connection is not None and worker.connection.poll():  # its last words
            self._hear(worker)
        self._hang_up(worker)
        if not worker.ready and not worker.killed_because:
            raise JobFailed(f"{name} ended with exit code {code} before it was ready")
        if worker.batch is not None:
            how = worker.killed_because or f"its worker ended with exit code {code}"
            self._failed(worker.batch, how, worker.batch.count)

    def _hang_up(self, worker: _Worker) -> None:
        if worker.connection is not None:
            self.children.selector.unregister(worker.connection)
            worker.connection.close()
            worker.connection = None

    def _patience(self) -> float:
        times = [worker.deadline for worker in self.workers.values() if worker.deadline is not None]
        times += [worker.began + self.tally.limits.first for worker in self.workers.values() if not worker.ready]
        return max(0.0, min([*times, time.monotonic() + 60.0]) - time.monotonic())

    def _enforce(self) -> None:
        now = time.monotonic()
        for worker in self.workers.values():
            if worker.deadline is not None and worker.deadline <= now:
                worker.deadline, worker.killed_because = None, f"run() took longer than {self.tally.limits.timeout:g} s"
                self.children.end(worker.name, signal.SIGKILL)
            elif not worker.ready and now - worker.began >= self.tally.limits.first:
                raise JobFailed(f"{worker.name} was not ready after {self.tally.limits.first:g} s")

    def _dismiss(self) -> None:
        """Tell the workers to stop, and give their shutdown() the time of one mini-batch; those that never got ready are ended."""
        for worker in self.workers.values():
            if worker.connection is None or not worker.ready:
                self.children.end(worker.name, signal.SIGKILL)
                continue
            with contextlib.suppress(OSError):
                worker.connection.send(None)
        deadline = time.monotonic() + self.tally.limits.timeout
        while self.children.running and time.monotonic() < deadline:
            self.children.next(deadline - time.monotonic())


def run(job: Job) -> None:
    """Run the parallel step of a job.

    Raises:
        JobFailed: More failed than is borne.
        UsageError: The input cannot be cut as the job says.
    """
    arguments = shlex.split(job.fill(job.job["task"].get("program_arguments") or ""))
    entry = job.job["task"]["entry_script"]
    if not (job.code / entry).is_file():
        raise UsageError(f"there is no entry_script {entry!r} in the step's code", hint="Its path is relative to task.code.")
    count = int(job.job.get("max_concurrency_per_instance") or os.cpu_count() or 1)
    with Children(read_code(f"python {shlex.quote(entry)}", job.code).imports, warm=job.warm, variables=shared_cores(count)) as children:
        batches = cut(_input(job), job.job["mini_batch_size"], job.job["partition_keys"])
        target = job.job["task"].get("append_row_to")
        tally = Tally(bounds(job.job, arguments), len(batches), collected=bool(target))
        Parallel(job, children, batches, tally, count).run()
    tally.check()
    if target:
        _append(Path(job.fill(target)), [tally.results[index] for index in sorted(tally.results)])
    failed = f", {len(tally.failed)} failed" if tally.failed else ""
    print(f"{_many(tally.total, 'mini-batch')}{failed}: {_many(sum(batch.count for batch in batches), 'item')}", flush=True)


def _input(job: Job) -> Path:
    parts = expressions.whole(job.job["input_data"]) or ()
    given = job.inputs.get(".".join(parts[1:]) if parts else "", {})
    if "path" not in given:
        raise UsageError(f"input_data {job.job['input_data']!r} names no file or folder", hint="Write input_data: ${{inputs.NAME}}.")
    return Path(given["path"])


def _output_folder(job: Job) -> str:
    """Return the folder that an entry script may write into: the first output that is one, else what Azure ML keeps of every step."""
    folders = [one["path"] for one in job.outputs.values() if one["type"] not in {"uri_file", *LITERAL_TYPES}]
    return str(folders[0] if folders else job.code / "outputs")


def _portable(batch: Batch, pandas: str) -> tuple[int, str, Any, dict[str, Any]]:
    """Return a mini-batch as it is sent to a worker with that pandas: rows are no data frame to another one, but lists of plain values."""
    if not hasattr(batch.items, "to_dict"):
        return batch.index, "files", batch.items, dict(batch.key)
    if pandas == program.pandas_version():
        return batch.index, "rows", batch.items, dict(batch.key)
    frame = batch.items
    columns = {
        name: [None if missing else value for value, missing in zip(frame[name].tolist(), frame[name].isna(), strict=True)]
        for name in frame
    }
    return batch.index, "columns", {name: list(map(_plain, values)) for name, values in columns.items()}, dict(batch.key)


def _plain(value: Any) -> Any:
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else value


def _append(target: Path, results: Sequence[str]) -> None:
    """Write what run() returned, in the order of the mini-batches."""
    target = target / "parallel_run_step.txt" if target.is_dir() else target
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8", newline="") as file:
        file.writelines(results)


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing if count == 1 else thing + ('es' if thing.endswith('ch') else 's')}"


if __name__ == "__main__":
    drive(run)

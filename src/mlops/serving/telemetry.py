"""What is known about the requests: counters for `/metrics`, and one line of each in a log, without what was asked or answered.

The line is written by a thread of its own from a bounded queue. Where the disk is full or slow, lines are dropped and counted; scoring does
not notice.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from bisect import bisect_left
from collections import Counter, deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LARGEST = 10 * 2**20
"""Bytes of the log before it is put aside; one older one is kept."""

Record = tuple[float, str, str, int, int, float, int]
"""Time, request id, path, status, rows, seconds, version."""


class Sink(Protocol):
    """Where the lines go."""

    def write(self, lines: str) -> None: ...


class RotatingFile:
    """A log that keeps its size."""

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self.path = path
        self.largest = largest

    def write(self, lines: str) -> None:
        """Append whole lines.

        Raises:
            OSError: The disk is full, or the folder is gone.
        """
        with self.path.open("a", encoding="utf-8") as file:
            file.write(lines)
            size = file.tell()
        if size > self.largest:
            os.replace(self.path, self.path.with_suffix(".1.jsonl"))


class Several:
    """Writes to each of several sinks: what one does not take, the others have all the same."""

    def __init__(self, *sinks: Sink) -> None:
        self.sinks = sinks

    def write(self, lines: str) -> None:
        """Hand whole lines to each.

        Raises:
            Exception: What the first one raised that did not take them.
        """
        failed: list[Exception] = []
        for sink in self.sinks:
            try:
                sink.write(lines)
            except Exception as error:  # noqa: BLE001 - a sink may fail in any way, and the others are asked first
                failed.append(error)
        if failed:
            raise failed[0]


class Telemetry:
    """Counts requests, and hands their records to a sink off the hot path. `then` is called once when the last of them was handed over."""

    def __init__(self, sink: Sink, *, room: int = 10_000, seconds: float = 0.5, then: Callable[[], None] = lambda: None) -> None:
        self.dropped = 0
        self._sink = sink
        self._then = then
        self._room = room
        self._queue: deque[Record] = deque()
        self._statuses: Counter[tuple[str, int]] = Counter()
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._rows = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._loop, args=(seconds,), name="telemetry", daemon=True)
        self._thread.start()

    def tell(self, record: Record) -> None:
        """Take one request's record; where the sink is too slow to have room, only count it."""
        _, _, path, status, rows, seconds, _ = record
        self._statuses[path, status] += 1
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds
        self._rows += rows
        if len(self._queue) < self._room:
            self._queue.append(record)
        else:
            self.dropped += 1

    def close(self) -> None:
        """Write what is left, for as long as that is quick."""
        self._stopped.set()
        self._thread.join(timeout=2.0)
        self._then()

    def _loop(self, seconds: float) -> None:
        while not self._stopped.wait(seconds):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        taken: list[Record] = []
        with contextlib.suppress(IndexError):
            while len(taken) < self._room:
                taken.append(self._queue.popleft())
        if not taken:
            return
        names = ("time", "id", "path", "status", "rows", "seconds", "version")
        try:
            self._sink.write("".join(json.dumps(dict(zip(names, record, strict=True))) + "\n" for record in taken))
        except Exception:  # noqa: BLE001 - a sink may fail in any way; scoring goes on
            self.dropped += len(taken)

    def metrics(self, labels: str, batches: int) -> str:
        """Return the counters in Prometheus' text format."""
        lines = ["# TYPE slipway_requests_total counter"]
        lines += [f'slipway_requests_total{{path="{p}",status="{s}",{labels}}} {n}' for (p, s), n in sorted(self._statuses.items())]
        lines.append("# TYPE slipway_request_seconds histogram")
        total = 0
        for bound, count in zip((*BUCKETS, "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'slipway_request_seconds_bucket{{le="{bound}",{labels}}} {total}')
        lines += [f"slipway_request_seconds_sum{{{labels}}} {self._seconds}", f"slipway_request_seconds_count{{{labels}}} {total}"]
        for name, value in (("rows", self._rows), ("batches", batches), ("telemetry_dropped", self.dropped)):
            lines += [f"# TYPE slipway_{name}_total counter", f"slipway_{name}_total{{{labels}}} {value}"]
        return "\n".join(lines) + "\n"

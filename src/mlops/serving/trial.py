"""Try an endpoint from outside, as a caller would: real held-out rows whose offline predictions are known, then load.

    python -m mlops.serving.trial --request REQUEST.json --out RESULT.json

The request names `address`, `key_file`, `rows_file` ({"columns", "data", "expected"}), `smoke_requests`, `load_seconds` (0: no load) and
`connections`. It is a program of its own, so that its work is not measured as part of anybody else's and the command line imports nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httptools

from mlops.files import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOLERANCE = 1e-9
ANSWER_SECONDS = 10.0
MOST_FAILURES = 5


@dataclass(frozen=True)
class HeldOut:
    """Rows that were not trained on, None for missing, and what the model said to each offline: a number, or one for each class."""

    columns: tuple[str, ...]
    data: tuple[tuple[Any, ...], ...]
    expected: tuple[Any, ...]

    @classmethod
    def read(cls, path: Path) -> HeldOut:
        """Read what is registered with a version."""
        found = read_json(path)
        return cls(tuple(found["columns"]), tuple(map(tuple, found["data"])), tuple(found["expected"]))

    def evenly(self, count: int) -> HeldOut:
        """Return `count` rows from the first to the last, at equal distances; all of them where there are fewer."""
        size = len(self.data)
        at = [number * size // count for number in range(count)] if count < size else list(range(size))
        return HeldOut(self.columns, tuple(self.data[i] for i in at), tuple(self.expected[i] for i in at))

    def bodies(self) -> list[bytes]:
        """Return a request's body for each row."""
        return [json.dumps({"input_data": {"columns": self.columns, "index": [0], "data": [row]}}).encode() for row in self.data]


@dataclass(frozen=True)
class Smoke:
    """How many requests were answered as offline, the worst absolute difference among the answers, and the first failures in words."""

    requests: int
    equal: int
    worst_difference: float
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Load:
    """A closed loop of `connections` callers: times in milliseconds, `error_rate` as a share of the requests."""

    connections: int
    requests: int
    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    error_rate: float
    first_error: str | None


def smoke(address: str, key: str, rows: HeldOut) -> Smoke:
    """Send rows one by one, and compare with what was said offline (see `compare`)."""
    split = urlsplit(address)
    connection = http.client.HTTPConnection(str(split.hostname), split.port, timeout=ANSWER_SECONDS)

    def ask(body: bytes, _expected: Any) -> Any:
        try:
            return _ask(connection, key, body)
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
            connection.close()
            raise

    try:
        return compare(rows, ask)
    finally:
        connection.close()


def compare(rows: HeldOut, ask: Callable[[bytes, Any], Any]) -> Smoke:
    """Ask rows one by one, and compare with what was said offline (equal: within 1e-9, of what is larger than 1 relative to it).

    Args:
        rows: What is asked, and what was said.
        ask: Returns the answer to a request's body; it is told what is expected, to give it the same form. What it raises is a failure of the row.
    """
    worst, failures, equal = 0.0, [], 0
    for number, (body, expected) in enumerate(zip(rows.bodies(), rows.expected, strict=True)):
        try:
            difference, size = _away(ask(body, expected), expected)
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            failures.append(f"row {number}: {error or type(error).__name__}")
            continue
        worst = max(worst, difference)
        if difference <= TOLERANCE * max(1.0, size):
            equal += 1
        else:
            failures.append(f"row {number}: {difference:.3g} away from the offline {expected}")
    return Smoke(len(rows.data), equal, worst, tuple(failures[:MOST_FAILURES]))


def _away(said: Any, expected: Any) -> tuple[float, float]:
    """Return the largest difference between an answer and what was expected, and the size of the largest number expected.

    Raises:
        ValueError: They are not of the same form, or the answer is not finite.
    """
    ours, theirs = (value if isinstance(value, list) else [value] for value in (said, expected))
    if len(ours) != len(theirs):
        raise ValueError(f"the answer has {len(ours)} numbers, and offline there were {len(theirs)}")
    if not all(math.isfinite(value) for value in ours):
        raise ValueError(f"the answer is {said}")
    return max(abs(one - two) for one, two in zip(ours, theirs, strict=True)), max(map(abs, theirs))


def _ask(connection: http.client.HTTPConnection, key: str, body: bytes) -> Any:
    """Return the probability in the answer to one row, those of all classes, or the prediction where there are none."""
    connection.request("POST", "/score", body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise ValueError(f"status {answer.status}: {said[:200].decode(errors='replace')}")
    found = json.loads(said)
    return (found.get("probabilities") or found["predictions"])[0]


def load(address: str, key: str, bodies: Sequence[bytes], *, connections: int, seconds: float, path: str = "/score") -> Load:
    """Keep `connections` keep-alive connections busy for `seconds`: each sends its next request when it has the answer to the last."""
    split = urlsplit(address)
    head = f"POST {path} HTTP/1.1\r\nHost: {split.netloc}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    requests = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
    callers = asyncio.run(_drive(str(split.hostname), int(split.port or 80), requests, connections, seconds))
    times = sorted(taken for caller in callers for taken in caller.times)
    errors = [error for caller in callers for error in caller.errors]
    count = len(times) + len(errors)
    return Load(
        connections=connections,
        requests=count,
        requests_per_second=round(len(times) / seconds, 1),
        p50_ms=_quantile(times, 0.50),
        p95_ms=_quantile(times, 0.95),
        p99_ms=_quantile(times, 0.99),
        error_rate=len(errors) / count if count else 1.0,
        first_error=errors[0] if errors else None,
    )


def _quantile(times: list[float], share: float) -> float:
    """Return a quantile of sorted seconds in milliseconds, by the nearest rank; the bound of patience where nothing was answered."""
    if not times:
        return ANSWER_SECONDS * 1000
    return round(times[min(len(times) - 1, math.ceil(share * len(times)) - 1)] * 1000, 3)


async def _drive(host: str, port: int, requests: list[bytes], connections: int, seconds: float) -> list[_Caller]:
    until = time.perf_counter() + seconds
    callers = [_Caller(requests[number % len(requests) :] + requests[: number % len(requests)], until) for number in range(connections)]
    await asyncio.gather(*(_keep(caller, host, port) for caller in callers))
    return callers


async def _keep(caller: _Caller, host: str, port: int) -> None:
    """Connect a caller, and again where the connection was closed, until its time is over."""
    loop = asyncio.get_running_loop()
    while time.perf_counter() < caller.until:
        caller.ended = loop.create_future()
        try:
            await loop.create_connection(lambda: caller, host, port)
            await asyncio.wait_for(caller.ended, caller.until - time.perf_counter() + ANSWER_SECONDS)
        except (TimeoutError, OSError) as error:
            caller.errors.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.01)
        finally:
            if caller.transport is not None:
                caller.transport.abort()


class _Caller(asyncio.Protocol):
    """One caller of a closed loop."""

    def __init__(self, requests: list[bytes], until: float) -> None:
        self.times: list[float] = []
        self.errors: list[str] = []
        self.until = until
        self.ended: asyncio.Future[None]
        self.transport: Any = None
        self._requests = requests
        self._sent = 0
        self._waiting = False
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def _send(self) -> None:
        self._body, self._waiting = b"", True
        self._began = time.perf_counter()
        self.transport.write(self._requests[self._sent % len(self._requests)])
        self._sent += 1

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        now, status = time.perf_counter(), self._parser.get_status_code()
        self._waiting = False
        if status == 200:
            self.times.append(now - self._began)
        else:
            self.errors.append(f"status {status}: {self._body[:200].decode(errors='replace')}")
        if now < self.until and self._parser.should_keep_alive():
            self._parser = httptools.HttpResponseParser(self)
            self._send()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self.errors.append(f"the connection was lost: {exc or 'closed before the answer'}")
            self._waiting = False
        if not self.ended.done():
            self.ended.set_result(None)


def main(argv: Sequence[str] | None = None) -> None:
    """Run a trial as a request file says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--request", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    asked = read_json(arguments.request)
    key = Path(asked["key_file"]).read_text(encoding="utf-8").split()[0]
    rows = HeldOut.read(Path(asked["rows_file"]))
    facts: dict[str, Any] = {"smoke": asdict(smoke(asked["address"], key, rows.evenly(asked["smoke_requests"]))), "load": None}
    if asked.get("load_seconds"):
        measured = load(asked["address"], key, rows.bodies(), connections=asked["connections"], seconds=asked["load_seconds"])
        facts["load"] = asdict(measured)
    write_json(arguments.out, facts)


if __name__ == "__main__":
    main()

"""Putting a version into an environment: endpoint, smoke test, load test, aliases. Used by a delivery, `mlops promote` and `mlops rollback` alike."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.delivery.judging import error_rate_rule, rule, smoke_rule, unwatched
from mlops.errors import JobFailed, PlatformError
from mlops.serving import endpoint

if TYPE_CHECKING:
    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion
    from mlops.serving.endpoint import Served

SMOKE_FILE = "smoke.json"
"""Held-out rows with their offline probabilities, registered with each version, so that it can be tried wherever it goes."""
ROUND, PAUSE, FLUSHED = 10, 0.2, 0.7
"""While an endpoint is watched: rows asked in a round, seconds between rounds, and seconds until the endpoint has written its log."""


def deploy(workspace: Workspace, environment: str, version: ModelVersion, folder: Path) -> Served:
    """Serve a version in an environment, by blue/green behind the same address.

    Raises:
        JobFailed: The model does not load, or was tampered with; what served before goes on.
        PlatformError: The endpoint could not be started.
    """
    serve = workspace.environment(environment).serve
    if serve is None:
        raise PlatformError(
            "the environment has no `serve` section", where=f"environments/{environment}.yml", hint="Add one: serve: {port: 8801}"
        )
    return endpoint.deploy(
        workspace.endpoint(environment),
        model=workspace.model.name,
        version=version.version,
        folder=folder,
        digest=version.digest,
        settings=serve,
        trusted=workspace.model.trusted_types,
        positive=str(workspace.model.positive) if workspace.model.task == "binary" else None,
    )


def trial(workspace: Workspace, environment: str, served: Served, smoke_file: Path | None, *, load: bool = True) -> dict[str, Any]:
    """Try an endpoint with held-out rows, and with load where the environment asks for it and `load` does.

    Returns:
        `smoke`, `load` (or None), and `rules`: each with name, passed and reason.

    Raises:
        PlatformError: The trial itself could not run.
    """
    test = workspace.environment(environment).test
    if test is None or smoke_file is None:
        return {"smoke": None, "load": None, "rules": []}
    facts = _try(served, smoke_file, test.smoke_requests, test.load_seconds if load else 0.0, test.connections)
    facts["rules"] = _rules(test, facts)
    return facts


def watch(workspace: Workspace, environment: str, served: Served, smoke_file: Path | None) -> dict[str, Any]:
    """Watch an endpoint for as long as its environment asks: what its own log says of all callers, and held-out rows asked now and then.

    Returns:
        `seconds`, `requests`, `error_rate` (5xx, no answer, or another answer than offline), `p95_ms` as the endpoint measured it, and `rules`,
        each with name, passed and reason.
    """
    wanted = workspace.environment(environment).watch
    if wanted is None or smoke_file is None:
        return unwatched()
    since = time.time()
    asked, wrong, first = _ask_now_and_then(served, smoke_file, wanted.seconds)
    statuses, times = _answered(workspace.endpoint(environment) / "requests.jsonl", since)
    total = max(asked, len(statuses))
    failed = max(wrong, sum(status >= 500 for status in statuses))
    rate, p95 = failed / total if total else 1.0, _p95(times)
    rules = [error_rate_rule(rate, f"{total:,} requests in {wanted.seconds:g} s", wanted.error_rate, first)]
    if wanted.p95_ms is not None:
        rules.append(rule("p95_ms", p95 <= wanted.p95_ms, f"{p95:.1f} ms in {wanted.seconds:g} s, at most {wanted.p95_ms:g}"))
    return {"seconds": wanted.seconds, "requests": total, "error_rate": rate, "p95_ms": p95, "rules": rules}


def _ask_now_and_then(served: Served, smoke_file: Path, seconds: float) -> tuple[int, int, str]:
    """Ask held-out rows a few times a second; return how many were asked, how many failed, and the first failure. Politely: others are served."""
    from mlops.serving.trial import HeldOut, smoke

    rows = HeldOut.read(smoke_file).evenly(ROUND)
    key = Path(str(served.key_file)).read_text(encoding="utf-8").split()[0]
    asked, failed, first, until = 0, 0, "", time.monotonic() + seconds
    while time.monotonic() < until:
        told = smoke(str(served.address), key, rows)
        asked, failed = asked + told.requests, failed + told.requests - told.equal
        first = first or next(iter(told.failures), "")
        time.sleep(PAUSE)
    time.sleep(FLUSHED)
    return asked, failed, first


def _answered(log: Path, since: float) -> tuple[list[int], list[float]]:
    """Return status and milliseconds of every scoring request that the endpoint's own log has since then; whoever asked."""
    statuses: list[int] = []
    times: list[float] = []
    with contextlib.suppress(OSError), log.open(encoding="utf-8") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                one = json.loads(line)
                if one["time"] >= since and one["path"] == "/score":
                    statuses.append(int(one["status"]))
                    times.append(1000 * float(one["seconds"]))
    return statuses, times


def _p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * (len(times) - 1))] if times else 0.0


def _try(served: Served, smoke_file: Path, smoke_requests: int, load_seconds: float, connections: int) -> dict[str, Any]:
    """Ask an endpoint held-out rows, from a program of its own.

    Raises:
        PlatformError: It could not run.
    """
    request = {
        "address": served.address,
        "key_file": served.key_file,
        "rows_file": str(smoke_file),
        "smoke_requests": smoke_requests,
        "load_seconds": load_seconds,
        "connections": connections,
    }
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "request.json"), Path(folder, "result.json")
        asked.write_text(json.dumps(request), encoding="utf-8")
        command = [sys.executable, "-m", "mlops.serving.trial", "--request", str(asked), "--out", str(answered)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not answered.exists():
            raise PlatformError(f"the smoke test could not run: {done.stderr.strip()[-600:]}", where=served.address)
        facts: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    return facts


def _rules(test: Any, facts: dict[str, Any]) -> list[dict[str, Any]]:
    load = facts.get("load")
    rules = [smoke_rule(facts["smoke"])]
    if load and test.p95_ms is not None:
        rules.append(
            rule(
                "p95_ms",
                load["p95_ms"] <= test.p95_ms,
                f"{load['p95_ms']:.1f} ms at {load['connections']} connections, at most {test.p95_ms:g}",
            )
        )
    if load and test.error_rate is not None:
        rules.append(error_rate_rule(load["error_rate"], f"{load['requests']:,} requests", test.error_rate))
    return rules


def summary(facts: dict[str, Any]) -> str:
    """Return a trial in one line."""
    parts = []
    if facts["smoke"]:
        parts.append(f"smoke {facts['smoke']['equal']} of {facts['smoke']['requests']} equal")
    if facts["load"]:
        parts.append(f"{facts['load']['requests_per_second']:,.0f} req/s, p95 {facts['load']['p95_ms']:.1f} ms")
    parts += [f"{_share(stage)}: {stage['requests']:,} requests, {stage['error_rate']:.2%} failed" for stage in facts.get("shift") or []]
    watched = facts.get("watch") or {}
    if watched.get("requests"):
        parts.append(f"watched {watched['seconds']:g} s: {watched['requests']:,} requests, {watched['error_rate']:.2%} failed")
    if facts.get("batch"):
        parts.append(f"batches by v{facts['batch']['version']}")
    return " · ".join(parts) or "not tried: this version has no held-out rows"


def _share(stage: dict[str, Any]) -> str:
    return f"{stage['percent']} %" if stage["percent"] else "mirrored"


def check_passed(environment: str, facts: dict[str, Any]) -> None:
    """Raise where a trial broke a rule.

    Raises:
        JobFailed: With the rule and its reason.
    """
    broken = [rule for rule in facts["rules"] if not rule["passed"]]
    if broken:
        raise JobFailed(
            f"{environment} did not pass its test: {broken[0]['name']}: {broken[0]['reason']}", where=f"environments/{environment}.yml"
        )


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.at = time.time()

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 2)

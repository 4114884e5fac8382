"""Putting a version into an environment: endpoint, smoke test, load test, aliases. Used by a delivery, `mlops promote` and `mlops rollback` alike."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, PlatformError
from mlops.serving import endpoint

if TYPE_CHECKING:
    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion
    from mlops.serving.endpoint import Served

SMOKE_FILE = "smoke.json"
"""Held-out rows with their offline probabilities, registered with each version, so that it can be tried wherever it goes."""


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
    request = {
        "address": served.address,
        "key_file": served.key_file,
        "rows_file": str(smoke_file),
        "smoke_requests": test.smoke_requests,
        "load_seconds": test.load_seconds if load else 0.0,
        "connections": test.connections,
    }
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder, "request.json"), Path(folder, "result.json")
        asked.write_text(json.dumps(request), encoding="utf-8")
        command = [sys.executable, "-m", "mlops.serving.trial", "--request", str(asked), "--out", str(answered)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not answered.exists():
            raise PlatformError(f"the smoke test could not run: {done.stderr.strip()[-600:]}", where=served.address)
        facts: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    facts["rules"] = _rules(test, facts)
    return facts


def _rules(test: Any, facts: dict[str, Any]) -> list[dict[str, Any]]:
    smoke, load = facts["smoke"], facts.get("load")
    worst = smoke["worst_difference"]
    rules = [
        _rule(
            "smoke",
            smoke["equal"] == smoke["requests"],
            f"{smoke['equal']} of {smoke['requests']} equal to the offline predictions (worst difference {worst:.2g})",
        )
    ]
    if smoke["failures"]:
        rules[0]["reason"] += f"; first failure: {smoke['failures'][0]}"
    if load and test.p95_ms is not None:
        rules.append(
            _rule(
                "p95_ms",
                load["p95_ms"] <= test.p95_ms,
                f"{load['p95_ms']:.1f} ms at {load['connections']} connections, at most {test.p95_ms:g}",
            )
        )
    if load and test.error_rate is not None:
        reason = f"{load['error_rate']:.2%} of {load['requests']:,} requests, at most {test.error_rate:.2%}"
        rules.append(_rule("error_rate", load["error_rate"] <= test.error_rate, reason))
    return rules


def _rule(name: str, passed: bool, reason: str) -> dict[str, Any]:
    return {"name": name, "passed": bool(passed), "reason": reason}


def summary(facts: dict[str, Any]) -> str:
    """Return a trial in one line."""
    parts = []
    if facts["smoke"]:
        parts.append(f"smoke {facts['smoke']['equal']} of {facts['smoke']['requests']} equal")
    if facts["load"]:
        parts.append(f"{facts['load']['requests_per_second']:,.0f} req/s, p95 {facts['load']['p95_ms']:.1f} ms")
    return " · ".join(parts) or "not tried: this version has no held-out rows"


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

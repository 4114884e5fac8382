"""The verbs that act on runs: resume, cancel, prune."""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlops.api import place
from mlops.errors import PlatformError, UsageError
from mlops.verbs.pipelines import carry_on

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

_PATIENCE = 8.0  # seconds: longer than a step has to end after SIGTERM


def resume(arguments: argparse.Namespace) -> int:
    """Go on with a run that did not complete: same file, same inputs, in a run of its own that takes over what is done."""
    from mlops.local.runs import alive, find_run, read_run

    root, home = place()
    folder = find_run(home, arguments.run)
    facts = read_run(folder) or {}
    if alive(folder):
        raise UsageError(f"run {folder.name} goes on", hint=f"mlops logs {folder.name} --follow, or mlops cancel {folder.name}")
    if facts.get("state") == "completed":
        raise UsageError(
            f"run {folder.name} is complete", hint=f"mlops run {facts['pipeline']} runs it again, as far as something changed."
        )
    if "job" in facts and facts.get("state") == "detached":
        from mlops.verbs import remote

        return remote.resume(folder, facts, as_json=arguments.json, queue_limit=arguments.queue_limit)
    if "job" in facts:
        raise UsageError(f"run {folder.name} has ended on Azure ML", hint=f"mlops run {facts['pipeline']} --where azure runs it again.")
    if facts.get("model"):
        raise UsageError(f"run {folder.name} is part of a delivery", hint=f"mlops deliver --model {facts['model']} goes on with it.")
    return carry_on(root / facts["pipeline"], facts, as_json=arguments.json)


def cancel(arguments: argparse.Namespace) -> int:
    """End a run that another process goes on with, and all that it started."""
    from mlops.local.runs import find_run, owner, read_run

    folder = find_run(place()[1], arguments.run)
    facts = read_run(folder) or {}
    if "job" in facts and facts["state"] in {"running", "detached"}:
        return _cancel_there(folder, facts, as_json=arguments.json)
    if owner(folder) is None:
        raise UsageError(f"run {folder.name} does not go on: it is {facts.get('state')}", hint="mlops runs lists them.")
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        if _ended(folder, number):
            print(json.dumps({"run": int(folder.name), "state": "canceled"}) if arguments.json else f"  run {folder.name} is canceled")
            return 0
    raise PlatformError(f"run {folder.name} does not end", where=str(folder), hint="Its process waits for the disk or the kernel.")


def _cancel_there(folder: Path, facts: dict[str, Any], *, as_json: bool) -> int:
    from mlops.local.runs import alive
    from mlops.verbs import remote

    state, number = remote.cancel(folder, facts), int(folder.name)
    hint = f"; mlops resume {number} brings what it left" if not alive(folder) else "; whoever follows it sees it end"
    print(json.dumps({"run": number, "state": state}) if as_json else f"  run {number} is {state} on Azure ML{hint}")
    return 0


def _ended(folder: Path, number: int) -> bool:
    """Signal the run's process, and return whether the run ended before long."""
    from mlops.local.runs import owner

    end = time.monotonic() + _PATIENCE
    pid = owner(folder)
    if pid is not None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        except PermissionError as error:
            raise PlatformError(f"run {folder.name} is somebody else's", where=f"process {pid}") from error
    while owner(folder) is not None and time.monotonic() < end:
        time.sleep(0.05)
    return owner(folder) is None


def prune(arguments: argparse.Namespace) -> int:
    """Remove the runs that nothing needs any more."""
    from mlops.local.prune import carry_out, plan
    from mlops.tracking.later import MARK, catch_up

    if arguments.keep < 1:
        raise UsageError(f"--keep {arguments.keep}: the last run stays in any case", hint="Write --keep 1 or more.")
    home = place()[1]
    pruning = plan(home, arguments.keep, _made_versions(home))
    if not arguments.dry_run:
        if any((home / "runs" / str(run) / MARK).exists() for run in pruning.gone):
            catch_up(home)
        carry_out(home, pruning)
    if arguments.json:
        print(json.dumps({**asdict(pruning), "dry_run": arguments.dry_run}))
        return 0
    for kept in pruning.kept:
        print(f"  kept     run {kept.run:<6} {kept.reason}")
    does = "would go" if arguments.dry_run else "removed"
    print(f"  {does:<8} {len(pruning.gone)} run{'s' * (len(pruning.gone) != 1)}, {pruning.size / 1e6:,.1f} MB")
    return 0


def _made_versions(home: Path) -> dict[int, str]:
    """Return run -> the registered version that it made; MLflow is asked only where there is something to ask."""
    if not (home / "mlflow.db").exists() and not os.environ.get("MLFLOW_TRACKING_URI"):
        return {}
    from mlops.tracking.server import connect

    versions = connect(home).search_model_versions(max_results=10_000)
    return {int(run): f"{one.name} v{one.version}" for one in versions if (run := one.tags.get("slipway.run", "")).isdigit()}

"""What the verbs of runs do where a run is on Azure ML: run, resume, cancel, logs. Imported only then."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.api import place, read
from mlops.azure import invocation
from mlops.azure.assets import WorkspaceAssets
from mlops.azure.batch import Batch
from mlops.azure.children import Children
from mlops.azure.connection import connect, place_of
from mlops.azure.failures import told
from mlops.azure.following import word
from mlops.azure.plane import Plane
from mlops.azure.run import begin, why_not
from mlops.azure.run import resume as resumed
from mlops.azure.store import Logs
from mlops.delivery.batch import decided
from mlops.errors import PlatformError, UsageError
from mlops.files import shown
from mlops.report.live import Tree
from mlops.settings import AzureSettings, Environment, read_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.azure.connection import Connection
    from mlops.azure.run import RemoteRun
    from mlops.delivery.workspace import Workspace

INTERRUPTED = 130


def run(
    file: str, settings: Mapping[str, str], environment: str | None, *, force: bool, as_json: bool, queue_limit: float | None = None
) -> int:
    """Submit one file to an environment's workspace, show it as it runs, and return the exit code of how it ended.

    `queue_limit` is how many minutes the job may wait for a machine; None is what the environment's file says.
    """
    return _submitted(prepare(file, settings, environment, force=force, queue_limit=queue_limit), as_json=as_json)


def prepare(
    file: str,
    settings: Mapping[str, str],
    environment: str | None,
    *,
    force: bool = False,
    queue_limit: float | None = None,
    compute: str = "",
) -> RemoteRun:
    """Read one file for an environment's workspace, and return its run, which is not submitted yet."""
    root, home = place()
    there = chosen(root, environment)
    known: list[Connection] = []

    def connected() -> Connection:
        if not known:
            known.append(connect(place_of(there), there.name))
        return known[0]

    pipeline = read(file, settings, assets=WorkspaceAssets(home / "azure" / "components", connected))
    limit = _seconds(queue_limit, connected())
    return begin(pipeline, home, root, connected(), settings, force=force, queue_limit=limit, compute=compute)


def _seconds(minutes: float | None, connection: Connection) -> float:
    return 60 * (connection.settings.queue_limit_minutes if minutes is None else minutes)


def resume(folder: Path, facts: Mapping[str, Any], *, as_json: bool, queue_limit: float | None = None) -> int:
    """Follow a run again that was left; where it is not known whether its job was taken, submit it under the same name."""
    root, home = place()
    connection = _connection_of(facts)
    pipeline = read(
        str(root / facts["pipeline"]), facts["settings"], assets=WorkspaceAssets(home / "azure" / "components", lambda: connection)
    )
    again = invocation.resume if "endpoint" in facts["job"] else resumed
    return _submitted(again(folder, pipeline, home, root, connection, queue_limit=_seconds(queue_limit, connection)), as_json=as_json)


def score(
    workspace: Workspace, there: Environment, file: Path, settings: Mapping[str, str], *, as_json: bool, queue_limit: float | None = None
) -> int:
    """Ask an environment's batch endpoint for a job, show it as it runs, bring what it makes, and return the exit code of how it ended.

    The same again, after it was left or killed, follows the same job.
    """
    root, home = place()
    connection = connect(place_of(there), there.name)
    scores = Batch(root, workspace.model, there, lambda: connection).look()
    if not scores or not scores["version"]:
        hint = f"batch: {{}} in environments/{there.name}.yml, then mlops promote VERSION --to {there.name} makes it (docs/azure.md)."
        raise UsageError(f"no batch endpoint scores with {workspace.model.name} in {there.name}", hint=hint)
    given = {**settings, **decided(file, scores["lineage"], f"azureml:{workspace.model.name}:{scores['version']}")}
    pipeline = read(file, given, assets=WorkspaceAssets(home / "azure" / "components", lambda: connection))
    running = invocation.ask(pipeline, home, root, connection, given, scores, queue_limit=_seconds(queue_limit, connection))
    return _submitted(running, as_json=as_json)


def _submitted(running: RemoteRun, *, as_json: bool) -> int:
    number = running.record.facts["run"]
    try:
        studio = running.submit()
    except KeyboardInterrupt:
        print(f"\n  interrupted while it was submitted: mlops resume {number} finds the job, or submits it.", file=sys.stderr)
        return INTERRUPTED
    if not as_json:
        print(f"  submitted as {running.name}  {studio}", flush=True)
    tree = Tree(live=False if as_json else None, quiet=as_json)
    while not _followed(running, tree):
        if _wants_cancel(as_json=as_json):
            running.cancel()
        else:
            running.detach()
            print(f"\n  detached: the job goes on. mlops resume {number} follows it again, mlops cancel {number} ends it.", file=sys.stderr)
            return INTERRUPTED
    return _closed(running, as_json=as_json)


def _followed(running: RemoteRun, tree: Tree) -> bool:
    """Show events until the job has ended; False where the person interrupts."""
    try:
        with tree:
            for event in running.events():
                tree.apply(event)
    except KeyboardInterrupt:
        return False
    return True


def _wants_cancel(*, as_json: bool) -> bool:
    """Ask whether the job is to end as well; without a terminal nobody is asked, and it goes on."""
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        return input("\n  The job runs on Azure ML. [c]ancel it, or [d]etach and let it go on? [d] ").strip().lower().startswith("c")
    except (KeyboardInterrupt, EOFError):
        return False


def _closed(running: RemoteRun, *, as_json: bool) -> int:
    facts = running.record.facts
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print(f"  {facts['state']} in {facts['seconds']:.1f} s · {shown(running.record.folder, Path.cwd())}")
    error = why_not(running)
    if error:
        raise error
    return 0


def cancel(folder: Path, facts: Mapping[str, Any]) -> str:
    """Ask the service to end a run's job, wait until it has, and return the state that it ended in.

    Raises:
        PlatformError: It cannot be asked, or does not end the job.
    """
    connection, name = _connection_of(facts), facts["job"]["name"]
    with told("cancel the job", where=name):
        connection.client.jobs.begin_cancel(name).result()
        state = word(connection.client.jobs.get(name).status).lower()
    if state not in {"canceled", "completed", "failed"}:
        raise PlatformError(f"the job {name} is {state}", where=str(folder), hint=f"mlops resume {folder.name} follows it to its end.")
    return state


def bring_logs(folder: Path, facts: Mapping[str, Any], only: str) -> None:
    """Bring what the steps of a run that nobody follows here have written since it was left."""
    connection = _connection_of(facts)
    logs, name = Logs(connection), facts["job"]["name"]
    try:
        with told("read the logs", where=name):
            for step, job in _runs(connection, facts).items():
                if only in {"", step}:
                    logs.grow(job, folder / "steps" / step / "log.txt")
    finally:
        logs.close()


def _runs(connection: Connection, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return each step's run, as far as the steps have begun."""
    job, steps = facts["job"], tuple(facts["steps"])
    if job["single"]:
        return dict.fromkeys(steps[:1], job["name"])
    plane = Plane(connection)
    try:
        return {seen.step: seen.run for seen in Children(plane, job["name"], steps, (), job.get("called", {})).look()}
    finally:
        plane.close()


def workspace(environment: str | None) -> Connection:
    """Connect to an environment's workspace: the one that is named, or the only one that there is.

    Raises:
        UsageError: There is none, or several.
    """
    there = chosen(place()[0], environment)
    return connect(place_of(there), there.name)


def _connection_of(facts: Mapping[str, Any]) -> Connection:
    job = facts["job"]
    return connect(AzureSettings(**{key: job[key] for key in AzureSettings.__dataclass_fields__ if key in job}), job["environment"])


def chosen(root: Path, name: str | None) -> Environment:
    """Return the environment that is meant: by name, or the only one that says where it is on Azure.

    Raises:
        UsageError: There is none, or several.
    """
    if name:
        return read_environment(root, name)
    found = [made for path in sorted((root / "environments").glob("*.yml")) if (made := read_environment(root, path.stem)).azure]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError("which environment?", hint=f"--environment, one of {', '.join(one.name for one in found)}")
    hint = "Add to environments/staging.yml:  azure: {tenant: ..., subscription: ..., resource_group: ..., workspace: ...}  (docs/azure.md)"
    raise UsageError("no file of environments/ says which Azure ML workspace it is", where=str(root / "environments"), hint=hint)

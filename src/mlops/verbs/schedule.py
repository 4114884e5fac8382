"""The verbs about schedules, as `az ml schedule` has them: create, list, show, enable, disable, trigger, delete. Azure ML alone carries them out."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops.api import place
from mlops.errors import UsageError
from mlops.files import shown

if TYPE_CHECKING:
    import argparse

    from mlops.azure.connection import Connection
    from mlops.azure.schedules import Schedules
    from mlops.azure.watching import Monitor
    from mlops.spec.references import Assets
    from mlops.spec.schedule import Schedule

NEXT = 5
"""Times that are told ahead."""
KEYLESS = (
    "this workspace's datastores have no credentials, and Microsoft's page says that its monitor reads none without (docs/azure.md); "
    "mlops monitor does not need it"
)
_HERE = (
    "This machine keeps no clock. Azure ML carries schedules out: add --where azure. Without Azure, CI does: the workflow `monitor` looks each\n"
    "morning and asks for a new training (docs/ci.md). When it would be due: mlops schedule show -f FILE"
)


def create(arguments: argparse.Namespace) -> int:
    """Put the schedule of a file, or of what watches an environment, into the workspace."""
    if bool(arguments.file) == bool(arguments.monitor):
        raise UsageError(
            "a schedule is made of a file, or of --monitor", hint="mlops schedule create -f FILE --where azure, or --monitor production"
        )
    if arguments.file and arguments.where != "azure":
        _read(Path(arguments.file))
        raise UsageError("a schedule is carried out by Azure ML, and by nothing here", where=arguments.file, hint=_HERE)
    monitor = None if arguments.file else _monitor(arguments)
    file = monitor.file if monitor else Path(arguments.file)
    schedule, schedules = _there(file, arguments.environment or arguments.monitor)
    if monitor:
        _prepare(schedules.connection, monitor)
    made = schedules.put(schedule)
    if arguments.json:
        print(json.dumps(asdict(made) | {"file": str(file), "next": _next(schedule)}))
        return 0
    print(f"schedule {made.name}   {'as it was' if made.how == 'same' else made.how}{'' if made.enabled else ', and stopped'}")
    _say(schedule)
    undo = f"mlops schedule {'disable' if made.enabled else 'enable'} {made.name}, or delete"
    print(f"  undo       {undo}")
    return 0


def list_(arguments: argparse.Namespace) -> int:
    """List the schedules of the workspace."""
    found = _schedules(arguments.environment).all()
    if arguments.json:
        print(json.dumps(found, ensure_ascii=False))
        return 0
    width = max((len(one["name"]) for one in found), default=0)
    for one in found:
        print(f"{one['name']:{width}}  {'on ' if one['enabled'] else 'off'}  {one['does']:7}  {_times(one['trigger'])}")
    if not found:
        print("no schedule: mlops schedule create -f FILE --where azure")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show a schedule of the workspace, or what a file would be, with the next times that it is due."""
    if arguments.file or arguments.monitor:
        return _show_file(Path(arguments.file) if arguments.file else _monitor(arguments).file, arguments)
    found = _schedules(arguments.environment).get(_named(arguments))
    print(json.dumps(found, ensure_ascii=False) if arguments.json else yaml.safe_dump(found, sort_keys=False, allow_unicode=True).rstrip())
    return 0


def _show_file(file: Path, arguments: argparse.Namespace) -> int:
    schedule = _read(file)
    if arguments.json:
        print(json.dumps({"name": schedule.name, "does": schedule.does, "when": schedule.trigger.said, "next": _next(schedule)}))
        return 0
    if arguments.monitor:
        print(file.read_text(encoding="utf-8"))
    print(f"schedule {schedule.name}")
    _say(schedule)
    return 0


def enable(arguments: argparse.Namespace) -> int:
    """Let a schedule go on."""
    return _switch(arguments, on=True)


def disable(arguments: argparse.Namespace) -> int:
    """Stop a schedule; nothing that runs is ended."""
    return _switch(arguments, on=False)


def _switch(arguments: argparse.Namespace, *, on: bool) -> int:
    name = _named(arguments)
    changed = _schedules(arguments.environment).enable(name, on=on)
    word = "on" if on else "off"
    print(
        json.dumps({"name": name, "enabled": on, "changed": changed})
        if arguments.json
        else f"{name}: {word}{'' if changed else ' already'}"
    )
    return 0


def trigger(arguments: argparse.Namespace) -> int:
    """Do once, now, what a schedule does."""
    name = _named(arguments)
    job = _schedules(arguments.environment).trigger(name)
    print(json.dumps({"name": name, "job": job}) if arguments.json else f"{name}: submitted{f' as {job}' if job else ''}")
    return 0


def delete(arguments: argparse.Namespace) -> int:
    """Take a schedule away; what it has run stays."""
    name = _named(arguments)
    _schedules(arguments.environment).delete(name)
    print(json.dumps({"name": name, "deleted": True}) if arguments.json else f"{name}: deleted; what it has run stays")
    return 0


def _named(arguments: argparse.Namespace) -> str:
    name = arguments.named or arguments.name
    if not name:
        raise UsageError("which schedule?", hint=f"mlops schedule {arguments.part} NAME; what there is: mlops schedule list")
    return str(name)


def _read(file: Path, assets: Assets | None = None) -> Schedule:
    from mlops.assets.elsewhere import Elsewhere
    from mlops.assets.lookup import open_assets
    from mlops.spec.schedule import load_schedule

    if not file.is_file():
        raise UsageError(f"there is no file {str(file)!r}", hint="For the example: src/pipelines/schedules/retrain.yml")
    return load_schedule(file, assets or Elsewhere(open_assets(*place(), fetching=False)))


def _there(file: Path, environment: str | None) -> tuple[Schedule, Schedules]:
    """Read a file for an environment's workspace: it is judged before anybody signs in, but for components that are there."""
    from mlops.azure.assets import WorkspaceAssets
    from mlops.azure.schedules import Schedules
    from mlops.verbs.remote import workspace

    known: list[Connection] = []

    def connected() -> Connection:
        if not known:
            known.append(workspace(environment))
        return known[0]

    schedule = _read(file, WorkspaceAssets(place()[1] / "azure" / "components", connected))
    return schedule, Schedules(connected())


def _schedules(environment: str | None) -> Schedules:
    from mlops.azure.schedules import Schedules
    from mlops.verbs.remote import workspace

    return Schedules(workspace(environment))


def _monitor(arguments: argparse.Namespace) -> Monitor:
    """Write the file of the schedule that has Azure ML watch an environment."""
    from mlops.azure.watching import monitor_of
    from mlops.delivery.workspace import open_workspace

    return monitor_of(open_workspace(arguments.model), arguments.monitor, arguments.reference)


def _prepare(connection: Connection, monitor: Monitor) -> None:
    """Bring the rows that production's are held against, and tell what may keep the service from reading them."""
    from mlops.azure.watching import keyless, upload

    if upload(connection, monitor.training):
        print(f"  uploaded {monitor.training.reference}: {len(monitor.training.columns)} columns of the training rows", file=sys.stderr)
    if keyless(connection):
        print(f"  note: {KEYLESS}", file=sys.stderr)


def _say(schedule: Schedule) -> None:
    what = shown(schedule.pipeline.path, Path.cwd()) if schedule.pipeline else schedule.job
    print(f"  does       {'monitor a deployment' if schedule.monitors else f'run {what}'}")
    print(f"  when       {schedule.trigger.said}, {schedule.trigger.zone}")
    print(f"  next       {', '.join(_next(schedule)) or 'never again'}")
    if schedule.trigger.start is None and not schedule.monitors:
        print("  first      as soon as it is created: there is no start_time")


def _next(schedule: Schedule) -> list[str]:
    from mlops.spec.trigger import now

    return [f"{moment:%Y-%m-%d %H:%M}" for moment in islice(schedule.trigger.times(now()), NEXT)]


def _times(trigger: dict[str, Any]) -> str:
    """Return in a few words when a schedule of the workspace is due."""
    zone = trigger.get("timeZone", "UTC")
    if trigger["triggerType"] == "Cron":
        return f"{trigger['expression']}, {zone}"
    pattern = trigger.get("schedule") or {}
    at = f" at {pattern['hours']}:{pattern['minutes']}" if pattern.get("hours") else ""
    return f"every {trigger['interval']} {trigger['frequency'].lower()}{at}, {zone}"

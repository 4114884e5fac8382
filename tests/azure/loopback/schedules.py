"""Schedules of a workspace: kept by name, and due when a test moves the clock; then their jobs are submitted and really run.

The clock is `tick(moment)`: it goes to that moment, and all that came due on the way happens, in order. Times are found by looking at each
minute, with nothing of the code that is tested. A monitor that is due is written down in `monitored`: computing it is the service's own.
"""

from __future__ import annotations

import uuid
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from .entra import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from .endpoints import Endpoints
    from .jobs import Jobs
    from .workspace import Workspace

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ZONES = {"utc": "UTC", "w. europe standard time": "Europe/Berlin", "pacific standard time": "America/Los_Angeles"}
"""The zones that this loopback's clock knows."""
COLLECTED = "/modelDataCollector/"
"""Where a deployment's collector writes, in a form that monitors read."""
FIXED = ("monitoringTarget", "computeConfiguration", "signals", "alertNotificationSetting")
"""What of a monitor may not be changed later: in the description its mutability is `create, read`."""


@dataclass
class Schedule:
    """One schedule as it was put, and since when its times are looked for."""

    name: str
    body: dict[str, Any]
    since: datetime
    state: str = "Succeeded"

    @property
    def properties(self) -> dict[str, Any]:
        return self.body["properties"]


@dataclass
class Schedules:
    """All of a workspace. `clock` is its time, which stands still between two ticks."""

    workspace: Workspace
    jobs: Jobs
    endpoints: Endpoints
    clock: datetime = field(default_factory=lambda: datetime.now(UTC).replace(second=0, microsecond=0))
    found: dict[str, Schedule] = field(default_factory=dict)
    late: dict[str, str] = field(default_factory=dict)
    """Name -> the error that its creation ends with after all."""
    submitted: list[tuple[str, datetime, str]] = field(default_factory=list)
    """Schedule, time and job of everything that came due."""
    monitored: list[tuple[str, datetime]] = field(default_factory=list)
    _operations: dict[str, dict[str, Any]] = field(default_factory=dict)

    def clear(self) -> None:
        self.found.clear()
        self.late.clear()
        self.submitted.clear()
        self.monitored.clear()

    def rows(self, scope: str) -> list[tuple[str, str, str, Callable[..., tuple[int, Any]]]]:
        """Return method, path, action and handler of each operation."""
        one, own = f"{scope}/schedules/{{name}}", "schedules"
        region = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
        return [
            ("GET", f"{scope}/schedules", f"{own}/read", self._list),
            ("GET", one, f"{own}/read", lambda at, **_: (200, self.told(self.get(at["name"])))),
            ("PUT", one, f"{own}/write", lambda at, body, **_: self.put(at["name"], body)),
            ("DELETE", one, f"{own}/delete", lambda at, **_: self.delete(at["name"])),
            ("POST", f"{one}/trigger", f"{own}/trigger/action", lambda at, body, **_: self.trigger(at["name"], body)),
            ("GET", f"{region}/schedulesOperations/{{name}}", "", lambda at, **_: (200, dict(self._operations[at["name"]]))),
        ]

    def get(self, name: str) -> Schedule:
        if name not in self.found:
            raise Refused(404, "ResourceNotFound", f"Schedule {name} was not found in workspace {self.workspace.name}.")
        return self.found[name]

    def told(self, one: Schedule) -> dict[str, Any]:
        own = {"tags": {}, "properties": {}, "isEnabled": True, **deepcopy(one.properties), "provisioningState": one.state}
        return self.workspace._resource(f"schedules/{one.name}", one.name, own)

    def _list(self, query: dict[str, str], **_: Any) -> tuple[int, Any]:
        wanted = query.get("listViewType", "EnabledOnly")
        kept = [one for one in self.found.values() if wanted == "All" or one.properties.get("isEnabled", True) == (wanted == "EnabledOnly")]
        return 200, {"value": [self.told(one) for one in kept]}

    def put(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Create a schedule, or change it: what it names must be there, and a monitor watches what it watched.

        Raises:
            Refused: It names what does not exist, its times are none, or it changes what is fixed.
        """
        before = self.found.get(name)
        properties = body["properties"]
        action = properties["action"]
        self.workspace.refer(action.get("jobDefinition") or {})
        _times(properties["trigger"])
        if action["actionType"] == "CreateMonitor":
            self._check_monitor(action["monitorDefinition"], before)
        elif before and before.properties["action"]["actionType"] != action["actionType"]:
            raise Refused(400, "UserError", f"The action type of schedule {name} cannot be changed.")
        source = (action.get("jobDefinition") or {}).get("sourceJobId")
        if source:
            self.jobs.get(source.rpartition("/")[2])
        operation = self._operation(name)
        if operation["status"] == "Failed" and before is None:
            return 201, {**self.told(Schedule(name, body, self.clock, "Failed")), "_headers": operation["_headers"]}
        self.found[name] = Schedule(name, body, before.since if before else self.clock)
        if before is None and not properties["trigger"].get("startTime") and action["actionType"] == "CreateJob":
            self._due(self.found[name], self.clock)  # without a start the first one is at once
        return (200 if before else 201), {**self.told(self.found[name]), "_headers": operation["_headers"]}

    def _check_monitor(self, monitor: dict[str, Any], before: Schedule | None) -> None:
        target = (monitor.get("monitoringTarget") or {}).get("deploymentId")
        if target:
            endpoint, _, deployment = target.partition("/onlineEndpoints/")[2].partition("/deployments/")
            self.endpoints.deployment(endpoint, deployment)
        for signal in monitor["signals"].values():
            for data in _inputs(signal):
                self._data(data)
        if before and before.properties["action"]["actionType"] == "CreateMonitor":
            was = before.properties["action"]["monitorDefinition"]
            changed = [key for key in FIXED if was.get(key) != monitor.get(key)]
            if changed:
                raise Refused(400, "UserError", f"{', '.join(changed)} of a monitor cannot be changed. Delete it, and create another.")

    def _data(self, data: dict[str, Any]) -> None:
        self.workspace.refer(data["uri"])
        _, _, below = data["uri"].partition("/data/")
        name, _, version = below.partition("/versions/")
        asset = self.workspace.held("data", name, version)["properties"]
        table = asset["dataType"] == "mltable" or COLLECTED in asset["dataUri"]
        if not table and not data.get("preprocessingComponentId"):
            raise Refused(400, "UserError", f"{name} is a {asset['dataType']}: a preprocessing component is needed to make it a table.")

    def _operation(self, name: str) -> dict[str, Any]:
        number = str(uuid.uuid4())
        error = self.late.pop(name, "")
        told = {"status": "Failed", "error": {"code": "UserError", "message": error}} if error else {"status": "Succeeded"}
        self._operations[number] = told
        below = (
            f"/subscriptions/{self.workspace.subscription}/providers/Microsoft.MachineLearningServices/locations/{self.workspace.region}"
        )
        address = f"https://management.azure.com{below}/schedulesOperations/{number}?api-version=2023-06-01-preview"
        return {**told, "_headers": {"Azure-AsyncOperation": address, "Location": address, "Retry-After": "0"}}

    def delete(self, name: str) -> tuple[int, Any]:
        if name not in self.found:
            return 204, None
        operation = self._operation(name)
        del self.found[name]
        return 202, {"_headers": operation["_headers"]}

    def trigger(self, name: str, body: dict[str, Any]) -> tuple[int, Any]:
        one = self.get(name)
        if not one.properties.get("isEnabled", True):
            raise Refused(400, "UserError", f"Schedule {name} is disabled.")
        job = self._due(one, datetime.fromisoformat(body["scheduleTime"]))
        return 200, {"scheduleActionType": one.properties["action"]["actionType"], "submissionId": job}

    def tick(self, until: datetime) -> list[str]:
        """Move the clock to a moment, and return the jobs that came due until then, in their order."""
        due = sorted(
            (at, one.name) for one in self.found.values() if one.properties.get("isEnabled", True) for at in self._between(one, until)
        )
        self.clock = until
        return [self._due(self.found[name], at) for at, name in due]

    def _between(self, one: Schedule, until: datetime) -> list[datetime]:
        trigger, fits = one.properties["trigger"], _times(one.properties["trigger"])
        zone = ZoneInfo(ZONES[str(trigger.get("timeZone") or "UTC").lower()])
        start, end = (_wall(trigger.get(key)) for key in ("startTime", "endTime"))
        begin = start or one.since.astimezone(zone).replace(tzinfo=None)
        found, at = [], self.clock + timedelta(minutes=1)
        while at <= until:
            wall = at.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
            if wall >= begin and (end is None or wall <= end) and fits(wall, begin):
                found.append(at)
            at += timedelta(minutes=1)
        return found

    def _due(self, one: Schedule, at: datetime) -> str:
        """Do what a schedule says at its time: submit its job, or write down that its monitor is due."""
        if one.properties["action"]["actionType"] == "CreateMonitor":
            self.monitored.append((one.name, at))
            return ""
        definition = deepcopy(one.properties["action"]["jobDefinition"])
        source = definition.pop("sourceJobId", None)
        if source:
            known = self.jobs.get(source.rpartition("/")[2]).properties
            kept = {key: value for key, value in known.items() if key not in {"services", "status"}}
            definition = {**kept, **{key: value for key, value in definition.items() if value}}
        name = f"{one.name}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        definition |= {"displayName": name, "experimentName": definition.get("experimentName") or one.name}
        self.jobs.submit(name, {"properties": definition})
        self.submitted.append((one.name, at, name))
        return name


def _inputs(signal: dict[str, Any]) -> list[dict[str, Any]]:
    production = signal["productionData"]
    return [*(production if isinstance(production, list) else [production]), signal["referenceData"]]


def _wall(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _times(trigger: dict[str, Any]) -> Callable[[datetime, datetime], bool]:
    """Return whether a minute that the wall's clock shows is one of a trigger's, given when it began.

    Raises:
        Refused: The trigger has no times.
    """
    if trigger["triggerType"] == "Cron":
        return _cron(trigger["expression"])
    return _recurrence(trigger)


def _cron(expression: str) -> Callable[[datetime, datetime], bool]:
    parts = expression.split()
    if len(parts) != 5:
        raise Refused(400, "UserError", f"The cron expression {expression} is invalid.")
    minutes, hours, _days, _months, weekdays = parts  # days and months are not supported, and count as *

    def fits(at: datetime, _begin: datetime) -> bool:
        return _in(minutes, at.minute, 59) and _in(hours, at.hour, 23) and _in(weekdays, at.isoweekday() % 7, 6)

    fits(datetime(2026, 1, 1), datetime(2026, 1, 1))
    return fits


def _in(field_: str, value: int, most: int) -> bool:
    for part in field_.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        if span.isalpha():
            low = high = str(next(n for n, day in enumerate(DAYS) if day.lower().startswith(span.lower()[:3])))
        first = 0 if low == "*" else int(low)
        last = most if low == "*" or (step and not high) else int(high or low)
        if first > most or last > most:
            raise Refused(400, "UserError", f"{field_} is out of range.")
        if value in range(first, last + 1, int(step or 1)):
            return True
    return False


def _recurrence(trigger: dict[str, Any]) -> Callable[[datetime, datetime], bool]:
    every, pattern = trigger["interval"], trigger.get("schedule") or {}
    frequency, hours, minutes = trigger["frequency"].lower(), pattern.get("hours"), pattern.get("minutes")
    named = [DAYS.index(day.capitalize()) for day in pattern.get("weekDays") or []]
    dates = pattern.get("monthDays") or []

    def day(at: datetime, begin: datetime) -> bool:
        if frequency == "day":
            return (at.date() - begin.date()).days % every == 0
        if frequency == "week":
            monday = begin.date() - timedelta(days=begin.weekday())
            return (at.date() - monday).days // 7 % every == 0 and at.isoweekday() % 7 in (named or [begin.isoweekday() % 7])
        months = 12 * (at.year - begin.year) + at.month - begin.month
        chosen = at.isoweekday() % 7 in named or at.day in dates if named or dates else at.day == begin.day
        return months % every == 0 and chosen

    def fits(at: datetime, begin: datetime) -> bool:
        if hours:
            return at.hour in hours and at.minute in (minutes or [0]) and day(at, begin)
        if frequency in {"minute", "hour"}:
            return ((at - begin) // timedelta(minutes=1)) % (every * (60 if frequency == "hour" else 1)) == 0
        return (at.hour, at.minute) == (begin.hour, begin.minute) and day(at, begin)

    return fits

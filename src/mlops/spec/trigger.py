"""When a schedule is due: the triggers of Azure ML's `schedule`, a cron expression or a recurrence, and the times that they come to.

What Azure ML would take and not do is a mistake here: it ignores days and months of a cron expression, and drops the offset of a start.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlops.records import dataclass
from mlops.spec import keys
from mlops.spec.keys import Key, Table
from mlops.spec.zones import UTC as UTC_NAME
from mlops.spec.zones import ZONES, clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.spec.keys import Check
    from mlops.spec.reading import Here

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FREQUENCIES = ("minute", "hour", "day", "week", "month")
_LONGEST = 366 * 8  # days that are looked through for the next time: a leap day is within them
_PART = re.compile(r"(\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(.*)")
_FIELDS = 5


@dataclass(frozen=True)
class Pattern:
    """Times of day, on the days that `week_days` (0 is Monday) or `month_days` allow; without either, on the day of the beginning."""

    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    week_days: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()


@dataclass(frozen=True)
class Trigger:
    """When a schedule is due. `start` and `end` are what a clock on the wall shows in `zone` (Windows' name)."""

    frequency: str
    interval: int = 1
    pattern: Pattern | None = None
    """Without one, every so many units from the start on."""
    start: datetime | None = None
    end: datetime | None = None
    zone: str = UTC_NAME

    def times(self, after: datetime) -> Iterator[datetime]:
        """Yield the times after a moment (with a zone of its own) at which it is due, each in the trigger's zone.

        A recurrence without a start is counted from `after`, as the service counts it from its creation.
        """
        zone = clock(self.zone)
        since = after.astimezone(zone).replace(tzinfo=None)
        begin = self.start or since.replace(microsecond=0)
        for moment in self._moments(begin, since):
            if self.end is not None and moment > self.end:
                return
            yield moment.replace(tzinfo=zone)

    def _moments(self, begin: datetime, since: datetime) -> Iterator[datetime]:
        found = self._steps(begin, since) if self.pattern is None else self._days(self.pattern, begin, since)
        return (moment for moment in found if moment > since and moment >= begin)

    def _steps(self, begin: datetime, since: datetime) -> Iterator[datetime]:
        if self.frequency == "month":
            yield from _months(begin, since, self.interval)
            return
        unit = timedelta(**{f"{self.frequency}s": self.interval})
        count = max(0, (since - begin) // unit)
        while True:
            yield begin + count * unit
            count += 1

    def _days(self, pattern: Pattern, begin: datetime, since: datetime) -> Iterator[datetime]:
        first = max(begin, since).date()
        for ahead in range(_LONGEST):
            day = first + timedelta(days=ahead)
            if self._on(pattern, begin.date(), day):
                for hour in sorted(pattern.hours):
                    for minute in sorted(pattern.minutes):
                        yield datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - the wall's clock

    def _on(self, pattern: Pattern, begin: date, day: date) -> bool:
        """Return whether a day is one of the trigger's."""
        named = day.weekday() in pattern.week_days or day.day in pattern.month_days
        anywhere = not (pattern.week_days or pattern.month_days)
        if self.frequency == "day":
            return (day - begin).days % self.interval == 0
        if self.frequency == "week":
            weeks = ((day - timedelta(days=day.weekday())) - (begin - timedelta(days=begin.weekday()))).days // 7
            return weeks % self.interval == 0 and (named or (anywhere and day.weekday() == begin.weekday()))
        months = 12 * (day.year - begin.year) + day.month - begin.month
        return months % self.interval == 0 and (named or (anywhere and day.day == begin.day))

    @property
    def said(self) -> str:
        """What it is in words: `every 2 weeks on monday at 04:00`."""
        unit = self.frequency if self.interval == 1 else f"{self.interval} {self.frequency}s"
        if self.pattern is None:
            return f"every {unit}"
        days = [DAYS[day] for day in self.pattern.week_days] if len(self.pattern.week_days) < len(DAYS) else []
        days += [f"day {day}" for day in self.pattern.month_days]
        on = f" on {', '.join(days)}" if days else ""
        times = [f"{hour:02}:{minute:02}" for hour in self.pattern.hours for minute in self.pattern.minutes]
        unit = "day" if self.frequency == "week" and len(self.pattern.week_days) == len(DAYS) else unit
        return f"every {unit}{on} at {', '.join(times[:4])}{' ...' * (len(times) > 4)}"


def _months(begin: datetime, since: datetime, interval: int) -> Iterator[datetime]:
    """Yield the same day of every so many months; a month that does not have it is passed over, as the service does."""
    count = max(0, 12 * (since.year - begin.year) + since.month - begin.month - interval) // interval * interval
    while True:
        year, month = divmod(begin.month - 1 + count, 12)
        if begin.day <= _length(begin.year + year, month + 1):
            yield begin.replace(year=begin.year + year, month=month + 1)
        count += interval


def _length(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


def _values(field: str, least: int, most: int, names: tuple[str, ...] = ()) -> tuple[int, ...] | str:
    """Return the values of one field of a cron expression (NCronTab: lists, ranges, steps), or why it is none."""
    found: set[int] = set()
    for part in field.split(","):
        named = next((index for index, name in enumerate(names) if part.lower() in {name, name[:3]}), None)
        if named is not None:
            found.add(named)
            continue
        fits = _PART.fullmatch(part)
        if not fits:
            return f"{part!r} is no number, range or step"
        low = least if fits[1] == "*" else int(fits[2])
        high = most if fits[1] == "*" or (fits[4] and not fits[3]) else int(fits[3] or fits[2])
        step = int(fits[4] or 1)
        if not least <= low <= high <= most or not step:
            return f"{part!r} is not within {least} to {most}"
        found |= set(range(low, high + 1, step))
    return tuple(sorted(found))


def _cron(text: Any) -> Pattern | str:
    """Return the pattern of a cron expression of five fields, or why it is none."""
    parts = str(text).split() if isinstance(text, str) else []
    if len(parts) != _FIELDS:
        return f"{text!r} is not five fields: MINUTES HOURS DAYS MONTHS DAYS-OF-WEEK"
    ignored = [name for name, part in zip(("days", "months"), parts[2:4], strict=True) if part != "*"]
    if ignored:
        return f"{text!r}: Azure ML ignores {' and '.join(ignored)}, and would run every day: write *, or a recurrence of frequency month"
    sunday_first = ("sunday", *DAYS[:-1])
    fields = [_values(parts[0], 0, 59), _values(parts[1], 0, 23), _values(parts[4], 0, 6, sunday_first)]
    wrong = next((one for one in fields if isinstance(one, str)), None)
    if wrong:
        return f"{text!r}: {wrong}"
    minutes, hours, days = (one for one in fields if not isinstance(one, str))
    return Pattern(hours, minutes, tuple(sorted((day - 1) % 7 for day in days)))


def _expression(value: Any) -> str | None:
    found = _cron(value)
    return found if isinstance(found, str) else None


def _moment(value: Any) -> str | None:
    """A moment that a clock on the wall shows."""
    if isinstance(value, datetime):
        return f"{value} is read as a moment by YAML: put it in quotes"
    fits = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if not fits:
        return f"{value!r} is not of the form 2026-12-31T04:00:00"
    if fits[1]:
        return f"{value!r} has an offset, which azure-ai-ml drops: say it without, and the zone as time_zone"
    try:
        datetime.fromisoformat(value)
    except ValueError as error:
        return f"{value!r} is no moment: {error}"
    return None


def _zone(value: Any) -> str | None:
    known = isinstance(value, str) and value.lower() in {name.lower() for name in ZONES}
    return None if known else f"{value!r} is no zone that Azure ML knows: Windows' names, such as UTC, W. Europe Standard Time"


def _within(least: int, most: int) -> Check:
    def check(value: Any) -> str | None:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, bool) or not isinstance(one, int) or not least <= one <= most:
                return f"{one!r} is not a whole number from {least} to {most}"
        return None

    return check


def _days(value: Any) -> str | None:
    for one in value if isinstance(value, list) else [value]:
        if str(one).lower() not in DAYS:
            return f"{one!r} is not one of {', '.join(DAYS)}"
    return None


_BOTH = {
    "type": Key(keys.one_of("cron", "recurrence"), required=True),
    "start_time": Key(_moment),
    "end_time": Key(_moment),
    "time_zone": Key(_zone),
}
PATTERN: Table = {
    "hours": Key(_within(0, 23), required=True),
    "minutes": Key(_within(0, 59), required=True),
    "week_days": Key(_days),
    "month_days": Key(_within(1, 31)),
}
TRIGGERS: Mapping[str, Table] = {
    "cron": {**_BOTH, "expression": Key(_expression, required=True)},
    "recurrence": {
        **_BOTH,
        "frequency": Key(keys.one_of(*FREQUENCIES), required=True),
        "interval": Key(keys.counted, required=True),
        "schedule": Key(keys.mapping, inner=PATTERN),
    },
}


def read_trigger(here: Here, body: Any) -> Trigger | None:
    """Return the trigger of a schedule; None, with every mistake noted, where it is none."""
    if not isinstance(body, dict):
        here.note("a schedule needs a `trigger`", "trigger: {type: cron, expression: '0 4 * * 1'}", at_key=True)
        return None
    kind = keys.plain(body.get("type", ""), TRIGGERS)
    before = len(here.reading.problems)
    here.judge(body, TRIGGERS.get(kind, TRIGGERS["cron"]), f"a {kind or 'cron'} trigger")
    _together(here, body, kind)
    return _made(body, kind) if len(here.reading.problems) == before else None


def _together(here: Here, body: Mapping[str, Any], kind: str) -> None:
    """Note what is right by itself and wrong together."""
    start, end = body.get("start_time"), body.get("end_time")
    if isinstance(start, str) and isinstance(end, str) and end <= start:
        here.at("end_time").note(f"it ends at {end}, and begins at {start}")
    pattern, frequency = body.get("schedule"), keys.plain(body.get("frequency", ""), FREQUENCIES)
    if kind != "recurrence" or not isinstance(pattern, dict):
        return
    if frequency in {"minute", "hour"}:
        here.at("schedule").note(f"a pattern of hours and minutes is of a day, a week or a month, not of a {frequency}", at_key=True)
    if frequency == "day" and pattern.keys() & {"week_days", "month_days"}:
        here.at("schedule").note("days are named in a pattern of frequency week or month", at_key=True)
    if frequency != "month" and "month_days" in pattern:
        here.at("schedule", "month_days").note("days of the month are named with frequency month", at_key=True)


def _made(body: Mapping[str, Any], kind: str) -> Trigger:
    start, end = (datetime.fromisoformat(body[name]) if body.get(name) else None for name in ("start_time", "end_time"))
    zone = str(body.get("time_zone") or UTC_NAME)
    if kind == "cron":
        found = _cron(body["expression"])
        if isinstance(found, str):
            raise TypeError(found)
        return Trigger("week", 1, found, start, end, zone)
    given = body.get("schedule")
    pattern = None
    if isinstance(given, dict):
        hours, minutes, month_days = (tuple(_listed(given.get(name))) for name in ("hours", "minutes", "month_days"))
        pattern = Pattern(hours, minutes, tuple(DAYS.index(str(one).lower()) for one in _listed(given.get("week_days"))), month_days)
    return Trigger(keys.plain(body["frequency"], FREQUENCIES), int(body["interval"]), pattern, start, end, zone)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)

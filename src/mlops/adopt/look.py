"""Look at a table once and say what adopting it will do: read, count, decide, each decision with how sure it is and why."""

from __future__ import annotations

import re
import time as clock
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops.adopt.copies import copies_of
from mlops.adopt.division import division_of
from mlops.adopt.facts import Facts, facts_of
from mlops.adopt.leakage import ROWS, answer, suspects
from mlops.adopt.plan import FEATURES, Column, Decision, Plan, Split, Suspect
from mlops.adopt.roles import Role, duplicates, role_of
from mlops.adopt.task import LEAST_ROWS, Task, task_of
from mlops.datasets.columns import typed
from mlops.datasets.detection import detected
from mlops.datasets.source import write
from mlops.errors import UsageError
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from mlops.datasets.source import Note, Source


MADE = ("time_window", "(answer)", "(score)")
"""Columns that the steps add to a table."""


@dataclass(frozen=True)
class Options:
    """What the person said; the rest is worked out."""

    task: str | None = None
    time: str | None = None
    """A column, or `none`."""
    group: str | None = None
    """A column, or `none`."""
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    """Columns that the model learns from, whatever is suspected of them."""
    metric: str | None = None
    positive: str | None = None
    keys: tuple[str, ...] = ()
    test_share: float | None = None
    sample_seed: int = 7
    day_first: bool | None = None
    """How 03/04/2020 is read where the values allow both."""


def look(data: str, target: str, *, folder: Path, name: str | None = None, options: Options | None = None) -> Plan:
    """Return the plan of adopting a table.

    Args:
        data: As `mlops.datasets.detection.detect` takes it.
        target: The column to predict.
        folder: Where source.yml is written.
        name: What the model will be called; by the data's name without.
        options: What the person said.

    Raises:
        UsageError: The data are no table, nothing can be learnt about the target, or an option contradicts the data.
        JobFailed: A file is damaged.
        PlatformError: The data cannot be reached.
    """
    begin, wish = clock.monotonic(), options or Options()
    source, table = detected(data, folder=folder, day_first=wish.day_first)
    target = _target(source, table.column_names, target)
    source = replace(source, booleans={column: words for column, words in source.booleans.items() if column != target})
    source = replace(source, notes=tuple(note for note in source.notes if note.about != target or "true / false" not in note.value))
    write(source, source.path)
    frame = typed(table, source, where=data)
    read = clock.monotonic() - begin
    plan = plan_of(frame, source, target, name or name_of(data), wish)
    return replace(plan, facts={**plan.facts, "seconds_read": round(read, 2), "seconds": round(clock.monotonic() - begin, 2), "data": data})


def _target(source: Source, names: Sequence[str], target: str) -> str:
    """Return the target under its unique name, which may be given as it stands in the header."""
    if target in names:
        return target
    if target in source.rename and source.rename[target] in names:
        return source.rename[target]
    near = [name for name in names if name.lower() == target.strip().lower()]
    if len(near) == 1:
        return near[0]
    raise UsageError(f"there is no column {target!r}", hint=did_you_mean(target, names, label="columns"))


def name_of(data: str) -> str:
    """Return a model's name from that of the data: small letters, digits and dashes."""
    last = re.split(r"[/#]", data.rstrip("/").split("?", maxsplit=1)[0])[-1]
    words = re.findall(r"[a-z0-9]+", last.split(".", maxsplit=1)[0].lower())
    made = "-".join(words).lstrip("0123456789-")[:40].strip("-")
    return made or "model"


def plan_of(frame: pd.DataFrame, source: Source, target: str, name: str, wish: Options) -> Plan:
    """Return the plan of a table that was read. Raises UsageError as `look`."""
    names = [str(column) for column in frame.columns]
    _known(names, target, wish)
    facts = facts_of(frame, source.rename)
    if len(frame) < LEAST_ROWS:
        raise UsageError(
            f"the table has {len(frame)} rows, and fewer than {LEAST_ROWS} cannot be split honestly", hint="Collect more rows."
        )
    task = task_of(facts[target], task=wish.task, positive=wish.positive, metric=wish.metric)
    roles = _roles(facts, target, wish)
    groups = tuple(column for column, role in roles.items() if role.role == "group")
    divided = division_of(
        facts, facts[target], task.classes, groups, partition=source.partition, time=wish.time, group=wish.group, share=wish.test_share
    )
    told = _suspects(facts, roles, task, divided.split, wish)
    roles |= {item.column: Role("leakage", "likely", item.why) for item in told if item.left_out and item.column}
    roles = _settled(facts, roles, divided.split.kind, divided.split.column, wish)
    columns = tuple(_column(facts[column], roles[column]) for column in names)
    if not any(column.used for column in columns):
        raise UsageError(
            "no column is left to learn from",
            hint="; ".join(f"{column.name}: {column.role}" for column in columns[:10]) + ". Take one in with --keep.",
        )
    keys, key = _keys(facts, roles, wish)
    copies = copies_of(frame, facts, _shown(columns, target, divided.split))
    notes = tuple(_noted(note) for note in source.notes)
    return Plan(
        name=name, source=source.path, rows=len(frame), task=task.task, target=target, positive=task.positive, classes=task.classes, metric=task.metric,
        columns=columns, split=divided.split, keys=keys, suspects=(*told, *copies.told),
        decisions=(*task.decisions, *divided.decisions, key, *notes, *_about_columns(columns, roles, target)), remarks=task.remarks,
        facts={"rows_learnt": task.rows, "columns": len(columns), "bytes": int(frame.memory_usage(deep=False).sum()), "duplicates": copies.todo},
    )  # fmt: skip


def _noted(note: Note) -> Decision:
    """Return what was found about a file as a decision; the order of day and month can be said otherwise."""
    months = note.sure == "unsure" and note.value.startswith("times, %m")
    return Decision(note.about, note.value, note.sure, note.why, "--day-first yes" if months else "", note.others)


def _known(names: Sequence[str], target: str, wish: Options) -> None:
    """Refuse options that name what is not there, or say two things at once, and columns that the project makes itself."""
    for name in MADE:
        if name in names:
            raise UsageError(f"a column is called {name!r}, and the project makes one of that name itself", hint="Give it another name.")
    asked = [
        ("--time", wish.time),
        ("--group", wish.group),
        *(("--drop", c) for c in wish.drop),
        *(("--keep", c) for c in wish.keep),
        *(("--key", c) for c in wish.keys),
    ]
    for option, column in asked:
        if column and column not in names and not (column == "none" and option in {"--time", "--group"}):
            raise UsageError(f"{option} {column}: there is no such column", hint=did_you_mean(column, names, label="columns"))
        if column == target:
            raise UsageError(f"{option} {column}: it is the target", hint="Name another column.")
    both = set(wish.drop) & set(wish.keep)
    if both:
        raise UsageError(f"--drop and --keep both name {min(both)!r}", hint="Leave one away.")


def _roles(facts: Mapping[str, Facts], target: str, wish: Options) -> dict[str, Role]:
    """Return what each column is, before it is known how rows are split."""
    made = {}
    for name, item in facts.items():
        if name == target:
            made[name] = Role("target", "given", "you said so")
        elif name in wish.drop:
            made[name] = Role("dropped", "given", "you said so")
        else:
            made[name] = role_of(item)
    among = [
        name
        for name, role in made.items()
        if role.role not in {"target", "dropped", "empty", "constant", "identifier", "text"} and name not in wish.keep
    ]
    for name, (other, why) in duplicates(facts, among).items():
        made[name] = Role("duplicate", "certain", why, others=(other,))
    return made


def _suspects(facts: Mapping[str, Facts], roles: Mapping[str, Role], task: Task, split: Split, wish: Options) -> tuple[Suspect, ...]:
    """Return what may tell the answer; the time that rows are split by is asked for nothing, as what grows with it is no leak."""
    target = next(name for name, role in roles.items() if role.role == "target")
    rows = _sample(facts[target], task, wish.sample_seed, few=len(facts) > 300)
    passed = {"target", "dropped", "empty", "constant", "identifier"}
    among = [name for name, role in roles.items() if role.role not in passed and not (split.kind == "time" and name == split.column)]
    to = answer(facts[target], task.classes, rows, wish.sample_seed, in_time=split.kind == "time")
    return suspects(facts, among, to, rows, wish.keep)


def _sample(target: Facts, task: Task, seed: int, *, few: bool) -> np.ndarray:
    """Return at most 20,000 rows (5,000 of a wide table) that have a target, drawn by the seed, in their order."""
    import numpy as np

    known = target.series.isin(list(task.classes)) if task.classes else target.series.notna()
    rows = np.flatnonzero(known.to_numpy())
    most = ROWS // 4 if few else ROWS
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False)) if len(rows) > most else rows


def _settled(facts: Mapping[str, Facts], roles: Mapping[str, Role], kind: str, column: str, wish: Options) -> dict[str, Role]:
    """Return the roles after the split: what is kept is learnt from, only the column that rows are grouped by stays a group."""
    made = dict(roles)
    for name, role in roles.items():
        plain = _plain(facts[name])
        if name in wish.keep and role.role not in {*FEATURES, "empty", "target"}:
            made[name] = Role(plain, "given", "you said so")
    if kind == "group" and column not in wish.keep:
        made[column] = Role("group", roles[column].sure, roles[column].why)
    return made


def _plain(facts: Facts) -> str:
    """Return what a column is learnt as where it must be."""
    if facts.type in {"date", "timestamp"}:
        return "date"
    if facts.type != "string":
        return "boolean" if facts.type == "boolean" else "number"
    return "category" if facts.distinct <= 40 else "high-cardinality"


def _column(facts: Facts, role: Role) -> Column:
    return Column(
        facts.name, facts.raw, role.role, facts.type, role.sure, role.why, round(facts.share_missing, 6), facts.distinct, role.values
    )


def _name(facts: Facts) -> bool:
    """Return whether no value is longer than a name: a letter to the support names no row."""
    return int(facts.series.dropna().astype(str).str.len().max()) <= 60


def _keys(facts: Mapping[str, Facts], roles: Mapping[str, Role], wish: Options) -> tuple[tuple[str, ...], Decision]:
    """Return the columns that name a row to a person."""
    if wish.keys:
        return wish.keys, Decision("keys", ", ".join(wish.keys), "given", "you said so", "--key COLUMN")
    unique = [
        name
        for name, role in roles.items()
        if facts[name].unique and (role.role == "identifier" or (role.role == "text" and _name(facts[name])))
    ]
    unique.sort(key=lambda name: roles[name].role)
    if unique:
        return (unique[0],), Decision(
            "keys", unique[0], "certain", f"all {facts[unique[0]].rows:,} values differ", "--key COLUMN", tuple(unique[1:])
        )
    return (), Decision("keys", "none", "certain", "no column names a row: its number does", "--key COLUMN")


def _shown(columns: Sequence[Column], target: str, split: Split) -> list[str]:
    """Return the columns that the model is shown, the target, and the one that rows are split by."""
    besides = {target, split.column if split.kind in {"time", "group"} else target}
    return [column.name for column in columns if column.used or column.name in besides]


def _about_columns(columns: Sequence[Column], roles: Mapping[str, Role], target: str) -> tuple[Decision, ...]:
    """Return a decision for each column; what a column is not learnt from can be taken in, and the other way round."""
    made = []
    for column in columns:
        if column.name == target:
            continue
        option = f"--drop {column.name}" if column.used else f"--keep {column.name}"
        made.append(Decision(column.name, column.role, column.sure, column.why, option, roles[column.name].others))
    return tuple(made)


def questions(plan: Plan) -> list[tuple[Decision, tuple[str, ...]]]:
    """Return what is worth asking a person: each unsure decision that an option can change, with the answers that are near (the taken one first)."""
    asked = [item for item in plan.decisions if item.sure == "unsure" and item.option]
    return [(item, (item.value, *item.others)) for item in asked]

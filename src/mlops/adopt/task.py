"""What is asked: two classes, several, or a number; which class is the positive one; which metric decides."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.adopt.facts import Facts, shown
from mlops.adopt.plan import TASKS, Decision
from mlops.adopt.vocabulary import AMOUNTS, CLASSES, NO, YES
from mlops.errors import UsageError
from mlops.settings import METRICS_OF
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

METRICS: Mapping[str, tuple[str, ...]] = {
    task: tuple(name for name in known if name != "calibration_error") for task, known in METRICS_OF.items()
}
"""What may decide; the first of each does where nobody says otherwise. The calibration error may not: a constant guess is best at it."""
LEAST_ROWS = 30
MOST_CLASSES = 100


@dataclass(frozen=True)
class Task:
    task: str
    positive: Any
    classes: tuple[Any, ...]
    metric: str
    decisions: tuple[Decision, ...]
    remarks: tuple[str, ...]
    rows: int
    """With a target, of a class that is learnt."""


def task_of(target: Facts, *, task: str | None = None, positive: str | None = None, metric: str | None = None) -> Task:
    """Return what is asked about a target.

    Raises:
        UsageError: Nothing can be learnt about it, or an option contradicts it.
    """
    if target.filled < LEAST_ROWS:
        raise UsageError(
            f"{target.filled} rows have a {target.name!r}, and fewer than {LEAST_ROWS} cannot be split honestly", hint="Collect more rows."
        )
    if target.distinct < 2:
        raise UsageError(
            f"{target.name!r} is {shown(target.counts.index[0])!r} in all rows: there is nothing to learn", hint="Name another --target."
        )
    decided = _given(target, task) if task else _found(target)
    classes, remarks = _classes(target, decided.value)
    chosen = _positive(target, classes, positive) if decided.value == "binary" else None
    if positive and chosen is None:
        raise UsageError(
            f"--positive {positive}: a {decided.value} task has no positive class", hint="Leave it away, or say --task binary."
        )
    measure = _metric(decided.value, metric)
    if target.missing:
        remarks = (f"{target.missing:,} of {target.rows:,} rows have no {target.name}: they are left out", *remarks)
    rows = int(target.series.isin(list(classes)).sum()) if classes else target.filled
    decisions = (decided, *((chosen[1],) if chosen else ()), measure)
    return Task(decided.value, chosen[0] if chosen else None, classes, measure.value, decisions, remarks, rows)


def _given(target: Facts, task: str) -> Decision:
    if task not in TASKS:
        raise UsageError(f"there is no task {task!r}", hint=did_you_mean(task, TASKS, label="tasks"))
    if task == "binary" and target.distinct != 2:
        raise UsageError(
            f"--task binary: {target.name!r} has {target.distinct:,} values, and must have 2", hint="Say --task multiclass or regression."
        )
    if task == "regression" and target.type not in {"integer", "number"}:
        some = ", ".join(map(shown, target.counts.index[:3]))
        raise UsageError(
            f"--task regression: {target.name!r} is no number ({some})", hint="Say --task binary or multiclass, or name another --target."
        )
    if task == "multiclass" and target.distinct > MOST_CLASSES:
        raise UsageError(
            f"--task multiclass: {target.name!r} has {target.distinct:,} values", hint=f"At most {MOST_CLASSES} classes are learnt."
        )
    return Decision("task", task, "given", "you said so", f"--task {task}")


def _found(target: Facts) -> Decision:
    if target.type in {"date", "timestamp"}:
        raise UsageError(
            f"{target.name!r} is a time, and no time is predicted", hint="Make a number of it (days until ...), and name that as --target."
        )
    if target.distinct == 2:
        pair = " and ".join(shown(value) for value in target.counts.index)
        return _say("binary", "certain", f"{target.name} has two values, {pair}", ("regression",) if target.type == "number" else ())
    if target.type == "string":
        return _of_words(target)
    if not target.whole:
        return _say("regression", "certain", f"{target.distinct:,} different numbers with fractions")
    return _of_numbers(target)


def _of_words(target: Facts) -> Decision:
    if target.distinct > MOST_CLASSES or target.distinct > 0.5 * target.filled:
        raise UsageError(
            f"{target.name!r} is free text or a name: {target.distinct:,} of {target.filled:,} values differ",
            hint=f"A target is a number, or one of at most {MOST_CLASSES} classes. Name another --target.",
        )
    sure = "certain" if target.distinct <= 20 else "likely"
    return _say("multiclass", sure, f"{target.distinct} different words in {target.filled:,} rows")


def _of_numbers(target: Facts) -> Decision:
    """Whole numbers are classes where they are few, without a gap, and about as frequent; else an amount. A name decides what the values leave open."""
    low, high = int(target.counts.index.min()), int(target.counts.index.max())
    few = target.distinct <= 10
    dense = low in {0, 1} and high - low + 1 == target.distinct
    balance = float(target.counts.min() / target.counts.max())
    why = f"{target.distinct:,} different whole numbers, {low:,} to {high:,}"
    if target.distinct > 20:
        return _say("regression", "certain" if target.distinct > 50 else "likely", why, () if target.distinct > 50 else ("multiclass",))
    if target.words & CLASSES and not target.words & AMOUNTS and few:
        return _say("multiclass", "likely", f"{why}, and its name says that they are classes", ("regression",))
    if target.words & AMOUNTS or not few:
        return _say("regression", "likely", f"{why}{', and its name says that they are an amount' if few else ''}", ("multiclass",))
    if dense and balance > 0.3 and target.distinct <= 10:
        return _say(
            "multiclass", "unsure", f"{why}, each about as frequent (the rarest {int(target.counts.min()):,} times)", ("regression",)
        )
    return _say(
        "regression" if target.distinct > 4 else "multiclass",
        "unsure",
        f"{why}, the rarest {int(target.counts.min()):,} times",
        ("multiclass" if target.distinct > 4 else "regression",),
    )


def _say(task: str, sure: str, why: str, others: tuple[str, ...] = ()) -> Decision:
    return Decision("task", task, sure, why, f"--task {others[0] if others else task}", others)


def _classes(target: Facts, task: str) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Return the classes that are learnt, in their order; one with a single row cannot be in both parts."""
    if task == "regression":
        return (), ()
    counts = target.counts
    alone = [value for value, count in counts.items() if count < 2]
    kept = [value for value in counts.index if value not in alone]
    if len(kept) < 2:
        raise UsageError(
            f"only one row has {target.name} {shown(alone[0])!r}: it cannot be in both parts", hint="Collect more rows of that class."
        )
    few = [shown(value) for value in kept if counts[value] < 5]
    remarks = (
        [
            f"{len(alone)} class{'es have' if len(alone) > 1 else ' has'} one row ({', '.join(map(shown, alone[:5]))}): learnt from, never tested on"
        ]
        if alone
        else []
    )
    remarks += (
        [f"few rows have {target.name} {', '.join(few[:5])}: what is measured about {'them' if len(few) > 1 else 'it'} means little"]
        if few
        else []
    )
    plain = [as_written(value) for value in kept]
    return tuple(sorted(plain, key=lambda value: (str(type(value)), value))), tuple(remarks)


def as_written(value: Any) -> Any:
    """Return a class as a file would hold it: 1.0, which a column with missing values makes of 1, is 1 again."""
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _positive(target: Facts, classes: tuple[Any, ...], given: str | None) -> tuple[Any, Decision]:
    """Return the class that the score is the probability of: the one that says yes, or that something went wrong; else the rarer one."""
    names = {shown(value): value for value in classes}
    first, second = names
    shares = {name: int(target.counts[value]) / target.filled for name, value in names.items()}

    def say(name: str, sure: str, why: str) -> tuple[Any, Decision]:
        other = second if name == first else first
        return names[name], Decision(
            "positive", name, sure, f"{why}; {shares[name]:.1%} of the rows are it", f"--positive {other}", (other,)
        )

    if given is not None:
        wanted = {str(name).lower(): name for name in names}.get(str(given).lower())
        if wanted is None:
            raise UsageError(f"--positive {given}: {target.name!r} has no such value", hint=did_you_mean(given, names, label="values"))
        return say(wanted, "given", "you said so")
    votes = {name: _vote(name, {first, second}) for name in names}
    best = max(votes, key=lambda name: votes[name])
    if votes[first] != votes[second]:
        return say(
            best,
            "certain" if {first, second} == {"0", "1"} or {votes[first], votes[second]} == {1, -1} else "likely",
            f"{best!r} says that it is so" if votes[best] > 0 else "the other says that it is not so",
        )
    rarer = min(shares, key=lambda name: (shares[name], name != second))
    return say(rarer, "unsure", "it is the rarer one")


def _vote(name: str, pair: set[str]) -> int:
    """Return 1 for a class that says yes, -1 for one that says no, 0 for one that says neither; 1 says yes only beside 0."""
    if pair <= set("123456789"):
        return 0
    low = name.strip().lower().rstrip(".")
    words = set(re.split(r"[\s_-]+", low)) | {low}
    if low in NO or words & {"no", "not", "non", "never"} or low.startswith(("no-", "no ", "not ", "non-")):
        return -1
    return 1 if words & YES else -1 if words & NO else 0


def _metric(task: str, given: str | None) -> Decision:
    if given is None:
        return Decision(
            "metric", METRICS[task][0], "certain", f"the usual one of a {task} task", "--metric " + METRICS[task][1], METRICS[task][1:]
        )
    if given not in METRICS[task]:
        owner = next((name for name, known in METRICS.items() if given in known), None)
        message = f"--metric {given}: it is of a {owner} task, and this one is {task}" if owner else f"there is no metric {given!r}"
        raise UsageError(message, hint=did_you_mean(given, METRICS[task], label=f"{task} metrics"))
    return Decision("metric", given, "given", "you said so", f"--metric {METRICS[task][0]}", ())

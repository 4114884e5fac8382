"""How test rows are chosen: later than training where a time orders the rows, of others where rows belong together, else at random.

A time orders the rows where it is when the row came to be: not a birth date, not a date until which something holds. What says so is a partition of
the files, rows that are sorted by it, or its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops.adopt.facts import Facts, shown
from mlops.adopt.plan import Decision, Split
from mlops.adopt.vocabulary import EVENTS, NO_EVENTS
from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

SHARE = 0.2


@dataclass(frozen=True)
class Division:
    split: Split
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class _Time:
    name: str
    sure: str
    why: str


def division_of(
    facts: Mapping[str, Facts], target: Facts, classes: tuple[Any, ...], groups: tuple[str, ...], *,
    partition: str = "", time: str | None = None, group: str | None = None, share: float | None = None,
) -> Division:  # fmt: skip
    """Return how test rows are chosen.

    Args:
        facts: All columns, the target's too.
        target: The target's.
        classes: Its classes; none for a number.
        groups: Columns that say whose a row is.
        partition: The column that the files' names make.
        time: What the person said; `none` for no time.
        group: What the person said; `none` for no group.
        share: Of rows to test on.

    Raises:
        UsageError: An option cannot be followed.
    """
    size = share or SHARE
    if not 0.01 <= size <= 0.5:
        raise UsageError(f"--test-share {size:g}: a share from 0.01 to 0.5", hint="Such as 0.2.")
    chosen = _given_time(facts, time) if time else None
    if chosen is None and time is None and not (group and group != "none"):
        chosen = _found_time(facts, target, partition)
    own = _given_group(facts, group) if group else None
    names = (own,) if own else () if group == "none" else groups
    if chosen is not None and (made := _by_time(facts[chosen.name], target, classes, chosen, size, names)) is not None:
        return made
    if names:
        return _by_group(facts[names[0]], target, classes, size, given=bool(own), others=names[1:])
    return _at_random(target, classes, size)


def _given_time(facts: Mapping[str, Facts], name: str) -> _Time | None:
    if name == "none":
        return None
    if facts[name].type == "string":
        raise UsageError(
            f"--time {name}: its values are words, as {facts[name].counts.index[0]!r}", hint="Name a column of times or numbers."
        )
    return _Time(name, "given", "you said so")


def _given_group(facts: Mapping[str, Facts], name: str) -> str | None:
    if name == "none":
        return None
    if facts[name].distinct < 2:
        raise UsageError(f"--group {name}: it has one value", hint="Name a column that says whose a row is.")
    return name


def _found_time(facts: Mapping[str, Facts], target: Facts, partition: str) -> _Time | None:
    """Return the time that orders the rows most surely, or None."""
    found = [time for item in facts.values() if item.name != target.name and (time := _orders(item, partition)) is not None]
    ranks = {"certain": 0, "likely": 1, "unsure": 2}
    return min(found, key=lambda time: ranks[time.sure], default=None)


def _orders(facts: Facts, partition: str) -> _Time | None:
    """Return whether a column orders the rows, how surely, and why."""
    dated = facts.type in {"date", "timestamp"}
    year = (
        facts.whole
        and facts.words & {"year", "yr"}
        and facts.distinct > 1
        and facts.counts.index.min() >= 1500
        and facts.counts.index.max() <= 2200
    )
    if facts.words & NO_EVENTS or facts.share_missing > 0.05 or facts.distinct < 5 or not (dated or year):
        return None
    up = _sortedness(facts.series)
    if facts.name == partition and dated:
        return _Time(facts.name, "certain", "the files come by it")
    if up > 0.98 or up < 0.02:
        return _Time(facts.name, "likely", f"the rows are in its order ({max(up, 1 - up):.0%} of neighbours)")
    if dated:
        sure = "likely" if facts.words & EVENTS else "unsure"
        return _Time(
            facts.name,
            sure,
            f"it has {facts.distinct:,} different times{', and its name says when a row came to be' if sure == 'likely' else ''}",
        )
    if facts.distinct >= 10 and facts.rows / facts.distinct >= 2 and facts.words <= {"year", "yr"}:
        return _Time(facts.name, "unsure", f"it has {facts.distinct} years, each with {facts.rows / facts.distinct:.0f} rows")
    return None


def _sortedness(values: pd.Series) -> float:
    """Return the share of neighbouring rows with different values of which the later is greater."""
    steps = np.diff(values.dropna().astype("int64").to_numpy())
    steps = steps[steps != 0]
    return float((steps > 0).mean()) if len(steps) else 0.0


def _by_time(facts: Facts, target: Facts, classes: tuple[Any, ...], time: _Time, share: float, groups: tuple[str, ...]) -> Division | None:
    """Return the split at the value after which about `share` of the rows come; None where no such value leaves both classes on both sides."""
    known = target.series.isin(list(classes)) if classes else target.series.notna()
    values = facts.series[known & facts.series.notna()]
    kinds = target.series[values.index]
    counts = values.value_counts().sort_index()
    before = counts.cumsum() / counts.sum()
    cuts = before[:-1]
    if cuts.empty:
        return _unless_given(time)
    cut: Any = (cuts - (1 - share)).abs().idxmin()
    real = 1 - float(before[cut])
    early, late = kinds[values <= cut], kinds[values > cut]
    if not 0.03 <= real <= 0.5 or (len(classes) == 2 and (early.nunique() < 2 or late.nunique() < 2)) or len(late) < 5:
        return _unless_given(time)
    text = cut.isoformat() if hasattr(cut, "isoformat") else shown(cut)
    why = f"{len(early):,} rows up to {text.removesuffix('T00:00:00')}, {len(late):,} after it: {time.why}"
    sure = "unsure" if groups and time.sure != "given" else time.sure
    others = (*(f"group by {name}" for name in groups), "random")
    option = f"--group {groups[0]}" if groups else "--time none"
    told = f"; rows of one {groups[0]} may be on both sides" if groups else ""
    return Division(Split("time", facts.name, round(real, 4), text), (
        Decision("time", facts.name, time.sure, time.why, "--time COLUMN, or --time none", ()),
        Decision("split", "time", sure, why + told, option, others),
    ))  # fmt: skip


def _unless_given(time: _Time) -> Division | None:
    """Return None; what the person said and cannot be done is an error."""
    if time.sure == "given":
        message = f"--time {time.name}: no value of it leaves rows, and both classes, before and after it"
        raise UsageError(message, hint="Name another column, or --time none.")
    return None


def _by_group(facts: Facts, target: Facts, classes: tuple[Any, ...], share: float, *, given: bool, others: tuple[str, ...]) -> Division:
    if facts.distinct < 5:
        if given:
            raise UsageError(
                f"--group {facts.name}: it has {facts.distinct} groups, and fewer than 5 cannot be split honestly",
                hint="Name another column.",
            )
        return _at_random(target, classes, share)
    most = int(facts.counts.iloc[0])
    why = f"{facts.distinct:,} {facts.name} have {facts.filled / facts.distinct:.1f} rows each on average, at most {most:,}; those of one stay together"
    sure = "given" if given else "likely"
    return Division(Split("group", facts.name, share), (
        Decision("group", facts.name, sure, why, "--group COLUMN, or --group none", others),
        Decision("split", "group", sure, why, "--group none", (*(f"group by {name}" for name in others), "random")),
    ))  # fmt: skip


def _at_random(target: Facts, classes: tuple[Any, ...], share: float) -> Division:
    if not classes:
        return Division(
            Split("random", "", share),
            (Decision("split", "random", "certain", "no time orders the rows, and none belong together", "--time COLUMN"),),
        )
    rarest = min(int(target.counts[value]) for value in classes)
    if len(classes) == 2 and rarest < 5:
        value = shown(min(classes, key=lambda value: int(target.counts[value])))
        raise UsageError(
            f"{rarest} rows have {target.name} {value!r}: too few to train on some and test on others", hint="Collect at least 5 of each."
        )
    why = f"no time orders the rows, and none belong together; the rarest class has {rarest:,} rows"
    return Division(Split("stratified", target.name, share), (Decision("split", "stratified", "certain", why, "--time COLUMN"),))

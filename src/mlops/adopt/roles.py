"""What each column is: by its type, by how its values repeat, and by its name only where the values allow both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.adopt.facts import Facts, shown
from mlops.adopt.orders import ordered
from mlops.adopt.vocabulary import CODES, IDS, SURE_IDS, WHO

if TYPE_CHECKING:
    from collections.abc import Mapping

FEW = 40
"""A category has at most so many values; with more it is of high cardinality."""


@dataclass(frozen=True)
class Role:
    role: str
    sure: str
    why: str
    values: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def role_of(facts: Facts) -> Role:
    """Return what a column is that is not the target."""
    if not facts.distinct:
        return Role("empty", "certain", f"none of {facts.rows:,} rows has a value")
    if facts.distinct == 1 and not facts.missing:
        return Role("constant", "certain", f"all {facts.rows:,} rows have {shown(facts.counts.index[0])!r:.60}")
    if facts.type in {"date", "timestamp"}:
        return Role("date", "certain", f"{facts.distinct:,} different times")
    if facts.type == "boolean":
        return Role("boolean", "certain", "its values are true and false")
    return _words(facts) if facts.type == "string" else _number(facts)


def _number(facts: Facts) -> Role:
    if facts.whole:
        if facts.counts_up:
            return Role("identifier", "certain", f"it counts the rows from {shown(facts.series.iloc[0])}")
        if facts.unique and facts.words & IDS:
            return Role("identifier", "likely", f"all {facts.rows:,} values differ, and its name says so", others=("number",))
        if (group := grouping(facts)) is not None:
            return group
        if facts.distinct == 2 and set(map(shown, facts.counts.index)) == {"0", "1"}:
            return Role("boolean", "certain", "its values are 0 and 1")
        if facts.words & CODES and facts.distinct <= FEW:
            return Role(
                "category",
                "likely",
                f"whole numbers, {facts.distinct} different ones, and its name says that they are codes",
                _few(facts),
                ("number",),
            )
    return Role("number", "certain", f"{facts.distinct:,} different numbers")


def _few(facts: Facts) -> tuple[str, ...]:
    return tuple(sorted(map(shown, facts.counts.index))) if facts.distinct <= FEW else ()


def _words(facts: Facts) -> Role:
    share = facts.distinct / facts.filled
    length, spaces = _shape(facts)
    numbers = f"{facts.distinct:,} of {facts.filled:,} values differ"
    if facts.unique and facts.words & SURE_IDS:
        return Role("identifier", "certain", f"all {facts.rows:,} values differ, and its name says so")
    if (group := grouping(facts)) is not None:
        return group
    if share > 0.3 and facts.distinct > FEW and (spaces >= 4 or length >= 60):
        return Role(
            "text", "likely", f"{numbers}, {spaces + 1:.0f} words and {length:.0f} letters each on average", others=("high-cardinality",)
        )
    if share > 0.95 and facts.distinct > 20:
        kind = "text" if spaces >= 2 else "identifier"
        return Role(
            kind, "likely", f"{numbers}, {spaces + 1:.0f} words each on average", others=("text" if kind == "identifier" else "identifier",)
        )
    if facts.distinct <= FEW and (facts.distinct <= 10 or share <= 0.5):
        return _category(facts)
    if share > 0.5 and facts.distinct > 20:
        most = int(facts.counts.iloc[0])
        return Role("high-cardinality", "unsure", f"{numbers}, each at most {most:,} times", others=("identifier",))
    return Role("high-cardinality", "certain", f"{facts.distinct:,} different words, the most frequent {int(facts.counts.iloc[0]):,} times")


def _category(facts: Facts) -> Role:
    values = [str(value) for value in facts.counts.index]
    order = ordered(values)
    if order is not None:
        return Role("ordinal", "likely", f"its {len(order)} values have an order: {' < '.join(order)[:100]}", order, ("category",))
    return Role("category", "certain", f"{facts.distinct} different words in {facts.filled:,} rows", tuple(sorted(values)))


def _shape(facts: Facts) -> tuple[float, float]:
    """Return how many letters and spaces a value has on average, of at most 5,000."""
    values = facts.series.dropna().head(5_000).astype(str)
    return float(values.str.len().mean()), float(values.str.strip().str.count(r"\s+").mean())


def grouping(facts: Facts) -> Role | None:
    """Return the role of a column that says whose a row is, or None."""
    repeats = facts.filled / facts.distinct
    named = bool(facts.words & WHO) or bool(facts.words & SURE_IDS) or re.search(r"[a-z](ID|Id|id)$", facts.raw) is not None
    who = bool(facts.words & WHO)
    plain = facts.words <= (WHO | IDS | {"code", "name"})
    if not named or repeats < 1.05 or facts.distinct < 8 or facts.share_missing > 0.2 or (who and not plain and not facts.words & SURE_IDS):
        return None
    if facts.type in {"integer", "number"} and not facts.words & IDS and not _repeated_as_whole(facts):
        return None
    sure = "likely" if who or facts.words & SURE_IDS else "unsure"
    why = f"{facts.distinct:,} different ones have {repeats:.1f} rows each, and its name says whose they are"
    return Role("group", sure, why, others=("high-cardinality" if facts.type == "string" else "number",))


def _repeated_as_whole(facts: Facts) -> bool:
    """Return whether numbers name something: too many to be an amount, or each with its rows together, or each with as many rows.

    Years of school are not: few, in any order, and some much oftener than others.
    """
    values = facts.series.dropna()
    runs = int((values != values.shift()).sum())
    return facts.distinct > 2 * FEW or runs <= 2 * facts.distinct or int(facts.counts.iloc[0]) <= 1.5 * facts.filled / facts.distinct


def duplicates(facts: Mapping[str, Facts], among: list[str]) -> dict[str, tuple[str, str]]:
    """Return each column that says the same as an earlier one of `among`, with that one and the reason.

    Equal values, or each value of one with one value of the other; the second only where values repeat, as all keys of a row say the same.
    """
    import pandas as pd

    seen: dict[tuple[int, int, bytes], list[str]] = {}
    found = {}
    for name in among:
        one = facts[name]
        pattern = pd.factorize(one.series.head(1_000))[0].tobytes()
        alike = seen.setdefault((one.distinct, one.missing, pattern), [])
        other = next((before for before in alike if _same(one, facts[before])), None)
        if other is None:
            alike.append(name)
        else:
            found[name] = (other, f"its {one.distinct:,} values go one to one with those of {other}")
    return found


def _same(one: Facts, two: Facts) -> bool:
    """Return whether two columns with as many values, and the same pattern of them in the first rows, say the same."""
    import numpy as np
    import pandas as pd

    if one.type == two.type and one.series.equals(two.series):
        return True
    repeats = 1 < one.distinct <= 0.5 * one.filled
    return repeats and bool(np.array_equal(pd.factorize(one.series)[0], pd.factorize(two.series)[0]))

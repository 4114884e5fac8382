"""Columns that become known with the answer, or after it: by where they are missing, by what was planned beside them, by their names.

How well a column predicts says nothing of this: the departure of a flight that is asked about before it leaves tells little of its arrival, and
cannot be known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.adopt.vocabulary import AFTER, COMMON, PLANNED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops.adopt.facts import Facts

OPEN = 20
"""Rows without an answer from which on the columns that are missing there say something."""
KIN = 0.3
"""How well a column predicts a target of a kindred name before that is worth a word."""


def missing_with(facts: Mapping[str, Facts], among: Sequence[str], target: str) -> dict[str, str]:
    """Return each column that is missing where the answer is, and nowhere else, with the reason; none where such rows are empty altogether."""
    open_ = facts[target].series.isna().to_numpy()
    count = int(open_.sum())
    if count < OPEN:
        return {}
    found = {}
    for name in among:
        missing = facts[name].series.isna().to_numpy()
        both, besides = int((missing & open_).sum()), int((missing & ~open_).sum())
        if both >= 0.8 * count and besides <= 0.001 * (len(open_) - count):
            found[name] = (
                f"it is missing in {both:,} of the {count:,} rows without {target}, and in hardly any other: known when the answer is"
            )
    return found if len(found) <= len(among) / 2 else {}


def planned_as(facts: Mapping[str, Facts], name: str) -> str:
    """Return the column that says what was planned of this one, as sched_dep_time is to dep_time; or an empty text."""
    words = facts[name].words
    return next((other for other, one in facts.items() if words and one.words & PLANNED and one.words - PLANNED == words), "")


def said_by_name(facts: Mapping[str, Facts], name: str, target: str, value: float) -> str:
    """Return why a column's name makes it a suspect, or an empty text."""
    one = facts[name]
    if plan := planned_as(facts, name):
        return f"it may be what came of {plan}, and known only afterwards"
    if late := one.words & AFTER:
        return f"its name may say that it is known afterwards ({', '.join(sorted(late))})"
    kin = {word for word in one.words & facts[target].words - COMMON if len(word) > 2 and not word.isdigit()}
    if kin and value >= KIN:
        return f"it has {', '.join(sorted(kin))} in its name as {target} has, and tells much of it: is it known when the question is asked?"
    return ""

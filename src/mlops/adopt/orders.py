"""Words that have an order: sizes, grades, answers of a survey, months, and ranges that begin with a number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCALES = [
    scale.split("|")
    for scale in (
        "none|minimal|trace|mild|slight|moderate|marked|severe|extreme|critical",
        "none|very low|low|lower|medium low|medium|mid|middle|moderate|average|normal|medium high|high|higher|very high|extreme",
        "xxs|xs|extra small|small|s|medium|m|large|l|extra large|xl|xxl|xxxl",
        "never|almost never|rarely|seldom|sometimes|occasionally|often|frequently|usually|almost always|always",
        "strongly disagree|disagree|somewhat disagree|neutral|neither|somewhat agree|agree|strongly agree",
        "very dissatisfied|dissatisfied|neutral|satisfied|very satisfied",
        "very poor|poor|bad|below average|fair|average|ok|okay|good|above average|very good|great|excellent|premium|ideal|outstanding",
        "very bad|bad|fair|good|very good|premium|ideal",
        "very bad|bad|medium|good|very good", "bad|good|better|best", "low|good|excellent|outstanding", "l|m|h", "asstprof|assocprof|prof",
        "non-travel|travel rarely|travel frequently", "below college|college|bachelor|master|doctor",
        "po|fa|ta|gd|ex", "first|second|third|fourth|fifth", "1st|2nd|3rd|4th|5th", "i|ii|iii|iv|v|vi",
        "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec",
        "january|february|march|april|may|june|july|august|september|october|november|december",
        "mon|tue|wed|thu|fri|sat|sun", "mon|tue|wed|thur|fri|sat|sun", "monday|tuesday|wednesday|thursday|friday|saturday|sunday",
        "bronze|silver|gold|platinum|diamond", "child|teen|adult|senior", "beginner|novice|intermediate|advanced|expert",
        "i1|si2|si1|vs2|vs1|vvs2|vvs1|if", "child|youth|adolescent|adult|elderly",
        "no high school|less than high school|some high school|high school|high school graduate|some college|associate|college|bachelor|bachelors|masters|master|doctorate|phd",
        "preschool|1st-4th|5th-6th|7th-8th|9th|10th|11th|12th|hs-grad|some-college|assoc-voc|assoc-acdm|bachelors|masters|prof-school|doctorate",
        "1. < hs grad|2. hs grad|3. some college|4. college grad|5. advanced degree",
    )
]  # fmt: skip
_RANGE = re.compile(
    r"\s*(?P<below><=?|under|below|less than|up to)?\s*[\[(]?\s*\$?(?P<low>-?\d+(?:\.\d+)?)\s*[k%]?\s*(?:(?:-|\u2013|to|,|and)\s*\$?(?P<high>\d+(?:\.\d+)?)\s*[k%]?\s*[\])]?|\+|and (?:over|more|above)|or (?:more|older))?.{0,12}",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\s*(>=?|over|above|more than)\s*\$?(\d+(?:\.\d+)?).{0,12}", re.IGNORECASE)


def ordered(values: Sequence[str]) -> tuple[str, ...] | None:
    """Return the values from the least to the most, or None where no order is known."""
    if len(values) < 3:
        return None
    low = {re.sub(r"[\s_]+", " ", value.strip().lower()): value for value in values}
    if len(low) < len(values):
        return None
    for scale in _SCALES:
        if set(low) <= set(scale):
            return tuple(low[word] for word in scale if word in low)
    return _ranges(values)


def _ranges(values: Sequence[str]) -> tuple[str, ...] | None:
    """Return values that are ranges of numbers (`20-29`, `< 10`, `65+`) in their order; at least one must be a range and no plain number."""
    places: dict[str, tuple[float, int]] = {}
    for value in values:
        if over := _OPEN.fullmatch(value):
            places[value] = (float(over[2]), 1)
        elif (match := _RANGE.fullmatch(value)) is not None:
            places[value] = (float(match["low"]), -1 if match["below"] else 0)
        else:
            return None
    told = sum(bool(re.search(r"\d\s*(-|\u2013|to|,)\s*\d|[<>+]|over|under|more|less|older", value)) for value in values)
    return (
        tuple(sorted(places, key=lambda value: places[value]))
        if told >= len(values) / 2 and len(set(places.values())) == len(values)
        else None
    )

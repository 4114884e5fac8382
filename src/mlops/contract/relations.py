"""Relations between the columns of a table that hold in its rows and are not chance: what a contract can ask of the next rows.

Each kind is looked for in a sample, and believed only when all rows have been asked. Chance is what the relation would come to with one of the
columns shuffled: `day <= distance` holds in nearly every row of any table.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlops.contract.expressions import quoted
from mlops.contract.statistics import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SAMPLE = 5_000
MOST = 30
"""Columns that are looked at, of each kind: pairs and triples grow fast."""
FEWEST = 30
"""Rows that a relation must be seen in."""
NEARLY = 0.005
"""Share of rows that may break a relation that is still one."""
HUGE = 1e100
"""Beyond it a square is infinite."""
_UNITS = (10, 60, 100, 1000, 3600)


@dataclass(frozen=True)
class Relation:
    """A relation that was found: an expression, or columns of which the last is determined by the others."""

    text: str
    columns: tuple[str, ...]
    determines: bool = False
    breaks: float = 0.0
    """Share of rows that break it."""


def find(frame: pd.DataFrame, kinds: Mapping[str, str], seed: int = 0) -> list[Relation]:
    """Return the relations of a table.

    Args:
        frame: The rows.
        kinds: Column -> its logical type; a column that is not here is not looked at.
        seed: Of the sample and of the shuffles.
    """
    if len(frame) < FEWEST:
        return []
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(len(frame), SAMPLE, replace=False)) if len(frame) > SAMPLE else np.arange(len(frame))
    sample = frame.iloc[rows]
    measured = [name for name, kind in kinds.items() if kind in {"integer", "number"} and _varies(sample[name])][:MOST]
    found = list(_parts(frame, sample, [n for n in measured if kinds[n] == "integer"]))
    found += _exact(frame, sample, measured, {frozenset(relation.columns) for relation in found})
    known = {frozenset(relation.columns) for relation in found}
    found += _missing_together(frame, list(kinds))
    timed = [name for name, kind in kinds.items() if kind == "timestamp" and _varies(sample[name])][:MOST]
    for group in (measured, timed):
        found += [r for r in _ordered(frame, sample, group, random) if frozenset(r.columns) not in known]
    whole = [name for name, kind in kinds.items() if kind in {"string", "integer", "boolean"}]
    return found + [r for r in _determined(frame, sample, whole) if not any(pair <= frozenset(r.columns) for pair in known)]


def _varies(column: pd.Series) -> bool:
    there = column.dropna()
    if len(there) < FEWEST or there.nunique() < 2:
        return False
    return pd.api.types.is_datetime64_any_dtype(column.dtype) or float(np.nanmax(np.abs(numbers(there)))) < HUGE


def _missing_together(frame: pd.DataFrame, names: Sequence[str]) -> Iterator[Relation]:
    """Yield the columns that are missing in the same rows."""
    groups: dict[bytes, list[str]] = {}
    for name in names:
        mask = frame[name].isna().to_numpy()
        if FEWEST <= mask.sum() < len(mask):
            groups.setdefault(np.packbits(mask).tobytes(), []).append(name)
    for group in groups.values():
        for other in group[1:]:
            yield Relation(f"missing({quoted(group[0])}) == missing({quoted(other)})", (group[0], other))


def _exact(frame: pd.DataFrame, sample: pd.DataFrame, names: Sequence[str], known: set[frozenset[str]]) -> Iterator[Relation]:
    """Yield columns that are one or two others, each times a number: a * 1.609, a + b, 100 * hour + minute."""
    values = {name: numbers(sample[name]) for name in names}
    done = set(known)
    for size in (1, 2):
        for last in names if len(names) <= 15 or size == 1 else names[:15]:
            for given in combinations([n for n in names[: MOST if size == 1 else 15] if n != last], size):
                together = frozenset((*given, last))
                if any(pair <= together for pair in done):
                    continue
                factors = _factors([values[n] for n in given], values[last])
                if factors is not None and (relation := _fits(frame, given, last, factors)):
                    done.add(together)
                    yield relation


def _factors(given: Sequence[np.ndarray], last: np.ndarray) -> np.ndarray | None:
    """Return the factors and the constant by which `last` is made of the given columns, or None."""
    there = ~np.isnan(last)
    for column in given:
        there &= ~np.isnan(column)
    rows = np.flatnonzero(there)
    if len(rows) < FEWEST:
        return None
    few = rows[:: max(1, len(rows) // 200)]
    made = np.column_stack([*(column[few] for column in given), np.ones(len(few))])
    target = last[few]
    if target.std() == 0 or any(column.std() == 0 for column in made.T[:-1]):
        return None
    factors, _, rank, _ = np.linalg.lstsq(made, target, rcond=None)
    if rank < made.shape[1] or np.abs(made @ factors - target).max() > 1e-3 * target.std():
        return None
    return _plain(factors, made, target)


def _plain(factors: np.ndarray, made: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """Return the factors without the constant where it is not needed, and with the fewest figures that do as well; None where one is 0."""
    best = float(np.abs(made @ factors - target).max()) + 1e-9 * float(target.std())
    without = np.append(np.linalg.lstsq(made[:, :-1], target, rcond=None)[0], 0.0)
    for given in (without, factors):
        for digits in range(1, 8):
            short = np.array([float(f"{factor:.{digits}g}") for factor in given])
            if (short[:-1] != 0).all() and np.abs(made @ short - target).max() <= 1.5 * best:
                return short
    return None


def _fits(frame: pd.DataFrame, given: tuple[str, ...], last: str, factors: np.ndarray) -> Relation | None:
    columns = [numbers(frame[name]) for name in given]
    off = np.abs(sum(factor * column for factor, column in zip(factors, columns, strict=False)) + factors[-1] - numbers(frame[last]))
    there = ~np.isnan(off)
    nearly = 2 * float(np.quantile(off[there], 0.99)) + 1e-6 * float(np.nanstd(numbers(frame[last])))
    breaks = float((off[there] > nearly).mean())
    if breaks > NEARLY:
        return None
    words = [quoted(name) if factor == 1 else f"{factor:.6g} * {quoted(name)}" for factor, name in zip(factors, given, strict=False)]
    whole = " + ".join([*words, *([f"{factors[-1]:.6g}"] if factors[-1] else [])])
    exact = float(off[there].max()) == 0 and not factors[-1]
    text = f"{quoted(last)} == {whole}" if exact else f"abs({quoted(last)} - ({whole})) <= {_rounded(nearly)}"
    return Relation(text, (*given, last), breaks=0.0 if exact else breaks)


def _rounded(value: float) -> str:
    return f"{value * 1.05:.2g}"


def _parts(frame: pd.DataFrame, sample: pd.DataFrame, names: Sequence[str]) -> Iterator[Relation]:
    """Yield whole numbers that are the front or the end of another: hour of 1730, minute of 1730."""
    for whole in names:
        for part in names:
            if whole == part or sample[part].nunique() < 3:
                continue
            for unit in _UNITS:
                for sign, operation in (("//", np.floor_divide), ("%", np.remainder)):
                    if _is_part(sample, whole, part, unit, operation) and _is_part(frame, whole, part, unit, operation):
                        yield Relation(f"{quoted(part)} == {quoted(whole)} {sign} {unit}", (whole, part))


def _is_part(frame: pd.DataFrame, whole: str, part: str, unit: int, operation: np.ufunc) -> bool:
    first, second = numbers(frame[whole]), numbers(frame[part])
    there = ~(np.isnan(first) | np.isnan(second))
    first, second = first[there], second[there]
    return len(first) >= FEWEST and float(np.abs(first).max()) >= unit and bool((operation(first, unit) == second).all())


def _ordered(frame: pd.DataFrame, sample: pd.DataFrame, names: Sequence[str], random: np.random.Generator) -> Iterator[Relation]:
    """Yield pairs of which one is never more than the other, though their values overlap."""
    found: list[tuple[str, str, float]] = []
    values = {name: _figures(sample[name]) for name in names}
    for low, high in ((a, b) for a in names for b in names if a != b):
        first, second = values[low], values[high]
        there = ~(np.isnan(first) | np.isnan(second))
        first, second = first[there], second[there]
        if len(first) < FEWEST or (first > second).mean() > 0.001 or (first == second).mean() > 0.9:
            continue
        if (first > random.permutation(second)).mean() < 0.05:
            continue
        one, two = _figures(frame[low]), _figures(frame[high])
        both = ~(np.isnan(one) | np.isnan(two))
        breaks = float((one[both] > two[both]).mean())
        if breaks <= 0.001:
            found.append((low, high, breaks))
    pairs = {(low, high) for low, high, _ in found}
    for low, high, breaks in found:
        if not any((low, middle) in pairs and (middle, high) in pairs for middle in names):
            yield Relation(f"{quoted(low)} <= {quoted(high)}", (low, high), breaks=breaks)


def _figures(column: pd.Series) -> np.ndarray:
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return numbers(column)
    made = pd.DatetimeIndex(column).as_unit("us").asi8.astype("float64")
    return np.where(column.isna(), np.nan, made)


def _determined(frame: pd.DataFrame, sample: pd.DataFrame, names: Sequence[str]) -> Iterator[Relation]:
    """Yield columns that another one (or two words) determines: a zip code's town, the distance of two places."""
    coded = {name: pd.factorize(sample[name])[0].astype(np.int64) for name in names[:MOST]}
    sizes = {name: int(codes.max(initial=-1)) + 1 for name, codes in coded.items()}
    few = [name for name in coded if 2 < sizes[name] <= len(sample) / 3]
    words = [name for name in few if not pd.api.types.is_numeric_dtype(frame[name].dtype)][:8]
    done: list[tuple[set[str], str]] = []
    for given in [*((name,) for name in few), *combinations(words, 2)]:
        for last in coded:
            if last in given or sizes[last] < 2 or any(who <= set(given) and what == last for who, what in done):
                continue
            if any(who == {last} and what == given[0] for who, what in done) and len(given) == 1:
                continue
            if not _determines(coded, sizes, given, last):
                continue
            breaks = 1 - float(determined(frame[[*given, last]]).mean())
            if breaks <= NEARLY:
                done.append((set(given), last))
                yield Relation(f"{', '.join(given)} -> {last}", (*given, last), determines=True, breaks=breaks)
                if len(done) >= MOST // 3:
                    return


def _determines(coded: Mapping[str, np.ndarray], sizes: Mapping[str, int], given: tuple[str, ...], last: str) -> bool:
    group = coded[given[0]] + 1
    there = coded[given[0]] >= 0
    for name in given[1:]:
        group = group * (sizes[name] + 1) + coded[name] + 1
        there &= coded[name] >= 0
    group, values = group[there], coded[last][there]
    first = pd.factorize(group)[0]
    counts = np.bincount(first)
    repeated = float(counts[counts > 1].sum())
    if repeated < max(FEWEST * 2, 0.5 * len(values)) or len(counts) < 3:
        return False
    spread = len(pd.factorize(values)[1])
    commonest = np.bincount(values[values >= 0]).max(initial=0) / max(1, len(values))
    pairs = len(pd.factorize(first * (sizes[last] + 2) + values + 1)[1])
    return spread > 2 and commonest < 0.9 and pairs <= len(counts) * 1.05


def determined(frame: pd.DataFrame) -> pd.Series:
    """Return whether each row has the commonest value of its group in the last column; missing values are left alone."""
    *given, last = (pd.factorize(frame[name])[0] for name in frame)
    group = np.zeros(len(frame), dtype=np.int64)
    for codes in given:
        group = group * (int(codes.max(initial=0)) + 2) + codes + 1
    there = (last >= 0) & np.logical_and.reduce([codes >= 0 for codes in given])
    pair = pd.factorize(group * (int(last.max(initial=0)) + 2) + last + 1)[0]
    group = pd.factorize(group)[0]
    counts = np.bincount(pair)
    groups_of_pair = np.zeros(len(counts), dtype=np.int64)
    groups_of_pair[pair] = group
    most = np.zeros(int(group.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(most, groups_of_pair, counts)
    return pd.Series((counts[pair] == most[group]) | ~there, index=frame.index)

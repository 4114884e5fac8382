"""A contract proposed from data: what a person would write who has looked at every column, and sentences about what was seen.

What is proposed holds for the table that it is proposed from, with room for an honest next part. What only looks unlikely warns (its rows go to
quarantine); what moves a whole column far stops.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlops.contract import bands
from mlops.contract.custom import BANDS, DETERMINED, RELATION, TIDY
from mlops.contract.draft import Draft, write
from mlops.contract.expressions import quoted
from mlops.contract.relations import find
from mlops.contract.rules import Table, printable
from mlops.contract.statistics import Others, numbers, tells, text_of
from mlops.contract.suite import ACCEPTED, kind_of, partition_labels
from mlops.contract.text import DAYS, NUMBERS, untidy
from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEW = 30
"""Values that are named one by one."""
LOOKED_AT = 2_000
"""Values that a form is made from; all are held against it."""
WIDE = 150
"""Columns beyond which a column gets its type and its limits only: a contract of thousands of bands is read by nobody."""
_PHYSICAL = (
    (r"lat(itude)?", -90, 90),
    (r"lon(gitude)?|lng", -180, 180),
    (r"(.*_)?(share|fraction|ratio|prob(ability)?)", 0, 1),
    (r"(.*_)?(percent|pct|humid(ity)?)", 0, 100),
    (r"(.*_)?hour", 0, 23),
    (r"(.*_)?minute", 0, 59),
    (r"(.*_)?month", 1, 12),
    (r"(.*_)?day(_of_month)?", 1, 31),
    (r"(.*_)?(count|age|price|weight|height|distance|length|width|size|area|speed|amount|income|salary|population)", 0, None),
)


@dataclass(frozen=True)
class Proposal:
    """A contract, and what was seen on the way."""

    text: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Look:
    """A table as it is looked at."""

    frame: pd.DataFrame
    kinds: Mapping[str, str]
    """Column -> its logical type; of a column of mixed values: string."""
    mixed: Mapping[str, str]
    parts: tuple[np.ndarray, ...]
    partition: tuple[str, ...]
    keys: tuple[str, ...]
    leakage: tuple[str, ...]
    target: str
    together: Mapping[str, tuple[str, ...]]
    """Column of numbers -> those that go with it."""
    others: Others
    slices: tuple[str, ...]
    """The values of one column of few, as origin=EWR."""


def propose(
    table: str,
    frame: pd.DataFrame,
    *,
    keys: Sequence[str] = (),
    partition: Sequence[str] = (),
    leakage: Sequence[str] = (),
    target: str = "",
    descriptions: Mapping[str, str] | None = None,
    logical: Mapping[str, str] | None = None,
    owner: str = "",
    licence: str = "",
) -> Proposal:
    """Return a contract for a table.

    Args:
        table: Its name.
        frame: Its rows; all of the past that is known, for the bands are learnt from how its partitions differ.
        keys: Columns that name a row; without any, one is looked for.
        partition: Columns that name a part which comes as one.
        leakage: Columns that are known only after the question is asked.
        target: The column that a model is to tell.
        descriptions: Column -> what it is, in a sentence.
        logical: Column -> its logical type, where the frame does not show it.
        owner: Who answers for the data.
        licence: Under which they may be used.

    Raises:
        UsageError: There are no rows or columns, two columns have one name, or a column that is named is not there.
    """
    frame = frame.rename(columns=str).reset_index(drop=True)
    nameless = int((frame.columns == "").sum())
    frame = frame.loc[:, frame.columns != ""] if nameless else frame
    _refuse(table, frame, (*keys, *partition, *leakage, *([target] if target else [])))
    found = {str(name): kind_of(frame, str(name)) for name in frame.columns}
    kinds = {name: (logical or {}).get(name) or _logical(frame[name], kind) for name, kind in found.items()}
    mixed = {name: kind for name, kind in found.items() if kind not in ACCEPTED[kinds[name]]}
    labels = partition_labels(Table(table, kinds, (), tuple(partition), (), ()), frame) if partition else None
    remarks = [f"{nameless} column{'s' * (nameless > 1)} without a name left out: a contract cannot speak of it"] * bool(nameless)
    key = tuple(keys) or _key(frame, kinds, partition)
    if key and not keys:
        remarks.append(f"{', '.join(key)} differs from row to row: taken as the key")
    parts = tuple(bands.pieces(labels, len(frame)))
    known = {name: kind for name, kind in kinds.items() if name not in mixed and name not in partition}
    together, slices = _together(frame, known), _slices(frame, known)
    look = _Look(frame, kinds, mixed, parts, tuple(partition), key, tuple(leakage), target, together, Others(frame), slices)
    columns = [_column(look, name, (descriptions or {}).get(name, ""), remarks) for name in kinds]
    quality = _table(look, labels, remarks)
    draft = Draft(table, owner, licence, tuple(leakage), columns, quality)
    return Proposal(write(draft, partitioned=labels is not None, alone=not nameless), tuple(remarks))


def _together(frame: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return for each column of numbers the (two at most) others that its values go with, each pair once."""
    names = [name for name, kind in kinds.items() if kind in {"integer", "number"}]
    if not 2 <= len(names) <= WIDE or len(frame) < FEW:
        return {}
    sample = frame[names].sample(min(len(frame), 20_000), random_state=0)
    with np.errstate(all="ignore"):
        found = pd.DataFrame({name: numbers(sample[name]) for name in names}).corr().abs().to_numpy(copy=True)
    found[np.tril_indices(len(names))] = 0
    strong = {
        name: [other for other in np.argsort(-row)[:3] if row[other] >= 0.4] for name, row in zip(names, np.nan_to_num(found), strict=True)
    }
    return {name: tuple(names[other] for other in others) for name, others in strong.items() if others}


def _slices(frame: pd.DataFrame, kinds: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of the text column with two to six, of which the rarest is the most frequent."""
    best = 0
    found: tuple[str, ...] = ()
    for name, kind in kinds.items():
        if kind != "string" or "=" in name or not 2 <= _distinct(frame[name]) <= 6:
            continue
        counts = frame[name].value_counts()
        if int(counts.min()) > max(best, 50):
            best, found = int(counts.min()), tuple(f"{name}={value}" for value in counts.index)
    return found


def _refuse(table: str, frame: pd.DataFrame, named: Sequence[str]) -> None:
    if frame.empty or not len(frame.columns):
        raise UsageError(f"{table} has no rows or no columns", hint="A contract is proposed from data that is there.")
    twice = sorted(set(frame.columns[frame.columns.duplicated()]))
    if twice:
        raise UsageError(f"{table} has {', '.join(map(repr, twice[:5]))} twice", hint="Give each column a name of its own.")
    for name in named:
        if name not in frame:
            raise UsageError(f"{table} has no column {name!r}", hint=f"It has {', '.join(map(printable, frame.columns[:20]))}.")


def _logical(column: pd.Series, kind: str) -> str:
    if kind == "empty":
        dtype = column.dtype
        numeric = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        return "timestamp" if pd.api.types.is_datetime64_any_dtype(dtype) else "number" if numeric else "string"
    return {"datetime": "timestamp", "floating": "number"}.get(kind, kind if kind in ACCEPTED else "string")


def _distinct(column: pd.Series) -> int:
    try:
        return int(column.nunique())
    except TypeError:
        return int(column.map(repr).nunique())


def _key(frame: pd.DataFrame, kinds: Mapping[str, str], partition: Sequence[str]) -> tuple[str, ...]:
    """Return a column that names a row: whole numbers or short text, each once, and called so or the first."""
    if len(frame) < FEW:
        return ()
    for position, name in enumerate(kinds):
        called = re.search(r"(^|_|\b)(id|key|uuid|code|nr|number|index)$", name.lower()) or name.lower().endswith("id")
        if kinds[name] not in {"string", "integer"} or name in partition or not (called or position == 0):
            continue
        column = frame[name]
        if column.notna().all() and column.is_unique and (kinds[name] == "integer" or column.astype(str).str.len().max() <= 64):
            return (name,)
    return ()


def _column(look: _Look, name: str, description: str, remarks: list[str]) -> dict[str, Any]:
    """Return what the contract says of one column, as the standard's own mapping."""
    column, kind = look.frame[name], look.kinds[name]
    made: dict[str, Any] = {"name": name, "logicalType": kind}
    for flag, position, names in (("partitioned", "partitionKeyPosition", look.partition), ("primaryKey", "primaryKeyPosition", look.keys)):
        if name in names:
            made |= {flag: True, position: names.index(name) + 1}
    if name in (*look.partition, *look.keys) and column.notna().all():
        made["required"] = True
    if description:
        made["description"] = description
    if name in look.mixed:
        remarks.append(f"{printable(name)} holds {look.mixed[name]} values: it is to be read as text, or mended")
        return {**made, "customProperties": [{"property": "severity", "value": "warn"}]}
    if column.isna().all():
        remarks.append(f"{printable(name)} has no value at all")
        return made
    quality: list[dict[str, Any]] = []
    if kind in {"integer", "number"}:
        made |= _limits(look, name, quality, remarks)
    elif kind == "string":
        _text(look, name, quality, remarks)
    elif kind in {"timestamp", "date"}:
        _times(look, name, quality, remarks)
    told = _bands(look, name)
    quality += [_expect(BANDS, told, severity="warn", per=bool(look.partition), stopBeyond=1)] if told else []
    return {**made, **({"quality": quality} if quality else {})}


def _expect(name: str, kwargs: Mapping[str, Any], *, severity: str, per: bool = False, **extra: Any) -> dict[str, Any]:
    custom = [{"property": "per", "value": "partition"}] if per else []
    custom += [{"property": key, "value": value} for key, value in extra.items()]
    made = {
        "type": "custom",
        "engine": "great-expectations",
        "severity": severity,
        "implementation": {"type": name, "kwargs": dict(kwargs)},
    }
    return {**made, **({"customProperties": custom} if custom else {})}


def _limits(look: _Look, name: str, quality: list[dict[str, Any]], remarks: list[str]) -> dict[str, Any]:
    """Return the limits that a number cannot honestly pass, and add those that it is unlikely to."""
    values = numbers(look.frame[name])
    infinite = int(look.frame[name].notna().sum() - (~np.isnan(values)).sum())
    if infinite:
        remarks.append(f"{printable(name)} holds {infinite:,} infinite values")
        return {"customProperties": [{"property": "severity", "value": "warn"}]}
    values = values[~np.isnan(values)]
    low, high = float(values.min()), float(values.max())
    _sentinels(name, values, remarks)
    physical = _physical(name, low, high)
    if look.kinds[name] == "integer" and (name in look.keys or name in look.partition):
        return {}
    wide = high - low or abs(high) or 1.0
    far = (low - 10 * wide if low < 0 or physical is None else 0.0, high + 10 * wide)
    near = (max(0.0, low - wide) if low >= 0 else low - wide, high + wide)
    limits = physical or far
    if not all(map(math.isfinite, (*far, *near))):
        return {}
    options = {
        side: _plain(value, way) for side, value, way in (("minimum", limits[0], -1), ("maximum", limits[1], 1)) if value is not None
    }
    if physical is None or None in physical:
        arguments = {"minimum": _plain(near[0], -1), "maximum": _plain(near[1], 1)}
        quality.append({"metric": "invalidValues", "arguments": arguments, "mustBe": 0, "severity": "warn"})
    return {"logicalTypeOptions": options}


def _plain(value: float, way: int) -> float:
    """Return a limit of two figures, further out than the one that is given."""
    if value == 0:
        return 0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    made = float(f"{(math.ceil if way > 0 else math.floor)(value / step) * step:.6g}")
    if not math.isfinite(made):
        return value
    return int(made) if made.is_integer() and abs(made) < 1e15 else made


def _physical(name: str, low: float, high: float) -> tuple[float | None, float | None] | None:
    """Return the limits that a column's name implies, where its values keep them."""
    for pattern, least, most in _PHYSICAL:
        if re.fullmatch(pattern, name.lower()) and low >= least and (most is None or high <= most):
            return least, None if most is None else most
    return None


def _sentinels(name: str, values: np.ndarray, remarks: list[str]) -> None:
    """Tell of numbers such as -999 that stand apart from the others and are there often."""
    for value in NUMBERS:
        count = int((values == value).sum())
        others = values[values != value]
        if count < 2 or count < 0.001 * len(values) or not len(others):
            continue
        spread = float(others.max() - others.min()) or 1.0
        if (value < others.min() - 0.3 * spread) or (value > others.max() + 0.3 * spread):
            remarks.append(f"{printable(name)} is {value:g} in {count:,} rows, far from its other values: does it mean missing?")


def _text(look: _Look, name: str, quality: list[dict[str, Any]], remarks: list[str]) -> None:
    counts = look.frame[name].dropna().value_counts()
    values = [str(value) for value in counts.index]
    strange: dict[str, list[str]] = {}
    for value in values:
        if what := untidy(value):
            strange.setdefault(what, []).append(value)
    for what, some in strange.items():
        rows = int(counts.loc[some].sum())
        remarks.append(f"{printable(name)} holds {what} in {rows:,} rows: {', '.join(repr(printable(v, 30)) for v in some[:3])}")
    folded: dict[str, list[str]] = {}
    for value in values[:5_000]:
        folded.setdefault(" ".join(value.split()).casefold(), []).append(value)
    alike = [group for group in folded.values() if len(group) > 1]
    if alike and len(values) < 0.5 * len(look.frame):
        remarks.append(
            f"{printable(name)} writes the same word in {len(alike[0])} ways: {', '.join(map(repr, map(printable, alike[0][:3])))}"
        )
    if len(values) <= FEW and len(look.frame) >= 10 * len(values) and (counts == 1).mean() < 0.25:
        quality.append({"metric": "invalidValues", "arguments": {"validValues": sorted(values)}, "mustBe": 0, "severity": "warn"})
    elif pattern := _pattern(values):
        quality.append({"metric": "invalidValues", "arguments": {"pattern": pattern}, "mustBe": 0, "severity": "warn"})
    else:
        odd = [value for some in strange.values() for value in some]
        share = float(counts.loc[odd].sum()) / len(look.frame) if odd else 0.0
        kwargs = {} if not odd else {"allow": sorted(odd)} if len(odd) <= 10 else {"mostly": round(max(0.0, 1 - 1.5 * share - 0.01), 3)}
        quality.append(_expect(TIDY, kwargs, severity="warn"))


def _pattern(values: Sequence[str]) -> str:
    """Return the form that all of many values have, as ^[A-Z]{3}$; empty where they have none."""
    lengths = pd.Series(values).str.len()
    if len(values) < 10 or lengths.max() > 40:
        return ""
    some = [*values[:LOOKED_AT], values[int(lengths.argmin())], values[int(lengths.argmax())]]
    form = _form(some)
    return form if form and (len(values) <= LOOKED_AT or pd.Series(values).str.fullmatch(form).all()) else ""


def _form(values: Sequence[str]) -> str:
    classes = (("A-Z", r"[A-Z]"), ("a-z", r"[a-z]"), ("0-9", r"[0-9]"))
    shapes: dict[tuple[str, ...], list[list[int]]] = {}
    for value in values:
        runs: list[tuple[str, int]] = []
        for character in value:
            named = next((name for name, form in classes if re.fullmatch(form, character)), re.escape(character))
            if runs and runs[-1][0] == named:
                runs[-1] = (named, runs[-1][1] + 1)
            else:
                runs.append((named, 1))
        shapes.setdefault(tuple(name for name, _ in runs), []).append([count for _, count in runs])
        if len(shapes) > 1:
            return _mixture(values)
    ((shape, lengths),) = shapes.items()
    if len(shape) > 12:
        return ""
    spans = [(min(column), max(column)) for column in zip(*lengths, strict=True)]
    return "^" + "".join(_run(name, *span) for name, span in zip(shape, spans, strict=True)) + "$"


def _mixture(values: Sequence[str]) -> str:
    """Return the form of capitals and digits in any order, of one length (or of a few), where that is what all have."""
    lengths = {len(value) for value in values}
    plain = all(re.fullmatch(r"[A-Z0-9]+", value) for value in values)
    return f"^{_run('0-9A-Z', min(lengths), max(lengths))}$" if plain and max(lengths) - min(lengths) <= 4 and max(lengths) <= 20 else ""


def _run(name: str, least: int, most: int) -> str:
    count = "" if least == most == 1 else f"{{{least}}}" if least == most else f"{{{least},{most}}}"
    return (f"[{name}]" if name in {"A-Z", "a-z", "0-9", "0-9A-Z"} else name) + count


def _times(look: _Look, name: str, quality: list[dict[str, Any]], remarks: list[str]) -> None:
    if look.kinds[name] != "timestamp":
        return
    column = look.frame[name].dropna()
    days = column.dt.strftime("%Y-%m-%d")
    for day in DAYS:
        count = int((days == day).sum())
        if count > max(1, 0.001 * len(days)):
            remarks.append(f"{printable(name)} is {day} in {count:,} rows: does it mean missing?")
    if column.max() <= pd.Timestamp.now(tz="UTC" if column.dt.tz is not None else None):
        first = (column.min() - max(column.max() - column.min(), pd.Timedelta(days=365))).strftime("%Y-%m-%d")
        expression = f'{quoted(name)} >= "{first}" and {quoted(name)} <= now()'
        quality.append(_expect(RELATION, {"expression": expression}, severity="warn"))


def _bands(look: _Look, name: str) -> dict[str, Any]:
    """Return the bands of a column's numbers, as they stand in the contract."""
    column, kind = look.frame[name], look.kinds[name]
    if len(look.kinds) > WIDE or name in look.partition or name in look.mixed:
        return {}
    wanted = ["missing", "frozen"]
    distinct = _distinct(column)
    few = distinct <= 12 and len(column) >= 10 * distinct
    if distinct > 0.9 * len(column) and kind in {"string", "integer"}:
        return _nested(bands.learn(look.frame, name, ["missing"], look.parts))
    if kind in {"string", "boolean"} or (few and kind in {"integer", "number"}):
        counts = column.value_counts()
        labels = [text_of(value) for value in counts.index[:12]] if few else []
        wanted += [f"share {text_of(value)}" for value in counts.index[:6] if not few and counts[value] >= 0.03 * len(column)]
        wanted += [f"share {label}" for label in labels] + ["others"] * bool(labels) + ["distinct"] * (not few) + ["top"] * (not few)
        wanted += ["length"] * (kind == "string" and not few)
    elif kind in {"integer", "number"}:
        wanted += ["mean", "median", "q05", "q95", "spread", "zeros", "fractions", "tens", "top", "distinct"]
        wanted += [*(f"correlation {other}" for other in look.together.get(name, ())), *(f"by {value}" for value in look.slices)]
    elif kind == "timestamp":
        wanted += ["hour", "midnight", *(["days", "span", "daily"] if look.partition else [])]
    if look.target and name != look.target and name not in look.leakage:
        wanted.append(f"tells {look.target}")
    return _nested(bands.learn(look.frame, name, wanted, look.parts, look.others))


def _nested(flat: Mapping[str, list[float]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, band in flat.items():
        kind, _, inner = name.partition(" ")
        if inner:
            made.setdefault("shares" if kind == "share" else kind, {})[inner] = band
        else:
            made[name] = band
    return made


def _table(look: _Look, labels: pd.Series | None, remarks: list[str]) -> list[dict[str, Any]]:
    """Return the rules of the table: how many rows, relations between columns, rows that are there twice."""
    made = _volume(look, labels)
    kinds = {n: k for n, k in look.kinds.items() if n not in look.mixed}
    for relation in find(look.frame, kinds) if len(kinds) <= WIDE else []:
        if set(relation.columns) <= {*look.partition}:
            continue
        extra = {"mostly": _mostly(relation.breaks)} if relation.breaks else {}
        if relation.determines:
            remarks.append(f"{', '.join(relation.columns[:-1])} determines {relation.columns[-1]}")
            made.append(_expect(DETERMINED, {"column_list": list(relation.columns), **extra}, severity="warn"))
        else:
            remarks.append(f"{relation.text} in {'all' if not relation.breaks else 'nearly all'} rows")
            made.append(_expect(RELATION, {"expression": relation.text, **extra}, severity="warn"))
    made += _in_partition(look)
    if not look.keys and len(look.kinds) <= WIDE:
        told = bands.learn(look.frame, "", ["duplicates"], look.parts)
        made += [_expect(BANDS, told, severity="warn", per=bool(look.partition), stopBeyond=1)] if told else []
    _giveaways(look, remarks)
    return made


def _in_partition(look: _Look) -> list[dict[str, Any]]:
    """Return that times lie in the year, month or day that names their partition, where they do."""
    made = []
    for time in (name for name, kind in look.kinds.items() if kind == "timestamp"):
        for name in look.partition:
            for part in ("year", "month", "day"):
                if look.kinds[name] not in {"integer", "number"} or look.frame[time].isna().all():
                    continue
                breaks = float((getattr(look.frame[time].dt, part) != look.frame[name])[look.frame[time].notna()].mean())
                if breaks <= 0.1:
                    text = f"{part}({quoted(time)}) == {quoted(name)}"
                    made.append(_expect(RELATION, {"expression": text, "mostly": _mostly(breaks)}, severity="stop"))
    return made


def _mostly(breaks: float) -> float:
    return round(1 - max(3 * breaks, 0.001), 4)


def _volume(look: _Look, labels: pd.Series | None) -> list[dict[str, Any]]:
    if labels is None:
        count = len(look.frame)
        return [
            {"metric": "rowCount", "mustBeGreaterOrEqualTo": max(1, count // 2), "severity": "stop"},
            {"metric": "rowCount", "mustBeBetween": [max(1, int(count * 0.9)), count * 3], "severity": "warn"},
        ]
    sizes = labels.value_counts()
    least, most = max(1, int(sizes.min() / 2)), int(sizes.max() * 2)
    return [{"metric": "rowCount", "arguments": {"per": "partition"}, "mustBeBetween": [least, most], "severity": "stop"}]


def _giveaways(look: _Look, remarks: list[str]) -> None:
    """Tell of columns that give the target away."""
    if not look.target:
        return
    target = look.frame[look.target]
    values = numbers(target) if pd.api.types.is_numeric_dtype(target.dtype) else pd.factorize(target)[0].astype(float)
    for name, kind in look.kinds.items():
        if name == look.target or name in look.mixed or name in look.leakage or len(look.kinds) > 10 * WIDE:
            continue
        ordered = kind in {"integer", "number"}
        column = numbers(look.frame[name]) if ordered else pd.factorize(look.frame[name].map(str))[0].astype(float)
        share = tells(column, values, ordered=ordered)
        if share > 0.9:
            remarks.append(f"{printable(name)} tells {share:.0%} of {look.target} by itself: is it known when the question is asked?")

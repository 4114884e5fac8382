"""What a contract says of one column: its type, its limits, and how far its numbers may move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from mlops.contract import bands
from mlops.contract.custom import BANDS
from mlops.contract.proposal.figures import limits
from mlops.contract.proposal.look import WIDE, Look, distinct, expect
from mlops.contract.proposal.times import closed, times
from mlops.contract.proposal.words import text
from mlops.contract.rules import printable
from mlops.contract.statistics import text_of
from mlops.contract.suite import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Mapping

QUANTILES = ("median", "q05", "q95")
NUMBERS = ("mean", *QUANTILES, "spread", "zeros", "fractions", "tens", "top", "highest", "distinct", "order")


def logical_type(column: pd.Series, kind: str) -> str:
    if kind == "empty":
        dtype = column.dtype
        numeric = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        return "timestamp" if pd.api.types.is_datetime64_any_dtype(dtype) else "number" if numeric else "string"
    return {"datetime": "timestamp", "floating": "number"}.get(kind, kind if kind in ACCEPTED else "string")


def of_column(look: Look, name: str, description: str, remarks: list[str]) -> dict[str, Any]:
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
        made |= limits(look, name, quality, remarks)
    elif kind == "string" and name not in look.partition:
        text(look, name, quality, remarks)
    elif kind in {"timestamp", "date"}:
        times(look, name, quality, remarks)
    quality += banded(look, _bands(look, name))
    return {**made, **({"quality": quality} if quality else {})}


def banded(look: Look, learnt: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Return the rules that hold numbers within their bands: those that stop far outside, and those that only tell."""
    values = {name: learnt[name] for name in learnt if name.partition(" ")[0] not in bands.SENSITIVE}
    jumps = learnt.get("top", [0, 0])[1] > 0.5
    firm = {} if 0 < look.known < bands.FEW else {name: band for name, band in values.items() if not (jumps and name in QUANTILES)}
    told = {name: band for name, band in learnt.items() if name not in firm}
    per = bool(look.partition)
    made = [expect(BANDS, nested(firm), severity="warn", per=per, stopBeyond=1)] if firm else []
    return made + ([expect(BANDS, nested(told), severity="warn", per=per)] if told else [])


def _bands(look: Look, name: str) -> dict[str, list[Any]]:
    """Return the band of each of a column's numbers."""
    column, kind = look.frame[name], look.kinds[name]
    if len(look.kinds) > WIDE or name in look.partition or name in look.mixed:
        return {}
    different = distinct(column)
    few = different <= 12 and len(column) >= 10 * different
    if different > 0.9 * len(column) and (kind == "string" or (kind == "integer" and name != look.target)):
        return bands.learn(look.frame, name, ["missing"], look.parts, partitions=look.known)
    wanted = ["missing", "frozen"]
    if kind in {"string", "boolean"} or (few and kind in {"integer", "number"}):
        wanted += _of_values(column, few=few) + ["length"] * (kind == "string" and not few)
    elif kind in {"integer", "number"}:
        wanted += [*NUMBERS, *(f"correlation {other}" for other in look.together.get(name, ())), *(f"by {value}" for value in look.slices)]
    elif kind == "timestamp":
        wanted += ["hour", "midnight", *(["days", "span", "daily"] if look.partition else QUANTILES if closed(column) else [])]
    if look.target and name != look.target and name not in look.leakage:
        wanted.append(f"tells {look.target}")
    return bands.learn(look.frame, name, wanted, look.parts, look.others, partitions=look.known)


def _of_values(column: pd.Series, *, few: bool) -> list[str]:
    """Return the numbers that say how often each value is there."""
    counts = column.value_counts()
    if few:
        return [*(f"share {text_of(value)}" for value in counts.index), "others"]
    return [*(f"share {text_of(value)}" for value in counts.index[:6] if counts[value] >= 0.03 * len(column)), "distinct", "top"]


def nested(flat: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Return bands as they stand in a contract."""
    made: dict[str, Any] = {}
    for name, band in flat.items():
        kind, _, inner = name.partition(" ")
        if inner:
            made.setdefault("shares" if kind == "share" else kind, {})[inner] = band
        else:
            made[name] = band
    return made

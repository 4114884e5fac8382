"""What a contract says of one column: its type, its limits, and how far its numbers may move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from mlops.contract import bands
from mlops.contract.custom import BANDS
from mlops.contract.proposal.figures import limits
from mlops.contract.proposal.look import WIDE, Look, distinct, expect
from mlops.contract.proposal.times import times
from mlops.contract.proposal.words import text
from mlops.contract.rules import printable
from mlops.contract.statistics import text_of
from mlops.contract.suite import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Mapping


def logical_type(column: pd.Series, kind: str) -> str:
    if kind == "empty":
        dtype = column.dtype
        numeric = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        return "timestamp" if pd.api.types.is_datetime64_any_dtype(dtype) else "number" if numeric else "string"
    return {"datetime": "timestamp", "floating": "number"}.get(kind, kind if kind in ACCEPTED else "string")


def column(look: Look, name: str, description: str, remarks: list[str]) -> dict[str, Any]:
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
    elif kind == "string":
        text(look, name, quality, remarks)
    elif kind in {"timestamp", "date"}:
        times(look, name, quality, remarks)
    told = bands_of(look, name)
    quality += [expect(BANDS, told, severity="warn", per=bool(look.partition), stopBeyond=1)] if told else []
    return {**made, **({"quality": quality} if quality else {})}


def bands_of(look: Look, name: str) -> dict[str, Any]:
    """Return the bands of a column's numbers, as they stand in the contract."""
    column, kind = look.frame[name], look.kinds[name]
    if len(look.kinds) > WIDE or name in look.partition or name in look.mixed:
        return {}
    wanted = ["missing", "frozen"]
    different = distinct(column)
    few = different <= 12 and len(column) >= 10 * different
    if different > 0.9 * len(column) and kind in {"string", "integer"}:
        return nested(bands.learn(look.frame, name, ["missing"], look.parts))
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
    return nested(bands.learn(look.frame, name, wanted, look.parts, look.others))


def nested(flat: Mapping[str, list[float]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, band in flat.items():
        kind, _, inner = name.partition(" ")
        if inner:
            made.setdefault("shares" if kind == "share" else kind, {})[inner] = band
        else:
            made[name] = band
    return made

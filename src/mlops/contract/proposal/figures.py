"""What a contract says of a column of numbers: limits that they cannot honestly pass, and those that they are unlikely to."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops.contract.rules import printable
from mlops.contract.statistics import numbers
from mlops.contract.text import NUMBERS

if TYPE_CHECKING:
    from mlops.contract.proposal.look import Look

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


def limits(look: Look, name: str, quality: list[dict[str, Any]], remarks: list[str]) -> dict[str, Any]:
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
    if look.kinds[name] == "integer" and name in look.partition:
        return {}
    wide = high - low or abs(high) or 1.0
    named = look.kinds[name] == "integer" and name in look.keys
    far = (low - 10 * wide if low < 0 or (physical is None and not named) else 0.0, high + 10 * wide)
    near = (max(0.0, low - wide) if low >= 0 else low - wide, high + wide)
    near, limits = (far, (None, None)) if named else (near, physical or far)
    if not all(map(math.isfinite, (*far, *near))):
        return {}
    options = {side: plain(value, way) for side, value, way in (("minimum", limits[0], -1), ("maximum", limits[1], 1)) if value is not None}
    if physical is None or None in physical:
        arguments = {"minimum": plain(near[0], -1), "maximum": plain(near[1], 1)}
        quality.append({"metric": "invalidValues", "arguments": arguments, "mustBe": 0, "severity": "warn"})
    return {"logicalTypeOptions": options} if options else {}


def plain(value: float, way: int) -> float:
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

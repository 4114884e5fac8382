"""Numbers and names as a person reads them: the same in the page and on the screen.

Whatever is not a finite number is shown as a dash; nothing here raises on odd input, for a report about a broken run must still be written.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

NONE = "\N{EN DASH}"
METRIC_NAMES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro F1",
    "auc_ovr": "AUC, one-vs-rest",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "median_absolute_error": "median error",
}
_NAMES = METRIC_NAMES | {
    "latency_ms": "latency, p95",
    "size_mb": "size",
    "p95_ms": "answer time, p95",
    "smoke": "smoke test",
}
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def real(value: Any) -> float | None:
    """Return `value` as a finite number, or None where it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def plain(value: Any) -> str:
    """Return text without terminal escapes, control characters and marks that turn the reading direction: data must not draw."""
    return "" if value is None else _CONTROL.sub("", _ESCAPES.sub("", str(value))).replace("\t", "    ")


def line(value: Any) -> str:
    """Return `value` as plain text on one line."""
    return " ".join(plain(value).split())


def cut(words: str, most: int) -> str:
    """Return words of at most so many characters, with a mark where they were longer."""
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def places(*values: Any) -> int:
    """Return how many decimals tell these differences apart from zero: three, or four and five for small ones, and as fit another scale."""
    sizes = [abs(number) for value in values if (number := real(value))]
    smallest, largest = min(sizes, default=1.0), max(sizes, default=1.0)
    if largest >= 10 or largest < 0.00001:
        return scale(largest)
    return 3 if smallest >= 0.001 else 4 if smallest >= 0.0001 else 5


def scale(*values: float) -> int:
    """Return how many decimals show the largest of the values to three digits; a share has three decimals, from thousands on there are none."""
    largest = max(map(abs, values))
    if not largest or 0.01 <= largest < 10:
        return 3
    return min(12, max(0, 2 - math.floor(math.log10(largest)))) if largest < 1000 else 0


def measured(value: Any) -> str:
    """Return a metric's value, or a target's, whatever its scale: 0.742, 3,012,345, 0.000312."""
    number = real(value)
    return NONE if number is None else decimal(number, scale(number))


def bound(value: float | None) -> str:
    """Return a bound as somebody wrote it: 0.66, 3,000,000, 0.0003."""
    return NONE if value is None else f"{value:,.12g}"


def decimal(value: Any, digits: int = 3) -> str:
    """Return a number with `digits` decimals and a true minus sign."""
    number = real(value)
    return NONE if number is None else f"{number:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: Any, digits: int = 3) -> str:
    """Return a difference with its sign; zero has none."""
    number = real(value)
    if number is None:
        return NONE
    text = decimal(abs(number), digits)
    return text if float(text.replace(",", "")) == 0 else f"{'+' if number > 0 else chr(0x2212)}{text}"


def interval(low: Any, high: Any, digits: int = 3) -> str:
    """Return `[low, high]` with signs, or nothing where one end is missing."""
    if real(low) is None or real(high) is None:
        return ""
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def short_number(value: float) -> str:
    """Return a number for an axis: 0.25, 1,500, 20k, 3M."""
    size = abs(value)
    for least, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= least:
            return f"{value / (1e3 if unit == 'k' else least):.6g}{unit}".replace("-", "\N{MINUS SIGN}")
    return f"{value:,.6g}".replace("-", "\N{MINUS SIGN}")


def count(value: Any) -> str:
    """Return a whole number with thousands separated."""
    number = real(value)
    return NONE if number is None else f"{number:,.0f}"


def percent(value: Any, digits: int = 1) -> str:
    """Return a share between 0 and 1 as a percentage."""
    number = real(value)
    return NONE if number is None else f"{decimal(number * 100, digits)} %"


def seconds(value: Any) -> str:
    """Return a duration given in seconds."""
    number = real(value)
    if number is None:
        return NONE
    if number < 60:
        return f"{number:.2f} s" if number < 0.095 else f"{number:.1f} s"
    whole = round(number)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s"


def short(digest: Any) -> str:
    """Return a digest's kind and first eight characters, or a commit's first seven."""
    text = line(digest)
    kind, colon, rest = text.partition(":")
    return f"{kind}:{rest[:8]}" if colon else text[:7]


def moment(value: Any) -> str:
    """Return an ISO 8601 time to the minute, as it stands where it is not one."""
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return line(value) or NONE
    return f"{when.day} {when:%b %Y, %H:%M} {when.tzname() or ''}".strip()


def metric(name: Any) -> str:
    """Return a metric's name in words."""
    return _NAMES.get(str(name), line(name).replace("_", " "))

"""Numbers and names as a person reads them: the same in the page and on the screen.

Whatever is not a finite number is shown as a dash; nothing here raises on odd input, for a report about a broken run must still be written.
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

NONE = "\N{EN DASH}"
_NAMES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
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
    """Return how many decimals tell these numbers apart from zero: three, or four and five for very small ones."""
    sizes = [abs(number) for value in values if (number := real(value))]
    smallest = min(sizes, default=1.0)
    return 3 if smallest >= 0.001 else 4 if smallest >= 0.0001 else 5


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

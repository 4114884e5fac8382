"""One read of a contract: what both of its readers need, and every mistake that they meet."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.spec.source import Keys, Source, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops.errors import Problem

SEVERITIES = {"stop": "stop", "error": "stop", "critical": "stop", "warn": "warn", "warning": "warn", "info": "warn"}
_SHOWN = 8


@dataclass
class Reading:
    source: Source
    problems: list[Problem] = field(default_factory=list)

    def note(self, keys: Keys, message: str, hint: str | None = None) -> None:
        self.problems.append(self.source.problem(keys, message, hint))

    def line(self, keys: Keys) -> int:
        return self.source.problem(keys, "").line

    def severity(self, at: Keys, value: Any) -> str:
        if value not in SEVERITIES:
            self.note(at, f"unknown severity {value!r}", did_you_mean(str(value), SEVERITIES))
        return SEVERITIES.get(value, "stop")

    def number(self, at: Keys, value: Any) -> float | None:
        """Return a limit as a number, or None and a note."""
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return value
        self.note(at, f"{value!r} is not a number")
        return None

    def known(self, at: Keys, what: str, column: str, columns: Iterable[str]) -> None:
        if column not in columns:
            self.note(at, f"{what}, which is no column", did_you_mean(column, columns, label="columns"))

    def one_of(self, values: list[Any]) -> str:
        more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
        return f"must be one of {', '.join(map(str, values[:_SHOWN]))}{more}"

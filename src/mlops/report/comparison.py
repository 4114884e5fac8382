"""What the candidate was compared with, and by how much it differs: read from evidence.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.report import figures

if TYPE_CHECKING:
    from collections.abc import Mapping

FEW = 100  # rows; a slice of fewer tells little, and stands in the tables only
_WORDS = {"▲": "better", "≈": "no clear difference", "▼": "worse", "": "not available"}


@dataclass(frozen=True)
class Difference:
    """Candidate less the other, on the same rows, with the interval of the difference (a paired bootstrap's)."""

    label: str
    better: str
    candidate: float | None
    other: float | None
    difference: float | None
    low: float | None
    high: float | None
    rows: float | None = None
    group: str = ""

    @property
    def mark(self) -> str:
        """▲ where the whole interval is on the better side of zero, ▼ where it is on the worse, ≈ where it holds zero."""
        if self.low is None or self.high is None:
            return ""
        up, down = ("▲", "▼") if self.better == "higher" else ("▼", "▲")
        return up if self.low > 0 else down if self.high < 0 else "≈"

    @property
    def word(self) -> str:
        return _WORDS[self.mark]

    @property
    def gain(self) -> float:
        """By how much it got better, whichever way it goes; 0 where that is not known."""
        return (self.difference or 0.0) * (-1 if self.better == "lower" else 1)

    @property
    def digits(self) -> int:
        return figures.places(self.difference, self.low, self.high)

    @property
    def ends(self) -> str:
        """The interval as text."""
        return figures.interval(self.low, self.high, self.digits)

    @property
    def shown(self) -> str:
        """The difference and its interval as text."""
        return f"{figures.signed(self.difference, self.digits)} {self.ends}".strip()


@dataclass(frozen=True)
class Opponent:
    """Whom the candidate met: a champion (`v3`), the model of another commit, or a stated baseline."""

    short: str
    words: str
    """As it stands in a sentence, with its article."""
    champion: bool


def opponent(evidence: Any) -> Opponent:
    """Return whom the candidate was compared with."""
    against = mapping(mapping(evidence).get("against"))
    name = figures.line(against.get("name"))
    if against.get("kind") == "champion":
        version = f"v{against['version']}" if against.get("version") else name or "champion"
        return Opponent(version, f"the champion {version}", champion=True)
    if against.get("kind") == "base":
        return Opponent(name, f"the model of {name}", champion=False)
    return Opponent("baseline", f'the baseline "{name}"' if name else "the baseline", champion=False)


def metrics(evidence: Any) -> list[Difference]:
    """Return the difference in every metric, in the order of the evidence."""
    return [_difference(figures.metric(entry.get("name")), entry) for entry in mappings(mapping(evidence).get("metrics"))]


def slices(evidence: Any) -> list[Difference]:
    """Return the difference on every slice of the rows, those that fall the furthest first."""
    found = [_slice(entry) for entry in mappings(mapping(evidence).get("slices"))]
    return sorted(found, key=lambda s: (s.difference is None, s.gain))


def telling(slices: list[Difference]) -> list[Difference]:
    """Return the slices with enough rows to tell something; all where none has."""
    return [entry for entry in slices if entry.rows is None or entry.rows >= FEW] or slices


def worst_slice(evidence: Any) -> Difference | None:
    """Return the slice on which the candidate itself is at its worst."""
    scored = [entry for entry in telling(slices(evidence)) if entry.candidate is not None]
    return min(scored, key=lambda s: (s.candidate or 0.0) * (-1 if s.better == "lower" else 1), default=None)


def slice_metric(evidence: Any) -> str:
    """Return the name of the metric that the slices are compared by, in words."""
    names = [entry.get("metric") or entry.get("name") for entry in mappings(mapping(evidence).get("slices"))]
    return figures.metric(names[0]) if names else ""


def _slice(entry: Mapping[str, Any]) -> Difference:
    column = figures.line(entry.get("column"))
    return _difference(f"{column}={figures.line(entry.get('value'))}", {"better": "higher", **entry}, column)


def _difference(label: str, entry: Mapping[str, Any], group: str = "") -> Difference:
    numbers = {name: figures.real(entry.get(name)) for name in ("candidate", "other", "difference", "low", "high", "rows")}
    return Difference(label, str(entry.get("better") or "higher"), **numbers, group=group)


def mapping(value: Any) -> dict[str, Any]:
    """Return `value` where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """Return the mappings in a list; whatever else is in it, or is not a list, is left out."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []

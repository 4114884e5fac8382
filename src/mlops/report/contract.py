"""The data contract's result for a page: every rule with what became of it, and Great Expectations' own count of them.

What is shown as held was evaluated and successful; a rule that raised, or was declared and not evaluated, is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.report.comparison import mapping, mappings
from mlops.report.figures import count, line, real

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops.report.pieces import Piece


@dataclass(frozen=True)
class Expectation:
    """One rule: what about, what it says, whether it held, what was found; `stops` where breaking it ends a run."""

    about: str
    says: str
    held: bool
    found: str
    stops: bool
    examples: tuple[str, ...] = ()
    """The first rows that break it, by their key."""
    since: str = ""
    """The first partition that breaks it."""
    drawn: str = ""
    """The last partitions as a line of bars."""
    remark: str = ""

    @property
    def tone(self) -> str:
        return "good" if self.held else "bad" if self.stops else ""


@dataclass(frozen=True)
class Contract:
    """All of them; `missing` says why there are none."""

    held: int
    evaluated: int
    declared: int
    expectations: tuple[Expectation, ...] = ()
    summary: str = ""
    """What the step that checked it said of itself."""
    missing: str = ""
    owner: str = ""

    @property
    def tone(self) -> str:
        """Bad where a rule that stops is broken, or one was not evaluated, or there are none."""
        if not self.declared or self.evaluated < self.declared or any(e.tone == "bad" for e in self.expectations):
            return "bad"
        return "good" if self.held == self.declared else ""


def read_contract(validation: Piece, summary: str = "") -> Contract:
    """Return what a validation.json says: the contract room's, or a bare result of Great Expectations."""
    if not validation:
        return Contract(0, 0, 0, missing=validation.missing)
    suites = list(_suites(validation.value))
    if not suites:
        return Contract(0, 0, 0, missing="validation.json holds no result of Great Expectations")
    rules = [_rule(entry) for entry in mappings(mapping(validation.value).get("rules"))]
    found = rules or [_result(entry) for suite in suites for entry in mappings(suite.get("results"))]
    held, evaluated = (_counted(suites, f"{which}_expectations") for which in ("successful", "evaluated"))
    declared = int(real(mapping(validation.value).get("declared")) or max(len(found), evaluated))
    return Contract(
        held, evaluated, declared, tuple(sorted(found, key=lambda e: e.held)), summary, owner=line(mapping(validation.value).get("owner"))
    )


def _counted(suites: list[dict[str, Any]], name: str) -> int:
    return sum(int(real(mapping(suite.get("statistics")).get(name)) or 0) for suite in suites)


def _suites(value: Any) -> Iterator[dict[str, Any]]:
    """The validation results in a JSON value, wherever they stand."""
    if isinstance(value, dict) and isinstance(value.get("statistics"), dict):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _suites(inner)


def _rule(entry: dict[str, Any]) -> Expectation:
    columns = entry.get("columns")
    about = ", ".join(map(line, columns)) if isinstance(columns, list) and columns else "rows"
    failed = f"{count(entry.get('failed'))} of {count(entry.get('total'))}" if real(entry.get("failed")) else ""
    found = ", ".join(filter(None, (failed, line(entry.get("observed")))))
    held = entry.get("outcome") == "held"
    says = line(entry.get("wording") or entry.get("rule"))
    told = found if held else ": ".join(filter(None, (line(entry.get("outcome")), found)))
    examples = entry.get("examples")
    rows = tuple(map(line, examples)) if isinstance(examples, list) else ()
    more = {name: line(entry.get(name)) for name in ("since", "drawn", "remark")}
    return Expectation(f"{line(entry.get('table'))}.{about}", says, held, told, entry.get("severity") != "warn", rows, **more)


def _result(result: dict[str, Any]) -> Expectation:
    config = mapping(result.get("expectation_config"))
    given = mapping(config.get("kwargs"))
    about = line(given.get("column") or ", ".join(map(str, given.get("column_list") or [])) or "the table")
    kind = line(config.get("type") or config.get("expectation_type")).removeprefix("expect_").replace("_", " ")
    return Expectation(about, kind, result.get("success") is True, _found(result), config.get("severity") not in {"warning", "info"})


def _found(result: dict[str, Any]) -> str:
    raised = mapping(result.get("exception_info"))
    if raised.get("raised_exception"):
        return line(raised.get("exception_message")) or "it raised"
    seen = mapping(result.get("result"))
    unexpected = real(seen.get("unexpected_count"))
    if unexpected is None:
        return line(seen.get("observed_value", ""))[:120]
    examples = ", ".join(line(value) for value in (seen.get("partial_unexpected_list") or [])[:3])
    return f"{count(unexpected)} of {count(seen.get('element_count'))} unexpected" + (f": {examples}" if unexpected and examples else "")

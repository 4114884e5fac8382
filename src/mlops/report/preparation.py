"""How the rows went from raw files to what the model learnt from: for the page of a run, one line for each part of the preparation.

A step that was reused did not run in this run: what it counted stands in the log of the run that it ran in, beside its outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.datasets.counts import Counts, read
from mlops.report.comparison import mapping
from mlops.report.figures import count, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

USUAL = ("rows_in", "rows_out", "columns_in", "columns_out", "rows_quarantined")


@dataclass(frozen=True)
class Part:
    """One line: numbers as a person reads them, empty where they were not counted."""

    name: str
    step: str
    """The step that it is a part of, where that has another name."""
    table: str
    rows_in: str
    rows_out: str
    columns_in: str
    columns_out: str
    more: str
    """What else was counted, rows in quarantine and rows left out above all."""
    given: str
    """The step's own parameters."""


def parts(run: Mapping[str, Any], folder: Path) -> list[Part]:
    """Return the parts of a run's preparation, in the order of its steps."""
    return [
        _part(counts, str(step), mapping(facts), first=index == 0)
        for step, facts in mapping(run.get("steps")).items()
        for index, counts in enumerate(_counted(mapping(facts), folder, str(step)))
    ]


def _counted(facts: Mapping[str, Any], folder: Path, step: str) -> tuple[Counts, ...]:
    """Return what a step's log says, its own or that of the earlier run whose outputs were reused; only logs below the runs are read."""
    for log in _logs(facts, folder, step):
        if log.resolve().is_relative_to(folder.resolve().parent) and (found := read(log)):
            return found
    return ()


def _logs(facts: Mapping[str, Any], folder: Path, step: str) -> Iterator[Path]:
    yield folder / "steps" / step / "log.txt"
    for product in mapping(facts.get("outputs")).values():
        place = Path(str(mapping(product).get("path")))
        if place.parent.name == "outputs":
            yield place.parent.parent / "log.txt"


def _part(counts: Counts, step: str, facts: Mapping[str, Any], *, first: bool) -> Part:
    numbers = counts.numbers
    lost = numbers.get("rows_in", 0) - numbers.get("rows_out", 0) - numbers.get("rows_quarantined", 0) if "rows_in" in numbers else 0
    more = [f"{count(numbers['rows_quarantined'])} to quarantine"] if numbers.get("rows_quarantined") else []
    more += [f"{count(lost)} left out"] if lost > 0 and numbers.get("rows_out") is not None else []
    more += [f"{count(number)} {name.replace('_', ' ')}" for name, number in numbers.items() if name not in USUAL]
    literals = [
        f"{line(name)}={line(mapping(value).get('value'))}"
        for name, value in mapping(facts.get("inputs")).items()
        if "value" in mapping(value)
    ]
    shown = {name: count(numbers[name]) if name in numbers else "" for name in USUAL[:4]}
    same = counts.part == step
    return Part(
        counts.part, "" if same else step, counts.table, **shown, more=", ".join(more), given=", ".join(literals) if first and same else ""
    )

"""The trials of a sweep: what is kept of each, so that a sweep that was killed does not run them again, and the table that people read."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.files import digest_folder, link_or_copy, locked

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = 1 << 20  # bytes; a code file of this size is linked into a trial's folder, not copied


@dataclass
class Trial:
    """One trial, on its way or ended."""

    number: int
    parameters: dict[str, Any]
    state: str = "running"
    """running, completed, stopped (by the policy, or its time limit), failed."""
    reason: str = ""
    history: list[float] = field(default_factory=list)
    """The primary metric as it was logged."""
    seconds: float = 0.0
    run: str = ""
    """Its run in MLflow."""
    folder: str = ""
    digest: str = ""
    """Of its outputs, once it has completed."""

    def best(self, goal: str) -> float | None:
        """Return the best value that it logged, or None where it logged no number."""
        numbers = [value for value in self.history if math.isfinite(value)]
        return (max if goal == "maximize" else min)(numbers, default=None)

    @property
    def outputs(self) -> Path:
        return Path(self.folder) / "outputs"


def best_of(trials: list[Trial], goal: str) -> Trial | None:
    """Return the completed trial with the best value, the first of equals; None where no completed trial has one."""
    judged = [(trial.best(goal), trial) for trial in trials if trial.state == "completed"]
    found = [(value if goal == "minimize" else -value, trial.number, trial) for value, trial in judged if value is not None]
    return min(found, key=lambda each: each[:2])[2] if found else None


class Ledger:
    """The ended trials of one sweep, a line each; killed and failed ones are not among them, so that they run again.

    Args:
        folder: The same for every run of the same sweep; None to keep nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def read(self) -> list[Trial]:
        """Return what is kept, less the completed trials whose outputs are not what they were."""
        path = self.folder / "trials.jsonl" if self.folder else None
        if path is None or not path.is_file():
            return []
        found = {trial.number: trial for trial in _parse(path.read_text(encoding="utf-8"))}
        return [trial for trial in found.values() if trial.state == "stopped" or _whole(trial)]

    def keep(self, trial: Trial) -> None:
        """Write an ended trial down."""
        if self.folder is None or trial.state not in {"completed", "stopped"}:
            return
        with locked(self.folder / "lock"), (self.folder / "trials.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(trial)) + "\n")

    def forget(self) -> None:
        """The sweep is done: the engine keeps its outputs now."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _parse(text: str) -> Iterator[Trial]:
    for line in text.splitlines():
        try:
            yield Trial(**json.loads(line))
        except (ValueError, TypeError):  # the line that was being written when the machine went down
            continue


def _whole(trial: Trial) -> bool:
    try:
        return digest_folder(trial.outputs) == trial.digest
    except OSError:
        return False


def copy_folder(source: Path, target: Path) -> None:
    """Copy a code folder for one trial; large files are linked."""

    def copy(one: str, other: str) -> None:
        if Path(one).stat().st_size >= LARGE:
            link_or_copy(one, other)
        else:
            shutil.copy2(one, other)

    shutil.copytree(source, target, copy_function=copy, dirs_exist_ok=True)


def shown_value(value: Any) -> str:
    """Return a parameter or metric as it stands in a line for people."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def shown_parameters(parameters: dict[str, Any]) -> str:
    """Return parameters in one line."""
    return ", ".join(f"{name}={shown_value(value)}" for name, value in parameters.items())


def table(trials: list[Trial], metric: str, goal: str) -> str:
    """Return the trials as lines, the best first."""
    worst = -math.inf if goal == "maximize" else math.inf

    def order(trial: Trial) -> tuple[bool, float, int]:
        value = trial.best(goal)
        value = worst if value is None else value
        return trial.state != "completed", -value if goal == "maximize" else value, trial.number

    head = ("trial", "state", metric, "seconds", "parameters")
    rows = [head]
    for trial in sorted(trials, key=order):
        value = trial.best(goal)
        cells = (str(trial.number), trial.state, "-" if value is None else f"{value:.6g}", f"{trial.seconds:.1f}")
        rows.append((*cells, shown_parameters(trial.parameters)))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows)

"""How far a running step is: the trials of a sweep and the mini-batches of a parallel step, in the words of the local engine; else what its log says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops.azure.following import ENDED
from mlops.local.kinds.trials import shown_value
from mlops.local.progress import progress_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops.azure.measures import Measures
    from mlops.azure.plane import Plane
    from mlops.azure.store import Logs
    from mlops.spec.values import Component

_TAIL = 4096  # bytes


@dataclass
class Parts:
    """Looks at one running step at a time, and returns what is new of it."""

    plane: Plane
    logs: Logs
    measures: Measures
    _told: dict[str, str] = field(default_factory=dict)

    def news(self, step: str, run: str, component: Component | None, log: Path) -> str:
        """Return how far a step is, or the empty string where that was told before.

        Args:
            step: The step's name.
            run: The name of its run.
            component: What it runs, where that was known before the job began.
            log: Its log here, as far as it was brought.
        """
        kind = component.kind if component else ""
        said = self._trials(run, component.job or {}) if component and kind == "sweep" else ""
        said = said or (self.logs.batches(run) if kind == "parallel" else "") or _spoken(log)
        if said == self._told.get(step, ""):
            return ""
        self._told[step] = said
        return said

    def _trials(self, run: str, job: Mapping[str, Any]) -> str:
        """Return how many trials have ended, and the best of them."""
        trials = list(self.plane.children(run))
        ended = [one["runId"] for one in trials if one.get("status") in ENDED]
        if not trials:
            return ""
        metric, goal = job["objective"]["primary_metric"], job["objective"]["goal"]
        values = {name: told[metric] for name, told in self.measures.below(run).items() if metric in told and name in ended}
        best = (max if goal == "maximize" else min)(values, key=lambda name: values[name], default="")
        leads = [f"best {shown_value(values[best])} (trial {best.rpartition('_')[2]})"] if best else []
        return ", ".join([f"{len(ended)} of {job['limits']['max_total_trials']} trials", *leads])


def _spoken(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            return progress_in(file.read().decode(errors="replace"))
    except OSError:
        return ""

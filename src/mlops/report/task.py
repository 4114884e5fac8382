"""What a report says by the task of the model: which metric decides, and what of the target is told beside it.

Read from the evidence, or where a run was not compared from the names of the metrics that its own evaluation wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.report import figures
from mlops.report.comparison import mapping, mappings
from mlops.settings import METRICS, METRICS_OF, USUAL_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops.report.pieces import Pieces

_BESIDE: Mapping[str, tuple[str, str, Callable[[Any], str]]] = {
    "binary": ("positive_share", "share of", figures.percent),
    "regression": ("mean_target", "mean of", figures.measured),
}


@dataclass(frozen=True)
class Told:
    """A model's task, the metric that decides about it, and what its target is called."""

    task: str
    metric: str
    target: str

    @property
    def title(self) -> str:
        return figures.metric(self.metric)

    @property
    def lost(self) -> str:
        """What the loss of a feature does to the metric."""
        return f"{'rise' if METRICS.get(self.metric) == 'lower' else 'fall'} of {self.title} when shuffled"

    @property
    def beside(self) -> str:
        """What of the target is told beside the metric; empty where there is no one number."""
        known = _BESIDE.get(self.task)
        return f"{known[1]} {self.target}" if known else ""

    def target_of(self, facts: Mapping[str, Any]) -> float | None:
        """Return that number of some rows."""
        known = _BESIDE.get(self.task)
        return figures.real(facts.get(known[0])) if known else None

    def target_shown(self, facts: Mapping[str, Any]) -> str:
        """Return it as a person reads it."""
        return self.number(self.target_of(facts))

    def number(self, value: float | None) -> str:
        """Return a value of what `beside` names as a person reads it."""
        known = _BESIDE.get(self.task)
        return known[2](value) if known else ""


def told(found: Pieces) -> Told:
    """Return what a run's model is asked for."""
    evidence, own = mapping(found.evidence.value), mapping(found.evaluation["metrics"].value)
    task = str(evidence.get("task") or _guess(own))
    decides = [str(entry.get("name")) for entry in mappings(evidence.get("metrics"))]
    known = [name for name in own if name in METRICS_OF[task]] if task in METRICS_OF else []
    metric = next(iter([*decides, *known]), USUAL_METRICS.get(task, "auc"))
    return Told(task, metric, _target(found.run) or ("positives" if task == "binary" else "the target"))


def _guess(own: Mapping[str, Any]) -> str:
    fits = [task for task, names in METRICS_OF.items() if (set(names) - {"log_loss"}) & set(own)]
    return fits[0] if fits else "binary"


def _target(run: Mapping[str, Any]) -> str:
    """Return the target that any step was given."""
    for facts in mapping(run.get("steps")).values():
        target = mapping(mapping(mapping(facts).get("inputs")).get("target")).get("value")
        if target:
            return figures.line(target)
    return ""

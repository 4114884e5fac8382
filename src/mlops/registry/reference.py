"""What a version was made from, in numbers: the profile that newer rows are held against, small enough to travel with the model.

It holds no rows. Of each column: the bins and how full they are, how much is missing, and of a category the values that were there. The scores
and the metrics are those of the held-out rows, for on the rows that it learnt from a model flatters itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlops.registry.bootstrap import estimate
from mlops.registry.task import metrics_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mlops.registry.metrics import Numbers
    from mlops.registry.task import Scores, Task

FILE = "reference.json"
BINS = 10
OWN_BIN = 20
"""So many of a column's most frequent categories have a bin of their own; the rest share one."""
MOST_VALUES = 1000
"""More values of a category than this are not listed: what is new among them cannot be told then."""


def reference(
    rows: pd.DataFrame, kind: str, test: pd.DataFrame, task: Task, truth: Any, scores: Scores, columns: Sequence[str], **settings: Any
) -> dict[str, Any]:
    """Return the reference of a version, as JSON has it.

    Args:
        rows: What its columns are profiled on.
        kind: Which rows these are: train or test.
        test: The held-out rows.
        task: What the model is asked for.
        truth: What is true of each of them, shape (n,).
        scores: What the model says to each of them.
        columns: The model's inputs.
        settings: `window` (the column that says when a row is from, or None), `resamples`, `confidence` and `seed` of the intervals.
    """
    window, bounds = settings["window"], {key: settings[key] for key in ("resamples", "confidence", "seed")}
    target, said = task.aligned(truth, scores)
    known = [name for part in (rows, test) if window in part for name in windows(part[window])]
    return {
        "task": task.name,
        "kind": kind,
        "rows": len(rows),
        "last": max(known, default=None),
        "columns": {name: profile(rows[name]) for name in columns if name in rows},
        "score": profile(task.watched(scores)),
        "mean_score": mean_score(task, scores),
        **task.facts(truth),
        "held_out": len(test),
        "metrics": {name: vars(found) for name, found in estimate(target, said, metrics_of(task), **bounds).items()},
        **bounds,
    }


def mean_score(task: Task, scores: Scores) -> float | None:
    """Return the mean of what was predicted; None where that is a class."""
    found = task.watched(scores)
    return float(found.mean()) if _is_number(found) else None


def windows(values: pd.Series) -> list[Any]:
    """Return the windows that there are, in their order: whole numbers, or texts and times as ISO 8601 writes them."""
    found = {plain(value) for value in values.dropna().unique().tolist()}
    return sorted(found)


def plain(window: Any) -> Any:
    """Return a window's name as JSON has it."""
    return window.isoformat() if hasattr(window, "isoformat") else window if isinstance(window, int) else str(window)


def profile(values: pd.Series) -> dict[str, Any]:
    """Return a column's bins, how full each is, and the share of its values that is missing (or not finite)."""
    made: dict[str, Any] = {"kind": "number", "edges": _edges(numbers(values))} if _is_number(values) else _categories(values)
    return made | {"rows": len(values), **fill(made, values)}


def fill(made: Mapping[str, Any], values: pd.Series) -> dict[str, Any]:
    """Return how full a profile's bins are with other values: `shares` and `missing` together are 1. `distinct` counts to two."""
    if made["kind"] == "number":
        found = numbers(values)
        counts = np.bincount(np.searchsorted(made["edges"], found, side="left"), minlength=len(made["edges"]) + 1)
        distinct = len(np.unique(found))
    else:
        words = values.dropna().astype(str)
        at = {value: index for index, value in enumerate(made["values"][:OWN_BIN])}
        counts = np.bincount(words.map(at).fillna(OWN_BIN).to_numpy(int), minlength=OWN_BIN + 1)
        distinct = words.nunique()
    rows = max(len(values), 1)
    return {"shares": [float(count) / rows for count in counts], "missing": 1 - float(counts.sum()) / rows, "distinct": min(distinct, 2)}


def numbers(values: pd.Series) -> Numbers:
    """Return the finite numbers of a column, times as seconds; what is no number is missing."""
    import pandas as pd

    if values.dtype.kind == "M":
        plain = values.dt.tz_convert(None) if values.dt.tz is not None else values
        values = (plain - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    found: Numbers = pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan)
    return found[np.isfinite(found)]


def _is_number(values: pd.Series) -> bool:
    return values.dtype.kind in "iufM"


def _edges(found: Numbers) -> list[float]:
    """Return the inner edges of bins of equal frequency; a value that fills several bins makes one of them."""
    return [float(edge) for edge in np.unique(np.quantile(found, np.linspace(0, 1, BINS + 1)[1:-1]))] if len(found) else []


def _categories(values: pd.Series) -> dict[str, Any]:
    counts = values.dropna().astype(str).value_counts()
    ordered = sorted(counts.index, key=lambda value: (-counts[value], value))
    return {"kind": "category", "values": ordered[:MOST_VALUES], "complete": len(ordered) <= MOST_VALUES}

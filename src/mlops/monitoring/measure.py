"""Measure newer rows, window by window, beside the reference of the version that is in production.

    python -m mlops.monitoring.measure --model DIR --rows FILE --reference FILE --settings FILE --trusted FILE --out DIR

Only windows after the last one that the version was tested on are looked at: those before it are what it is held against. Writes
`measures.json`; what follows from it is decided in `verdict.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, MlopsError, UsageError
from mlops.files import write_json
from mlops.monitoring.drift import change, column
from mlops.registry.bootstrap import estimate
from mlops.registry.compare import inputs_of
from mlops.registry.model import load
from mlops.registry.reference import mean_score, plain, windows
from mlops.registry.task import scores_of, task_of, truth_of
from mlops.settings import TASKS
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mlops.registry.task import Scores, Task

TOLD = ("task", "kind", "rows", "last", "held_out", "mean_score", "positive_share", "mean_target", "confidence")
"""What is told of the reference beside the windows."""
MOST = 24
"""Windows that are looked at: the newest ones."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write, and print one line."""
    arguments = _parser().parse_args(argv)
    try:
        measures = measure(arguments)
    except MlopsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    found = measures["windows"]
    span = f"{found[0]['window']} to {found[-1]['window']}, {sum(one['rows'] for one in found):,} rows" if found else "no newer rows"
    print(f"{len(found)} windows, {span}, {len(measures['columns'])} columns")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mlops.monitoring.measure", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name, what in {
        "model": "folder of the version in production",
        "rows": "Parquet file of rows in windows, with the model's inputs, and the target where it is known",
        "reference": "reference.json of that version",
        "settings": "JSON of the environment's `monitor` section",
        "trusted": "JSON list of the types that a model file may hold",
        "out": "folder to write measures.json into",
    }.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--window", required=True, help="the column that says which window a row belongs to")
    parser.add_argument("--target", required=True, help="column to predict")
    parser.add_argument("--task", choices=TASKS, default="binary", help="what the model is asked for")
    parser.add_argument("--positive", default="1", help="the value of the positive class, of a binary task")
    return parser


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the measures, after writing them.

    Raises:
        JobFailed: The rows lack the window or an input, or the model cannot score them.
        UsageError: The settings name a column that is no input of the model.
    """
    import pandas as pd

    settings, reference, trusted = (
        json.loads(getattr(arguments, name).read_text(encoding="utf-8")) for name in ("settings", "reference", "trusted")
    )
    rows, inputs = pd.read_parquet(arguments.rows), inputs_of(arguments.model)
    parts = _newer(rows, arguments.window, reference["last"], arguments.rows)
    columns = _chosen(settings["columns"], inputs)
    measured, task = [], task_of(arguments.task, arguments.positive)
    if parts:
        model = load(arguments.model, trusted=trusted)
        for name, part in parts[-MOST:]:
            scores = scores_of(task, model, part, inputs, f"the rows of {name}")
            looked = _window(part, task, scores, columns, reference, settings)
            measured.append({"window": name, **looked, **_performance(part, task, scores, reference, settings, arguments)})
    found = {
        "reference": {key: reference[key] for key in TOLD if key in reference},
        "metric": {"name": settings["metric"], **_before(reference, settings)},
        "columns": columns,
        "windows": measured,
    }
    write_json(arguments.out / "measures.json", found)
    return found


def _newer(rows: pd.DataFrame, window: str, last: Any, where: Path) -> list[tuple[Any, pd.DataFrame]]:
    """Return each window after `last` with its rows, in order."""
    if window not in rows:
        hint = did_you_mean(window, rows.columns, label="columns")
        raise JobFailed(f"the rows have no column {window!r}, which project.yml names as their window", where=str(where), hint=hint)
    lost = int(rows[window].isna().sum())
    if lost:
        raise JobFailed(f"{lost:,} of {len(rows):,} rows say no {window}: they belong to no window", where=str(where))
    try:
        names = [name for name in windows(rows[window]) if last is None or name > last]
    except TypeError as error:
        message = f"the windows in column {window!r} cannot be put in order, or not after {last!r}, the last one that the version knows"
        raise JobFailed(message, where=str(where), hint="Write them all in one way, such as 2013-09.") from error
    labels = rows[window].map(plain)
    return [(name, rows[labels == name].reset_index(drop=True)) for name in names]


def _chosen(wanted: Sequence[str], inputs: Sequence[str]) -> list[str]:
    unknown = next((name for name in wanted if name not in inputs), None)
    if unknown is not None:
        hint = did_you_mean(unknown, inputs, label="inputs")
        raise UsageError(f"monitor.columns names {unknown!r}, which is no input of the model", hint=hint)
    return list(wanted or inputs)


def _window(
    part: pd.DataFrame, task: Task, scores: Scores, columns: Sequence[str], reference: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    known, least = reference["columns"], settings["min_rows"]
    absent = {"psi": None, "missing": None, "reference_missing": None, "new": None, "why": "the reference has no such column", "told": True}
    return {
        "rows": len(part),
        "columns": {name: column(known[name], part[name], least) if name in known else absent for name in columns},
        "score": column(reference["score"], task.watched(scores), least),
        "mean_score": mean_score(task, scores),
    }


def _performance(
    part: pd.DataFrame,
    task: Task,
    scores: Scores,
    reference: Mapping[str, Any],
    settings: Mapping[str, Any],
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Return the metric on the rows whose answer is known by now, and why there is none."""
    metric, least = settings["metric"], settings["min_rows"]
    labelled = part[arguments.target].notna() if arguments.target in part else part.index < 0
    count = int(labelled.sum())
    told: dict[str, Any] = {"labelled": count, "performance": None, "unmeasured": ""}
    if count < least:
        return told | {"unmeasured": f"the answer is known of {count:,} rows, and {least:,} are needed" if count else "no answers yet"}
    truth = truth_of(task, part[labelled], arguments.target, arguments.rows, "the newest rows")
    target, said = task.aligned(truth, scores.of(labelled))
    bounds = {key: reference[key] for key in ("resamples", "confidence", "seed")}
    now = vars(estimate(target, said, [metric], **bounds)[metric])
    told |= task.facts(truth) | {"performance": now | change(metric, now, _before(reference, settings))}
    return told | {"unmeasured": "" if now["value"] is not None else "it cannot be computed: the answer is the same everywhere"}


def _before(reference: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the metric on the held-out rows; unknown where the version is from before the model had another task."""
    return dict(reference["metrics"].get(settings["metric"]) or dict.fromkeys(("value", "low", "high")))


if __name__ == "__main__":
    sys.exit(main())

"""What the model and a guess come to on the test rows, measured with the very steps that the project will run: gates are drawn from it.

The steps run in a temporary folder, in this process and quietly. Which estimator is taken, boosted trees or a linear one, a short
cross-validation on training rows decides: small tables need the linear one.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import math
import os
import shutil
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops.errors import JobFailed
from mlops.files import read_json, write_json
from mlops.settings import METRICS, CompareRule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops.adopt.layout import Layout
    from mlops.adopt.plan import Plan

ESTIMATORS = ("trees", "linear")
MOST_ROWS = 4_000
MOST_FEATURES = 300
"""Rows and columns that the choice of an estimator is made on; with more columns, fewer rows."""
SCORING = {
    "auc": "roc_auc",
    "average_precision": "roc_auc",
    "log_loss": "neg_log_loss",
    "brier": "neg_log_loss",
    "calibration_error": "neg_log_loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "f1_macro": "f1_macro",
    "auc_ovr": "neg_log_loss",
    "rmse": "neg_root_mean_squared_error",
    "mae": "neg_mean_absolute_error",
    "median_absolute_error": "neg_median_absolute_error",
    "r2": "neg_root_mean_squared_error",
}
"""What a cross-validation goes by where a metric decides, in scikit-learn's words: one that takes classes of any kind, and small folds."""
HARMLESS = {
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": "boosted trees",
    "numpy.dtype": "the type of a column, as an imputer notes it",
    "numpy.asarray": "how transform.py makes plain arrays of both kinds of input",
    "numpy.ravel": "texts, from a column to a list",
    "numpy.reshape": "times, from a list to a column",
    "pandas.to_datetime": "times, whatever they come as",
    "scipy.interpolate._bsplines.BSpline": "where in the year, the week and the day a time is",
    "scipy._lib.array_api_compat.numpy._aliases.asarray": "what those curves make their arrays with",
    "sklearn.model_selection._split.KFold": "how a category of many values is encoded without looking at its own row",
    "scipy.sparse._csr.csr_matrix": "rows of a linear model",
}
"""The types beyond skops' own that the starter's models hold, and what for. No other is ever written into a project by adopting."""


@dataclass(frozen=True)
class Measured:
    """What came out. The metric's `gain` is positive where the model is better than the guess, whichever way the metric counts."""

    estimator: str
    scores: Mapping[str, float]
    """Of the cross-validation, by estimator: higher is better."""
    metric: str
    model: float | None
    guess: float | None
    low: float | None
    """Lower end of the gain's interval."""
    rows: int
    train_rows: int
    metrics: Mapping[str, Any]
    latency_ms: float
    size_mb: float
    trusted: tuple[str, ...]
    guess_words: str
    quarantined: int = 0
    seconds: float = 0.0

    @property
    def gain(self) -> float | None:
        if self.model is None or self.guess is None:
            return None
        return self.model - self.guess if METRICS[self.metric] == "higher" else self.guess - self.model


def measure(
    plan: Plan, layout: Layout, stage: Path, out: Path, set_estimator: Callable[[str, tuple[str, ...]], None], say: Callable[[str], None]
) -> Measured:
    """Run the steps of the project in `stage` with outputs in `out`.

    Args:
        plan: What was decided.
        layout: Where its files are in `stage`.
        stage: A folder with all files of the project but the gates.
        out: An empty folder.
        set_estimator: Called with the chosen one and the types to trust, before the model is trained: writes both into the files.
        say: Called with a line for each part of the work that is done.

    Raises:
        JobFailed: A step says no; its own words are in the message.
    """
    began = time.monotonic()
    by_hand = _module(stage / layout.package / "by_hand.py")
    flow = by_hand.Pipeline(stage / layout.pipelines / "train.yml", out)
    for step in ("import", "validate", "clean", "split"):
        say(f"{step:<10}{_run(flow, step)}")
    with by_hand.own_modules(), _quiet():
        scores, trusted = _choose(plan, flow)
    estimator = max(scores, key=lambda name: scores[name])
    set_estimator(estimator, trusted)
    flow = by_hand.Pipeline(stage / layout.pipelines / "train.yml", out)
    for step in ("train", "evaluate"):
        say(f"{step:<10}{_run(flow, step)}")
    evidence = _compare(plan, layout, stage, out, trusted)
    for cached in sorted(stage.rglob("__pycache__")):  # else it would be committed
        shutil.rmtree(cached)
    return _measured(plan, out, evidence, estimator, scores, trusted, time.monotonic() - began)


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("adopted_by_hand", path)
    if spec is None or spec.loader is None:
        raise JobFailed("this is no module", where=str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _quiet() -> Any:
    """Let nothing of a step reach the terminal, nor MLflow; give what it printed."""
    run = os.environ.pop("MLFLOW_RUN_ID", None)
    try:
        with io.StringIO() as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield said
    finally:
        if run is not None:
            os.environ["MLFLOW_RUN_ID"] = run


def _run(flow: Any, step: str) -> str:
    """Run a step and return the last line that it printed."""
    with _quiet() as said:
        try:
            flow.run(step)
        except SystemExit as stop:
            if stop.code not in {0, None}:
                words = stop.code if isinstance(stop.code, str) else said.getvalue().strip()
                raise JobFailed(f"the step `{step}` says no: {words}", where="a trial of the steps", hint="Nothing was changed.") from None
        lines = said.getvalue().strip().splitlines()
    return lines[-1] if lines else ""


def _choose(plan: Plan, flow: Any) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return how well each estimator does in the cross-validation of the project's own search, and the types that a file of either holds.

    Runs where `import model` finds the project's own.
    """
    import pandas as pd
    import skops.io
    from threadpoolctl import threadpool_limits

    model, columns_of, train = map(importlib.import_module, ("model", "columns", "train"))

    columns = columns_of.read_columns(Path(flow.inputs["columns"]))
    table = pd.read_parquet(flow.folder / "split/train")
    most = max(200, min(MOST_ROWS, MOST_ROWS * MOST_FEATURES // max(MOST_FEATURES, len(columns.features))))
    rows = _sampled(plan, table, most, columns, train.FOLDS)
    data, target = rows[columns.features], model.answers(rows[columns.target])
    settings = {name: yaml.safe_load(flow.inputs[name]) for name in model.TREES}
    scores, trusted = {}, set()
    with threadpool_limits(1):
        for name in ESTIMATORS:
            made = model.build(columns, name, 7, float(flow.inputs["strength"]), **settings)
            folds, asked = train.folded(made, rows, columns, 7)
            found = (
                train.score(made, asked, columns, SCORING[plan.metric], folds) if train.judged(made, asked, columns, folds) else math.nan
            )
            scores[name] = found if math.isfinite(found) else -math.inf
            trusted |= set(skops.io.get_untrusted_types(data=skops.io.dumps(made.fit(data, target))))
    stray = trusted - set(HARMLESS)
    if stray:
        raise JobFailed(
            f"the model would hold {', '.join(sorted(stray))}, which nobody looked at", hint="This is a fault of ours: please report it."
        )
    return scores, tuple(sorted(trusted))


def _sampled(plan: Plan, table: Any, most: int, columns: Any, folds: int) -> Any:
    """Return up to `most` rows; of a classification those of classes that each fold can hold."""
    if plan.task != "regression":
        rows = table[columns.target].map(table[columns.target].value_counts())
        common = table[rows >= folds]
        table = common if len(common[columns.target].unique()) > 1 else table
    return table if len(table) <= most else table.sample(most, random_state=7).sort_index()


def _compare(plan: Plan, layout: Layout, stage: Path, out: Path, trusted: tuple[str, ...]) -> dict[str, Any]:
    """Return the evidence that the gate will look at, made by the step that makes it in each run."""
    from mlops.registry.compare import main

    folder = out / "compare"
    folder.mkdir(parents=True)
    write_json(folder / "rules.json", {"compare": asdict(CompareRule("on", plan.metric)), "slices": None, "limits": []})
    write_json(folder / "trusted.json", list(trusted))
    given = {
        "model": out / "train/model",
        "test": out / "split/test",
        "evaluation": out / "evaluate/evaluation",
        "train": out / "split/train",
        "rules": folder / "rules.json",
        "trusted": folder / "trusted.json",
        "contract": stage / layout.contract,
        "out": folder,
        "target": plan.target,
        "task": plan.task,
    }
    if plan.task == "binary":
        given["positive"] = int(plan.positive) if isinstance(plan.positive, bool) else plan.positive
    with _quiet() as said:
        code = main([f"--{name}={value}" for name, value in given.items()])
        told = said.getvalue().strip()
    if code:
        raise JobFailed(f"the model cannot be compared with a guess: {told}")
    found: dict[str, Any] = read_json(folder / "evidence.json")
    return found


def _measured(
    plan: Plan, out: Path, evidence: dict[str, Any], estimator: str, scores: dict[str, float], trusted: tuple[str, ...], seconds: float
) -> Measured:
    import pandas as pd

    told = evidence["metrics"][0]
    low = told["low"] if METRICS[plan.metric] == "higher" or told["high"] is None else -told["high"]
    quarantine = next((out / "validate/quarantine").glob("*.parquet"), None)
    return Measured(
        estimator=estimator,
        scores=scores,
        metric=plan.metric,
        model=told["candidate"],
        guess=told["other"],
        low=low,
        rows=evidence["rows"]["count"],
        train_rows=len(pd.read_parquet(out / "split/train", columns=[plan.target])),
        metrics=read_json(out / "evaluate/evaluation/metrics.json"),
        latency_ms=evidence["latency_ms"]["p95"],
        size_mb=evidence["model"]["size_mb"],
        trusted=trusted,
        guess_words=(out / "evaluate/evaluation/baseline.txt").read_text(encoding="utf-8").strip(),
        quarantined=len(pd.read_parquet(quarantine)) if quarantine else 0,
        seconds=seconds,
    )

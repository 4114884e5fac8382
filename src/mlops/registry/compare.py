"""Score the candidate and the champion on the same rows, and write down what the gate looks at.

    python -m mlops.registry.compare --model DIR --test FILE --evaluation DIR --rules FILE --trusted FILE --contract FILE --out DIR

The champion is scored again, on today's rows: numbers from two evaluations on different rows cannot be compared. Without a champion the
pipeline's own baseline (`predictions.parquet`, column `baseline`) stands in. Writes `evidence.json`; `smoke.json`: held-out rows with their
offline probabilities, which are tried wherever the version is served; and `reference.json`, which newer rows are held against.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops.errors import JobFailed, MlopsError, UsageError
from mlops.files import digest_file, digest_folder, write_json
from mlops.registry import reference
from mlops.registry.bootstrap import compare
from mlops.registry.gate import TITLES
from mlops.registry.model import load, read_signature
from mlops.registry.task import metrics_of, scores_of, task_of, truth_of
from mlops.report import figures
from mlops.serving.body import Refused
from mlops.serving.scoring import prepare
from mlops.settings import METRICS, TASKS, gate_rules
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from mlops.registry.bootstrap import Difference
    from mlops.registry.metrics import Numbers
    from mlops.registry.task import Scores, Task
    from mlops.serving.body import Form, Row
    from mlops.settings import GateRules

SMOKE_ROWS = 200
LATENCY_ROWS = 100
LATENCY_ROUNDS = 3
WARM_UP = 5
SLICE_RESAMPLES = 400
"""Of each slice: enough for an interval that only has to confirm a fall."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, write, and print one line."""
    arguments = _parser().parse_args(argv)
    try:
        evidence = measure(arguments)
    except MlopsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    first, against = evidence["metrics"][0], evidence["against"]
    told = " against ".join("unknown" if value is None else figures.measured(value) for value in (first["candidate"], first["other"]))
    print(f"{TITLES[first['name']]} {told} ({against['name']}) on {evidence['rows']['count']:,} rows, {len(evidence['slices'])} slices")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mlops.registry.compare", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    for name, what in {
        "model": "folder of the candidate",
        "test": "Parquet file of held-out rows with the target",
        "evaluation": "folder with predictions.parquet and baseline.txt",
        "rules": "JSON of the gate's rules",
        "trusted": "JSON list of the types that a model file may hold",
        "contract": "the data contract: it names the leakage columns",
        "out": "folder to write evidence.json, smoke.json and reference.json into",
    }.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--champion", type=Path, help="folder of the champion; without it the baseline stands in")
    parser.add_argument("--champion-version", type=int, help="its version; without one it is no champion, but the model of another commit")
    parser.add_argument("--champion-name", default="", help="that commit")
    parser.add_argument("--champion-digest", help="its digest")
    parser.add_argument("--train", type=Path, help="Parquet file of the rows that the candidate learnt from")
    parser.add_argument("--window", help="the column that says when a row is from")
    parser.add_argument("--target", required=True, help="column to predict")
    parser.add_argument("--task", choices=TASKS, default="binary", help="what the model is asked for")
    parser.add_argument("--positive", default="1", help="the value of the positive class, of a binary task")
    return parser


@dataclass(frozen=True)
class _Other:
    """Whom the candidate meets: its facts, its scores, and where there are none, why."""

    facts: dict[str, Any]
    scores: Scores | None
    reason: str = ""


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the evidence, after writing it.

    Raises:
        JobFailed: The candidate does not load or cannot score the test rows, or the champion's files are not those registered.
        UsageError: The rules are missing or name a column that the rows lack.
    """
    import pandas as pd

    facts = json.loads(arguments.rules.read_text(encoding="utf-8"))
    if not facts:
        raise UsageError("the environment has no `gate` section", hint="Without rules nothing can pass: add gate: {...}")
    rules, trusted = gate_rules(facts), json.loads(arguments.trusted.read_text(encoding="utf-8"))
    test, task = pd.read_parquet(arguments.test), task_of(arguments.task, arguments.positive)
    truth = truth_of(task, test, arguments.target, arguments.test)
    model, columns = load(arguments.model, trusted=trusted), inputs_of(arguments.model)
    try:
        candidate = scores_of(task, model, test, columns)
    except JobFailed as error:
        raise JobFailed(f"the candidate cannot be judged: {error.message}", where=str(arguments.model)) from error
    other = _baseline(arguments, task, truth) if arguments.champion is None else _champion(arguments, task, trusted, test)
    rows = _Rows(task, test, *task.aligned(truth, candidate, *([other.scores] if other.scores else [])))
    evidence = {
        "task": task.name,
        "model": _model_facts(arguments.model, columns),
        "against": other.facts,
        "rows": {"count": len(test), "digest": digest_file(arguments.test), **task.facts(truth)},
        "metrics": _metrics(rows, other.reason, rules),
        "slices": list(_slices(rows, rules)),
        "latency_ms": _latency(model, arguments.model, test[columns]),
        "leakage": _leakage(arguments.contract, columns),
        **{key: facts["compare"][key] for key in ("resamples", "confidence", "seed")},
    }
    write_json(arguments.out / "smoke.json", _smoke(test[columns], candidate))
    write_json(arguments.out / reference.FILE, _reference(arguments, rows, truth, candidate, columns, evidence))
    write_json(arguments.out / "evidence.json", evidence)
    return evidence


@dataclass(frozen=True)
class _Rows:
    """The test rows, and truth and scores as the metrics take them; `other` is None where it could not be scored."""

    task: Task
    table: pd.DataFrame
    target: Numbers
    candidate: Numbers
    other: Numbers | None = None


def _reference(
    arguments: argparse.Namespace, rows: _Rows, truth: Any, scores: Scores, columns: Sequence[str], evidence: dict[str, Any]
) -> dict[str, Any]:
    """Return what newer rows are held against: the profile of the training rows, or of the test rows where those are not given."""
    import pandas as pd

    learnt = pd.read_parquet(arguments.train) if arguments.train else rows.table
    settings = {"window": arguments.window, "confidence": evidence["confidence"], "seed": evidence["seed"], "resamples": SLICE_RESAMPLES}
    kind = "train" if arguments.train else "test"
    return reference.reference(learnt, kind, rows.table, rows.task, truth, scores, columns, **settings)


def inputs_of(folder: Path) -> list[str]:
    return [column.name for column in read_signature(folder)]


def _baseline(arguments: argparse.Namespace, task: Task, truth: Any) -> _Other:
    """Return the evaluation's baseline, after making sure that its rows are the test's."""
    import pandas as pd

    path = arguments.evaluation / "predictions.parquet"
    found = pd.read_parquet(path)
    hint = "The evaluate step writes it: one row per test row, in the same order, with target and baseline."
    if "target" not in found or not any(str(name).partition(":")[0] == "baseline" for name in found) or len(found) != len(truth):
        names = ", ".join(map(str, found.columns))
        raise JobFailed(f"{len(found):,} rows of {names} are no baseline for {len(truth):,} test rows", where=str(path), hint=hint)
    if not np.array_equal(truth_of(task, found, "target", path, "its rows"), truth):
        raise JobFailed("its rows are not the test rows in the same order: the targets differ", where=str(path), hint=hint)
    words = (arguments.evaluation / "baseline.txt").read_text(encoding="utf-8").strip()
    facts = {"kind": "baseline", "version": None, "digest": None, "name": words}
    try:
        return _Other(facts, task.baseline(found))
    except ValueError as error:
        return _Other(facts, None, f"the baseline cannot be used: {error}")


def _champion(arguments: argparse.Namespace, task: Task, trusted: Sequence[str], test: pd.DataFrame) -> _Other:
    """Return the champion's scores on the rows of today, or why it has none: a champion from before a new scikit-learn does not load.

    Raises:
        JobFailed: Its files are not those that were registered.
    """
    folder, version, digest = arguments.champion, arguments.champion_version, arguments.champion_digest
    name = f"v{version}" if version else arguments.champion_name
    if digest and digest_folder(folder) != digest:
        raise JobFailed(f"the champion {name} was changed after it was registered", where=str(folder), hint="See: mlops models")
    facts = {"kind": "champion" if version else "base", "version": version, "digest": digest, "name": name}
    try:
        return _Other(facts, scores_of(task, load(folder, trusted=trusted), test, inputs_of(folder)))
    except JobFailed as error:
        return _Other(facts, None, error.message)


def _model_facts(folder: Path, columns: Sequence[str]) -> dict[str, Any]:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"digest": digest_folder(folder), "folder": str(folder), "size_mb": size / 1e6, "inputs": list(columns)}


def _metrics(rows: _Rows, reason: str, rules: GateRules) -> list[dict[str, Any]]:
    """Return every metric of both, the one that decides first; `reason` is why there is no other."""
    rule = rules.compare
    names = metrics_of(rows.task, rule.metric)
    bounds: dict[str, Any] = {"resamples": rule.resamples, "confidence": rule.confidence, "seed": rule.seed}
    if rows.other is not None:
        found = compare(rows.target, rows.candidate, rows.other, names, **bounds)
        return [_told(name, found[name]) for name in names]
    alone = compare(rows.target, rows.candidate, rows.candidate, names, **bounds | {"resamples": 0})
    unknown = dict.fromkeys(("other", "difference", "low", "high")) | {"reason": reason}
    return [_told(name, alone[name]) | unknown for name in names]


def _told(name: str, found: Difference) -> dict[str, Any]:
    return {"name": name, "better": METRICS[name], **asdict(found)}


def _slices(rows: _Rows, rules: GateRules) -> Iterator[dict[str, Any]]:
    """Yield each slice's metric with an interval of its own; a slice too small to judge has none."""
    rule = rules.slices
    if rule is None or rule.mode == "off" or rows.other is None:
        return
    for column in rule.columns:
        if column not in rows.table:
            hint = did_you_mean(column, rows.table.columns, label="columns of the test rows")
            raise UsageError(f"gate.slices.columns names {column!r}, which the test rows lack", hint=hint)
        for value, at in rows.table.groupby(column, observed=True, dropna=False).indices.items():
            resamples = min(SLICE_RESAMPLES, rules.compare.resamples) if len(at) >= rule.min_rows else 0
            bounds: dict[str, Any] = {"resamples": resamples, "confidence": rules.compare.confidence, "seed": rules.compare.seed}
            found = compare(rows.target[at], rows.candidate[at], rows.other[at], [rule.metric], **bounds)[rule.metric]
            told = {"column": column, "value": str(value), "rows": len(at), "metric": rule.metric}
            yield told | {"better": METRICS[rule.metric], **asdict(found)}


def _latency(model: Any, folder: Path, rows: pd.DataFrame) -> dict[str, Any]:
    """Time single rows in this process, the way that an endpoint would take and on one thread as it does, in milliseconds.

    Each row counts with the least of three times: what a busy machine takes from it is no fault of the model.
    """
    import sklearn
    from threadpoolctl import threadpool_limits

    seconds = []
    with threadpool_limits(1), sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        scorer, form = prepare(model, folder)
        plain = _checked(form, rows.iloc[_evenly(len(rows), LATENCY_ROWS)])
        for row in (*plain[:WARM_UP], *plain * LATENCY_ROUNDS):
            began = time.perf_counter()
            scorer.score([row])
            seconds.append(time.perf_counter() - began)
    least = np.array(seconds[-LATENCY_ROUNDS * len(plain) :]).reshape(LATENCY_ROUNDS, -1).min(axis=0)
    p50, p95 = np.quantile(least * 1000, [0.5, 0.95])
    return {"p50": float(p50), "p95": float(p95), "rows": len(plain), "way": scorer.way}


def _checked(form: Form, rows: pd.DataFrame) -> list[Row]:
    try:
        return form.check(list(map(str, rows.columns)), _json_rows(rows))
    except Refused as error:
        hint = "An endpoint would refuse it: mend the signature (required=False where a value may be missing), or the rows."
        raise JobFailed(f"the test rows do not fit the model's signature: {error.message}", hint=hint) from error


def _evenly(size: int, count: int) -> list[int]:
    """Return which of `size` rows stand for all of them: at most `count`, from the first on, at equal distances."""
    return list(range(0, size, max(1, size // count)))[:count]


def _smoke(rows: pd.DataFrame, scores: Scores) -> dict[str, Any]:
    """Return rows from the first to the last, and what an endpoint must answer to each."""
    at = _evenly(len(rows), SMOKE_ROWS)
    assert scores.served is not None  # noqa: S101 - a model's scores have it
    return {"columns": list(rows), "data": _json_rows(rows.iloc[at]), "expected": [scores.served[number] for number in at]}


def _json_rows(rows: pd.DataFrame) -> list[list[Any]]:
    return [[_plain(value) for value in row] for row in rows.itertuples(index=False, name=None)]


def _plain(value: Any) -> Any:
    """Return a cell as JSON has it: missing is null, a time its ISO form."""
    import pandas as pd

    if pd.isna(value) or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value.item() if hasattr(value, "item") else value


def _leakage(contract: Path, columns: Sequence[str]) -> dict[str, Any]:
    from mlops.contract.standard import load as read_contract

    declared = read_contract(contract).leakage
    return {"declared": sorted(declared), "used": [name for name in columns if name in declared]}


if __name__ == "__main__":
    sys.exit(main())

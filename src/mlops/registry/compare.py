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
from mlops.registry.gate import TITLES
from mlops.registry.metrics import METRICS, compare
from mlops.registry.model import load, read_signature
from mlops.settings import gate_rules
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from mlops.registry.metrics import Difference, Numbers
    from mlops.settings import GateRules

SMOKE_ROWS = 200
LATENCY_ROWS = 100
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
    told = " against ".join("unknown" if value is None else f"{value:.3f}" for value in (first["candidate"], first["other"]))
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
    parser.add_argument("--champion-version", type=int, help="its version")
    parser.add_argument("--champion-digest", help="its digest")
    parser.add_argument("--train", type=Path, help="Parquet file of the rows that the candidate learnt from")
    parser.add_argument("--window", help="the column that says when a row is from")
    parser.add_argument("--target", required=True, help="column to predict")
    parser.add_argument("--positive", default="1", help="the value of the positive class")
    return parser


@dataclass(frozen=True)
class _Other:
    """Whom the candidate meets: its facts, its scores of shape (n,), and where there are none, why."""

    facts: dict[str, Any]
    scores: Numbers | None
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
    test = pd.read_parquet(arguments.test)
    target = labels_of(test, arguments.target, arguments.positive, arguments.test)
    model, columns = load(arguments.model, trusted=trusted), inputs_of(arguments.model)
    try:
        candidate = scores_of(model, test, columns, arguments.positive)
    except JobFailed as error:
        raise JobFailed(f"the candidate cannot be judged: {error.message}", where=str(arguments.model)) from error
    other = _baseline(arguments, target) if arguments.champion is None else _champion(arguments, trusted, test)
    evidence = {
        "model": _model_facts(arguments.model, columns),
        "against": other.facts,
        "rows": {"count": len(test), "digest": digest_file(arguments.test), "positive_share": float(target.mean())},
        "metrics": _metrics(target, candidate, other, rules),
        "slices": list(_slices(test, target, candidate, other, rules)),
        "latency_ms": _latency(model, test[columns]),
        "leakage": _leakage(arguments.contract, columns),
        **{key: facts["compare"][key] for key in ("resamples", "confidence", "seed")},
    }
    write_json(arguments.out / "smoke.json", _smoke(test[columns], candidate))
    write_json(arguments.out / reference.FILE, _reference(arguments, test, target, candidate, columns, evidence))
    write_json(arguments.out / "evidence.json", evidence)
    return evidence


def _reference(
    arguments: argparse.Namespace, test: pd.DataFrame, target: Numbers, scores: Numbers, columns: Sequence[str], evidence: dict[str, Any]
) -> dict[str, Any]:
    """Return what newer rows are held against: the profile of the training rows, or of the test rows where those are not given."""
    import pandas as pd

    rows = pd.read_parquet(arguments.train) if arguments.train else test
    settings = {"window": arguments.window, "confidence": evidence["confidence"], "seed": evidence["seed"], "resamples": SLICE_RESAMPLES}
    return reference.reference(rows, "train" if arguments.train else "test", test, target, scores, columns, **settings)


def inputs_of(folder: Path) -> list[str]:
    return [column.name for column in read_signature(folder)]


def labels_of(test: pd.DataFrame, target: str, positive: str, where: Path) -> Numbers:
    """Return the target as 0 and 1, shape (n,)."""
    if target not in test:
        raise JobFailed(
            f"the test rows have no column {target!r}", where=str(where), hint=did_you_mean(target, test.columns, label="columns")
        )
    if test[target].isna().any() or test.empty:
        raise JobFailed(f"the test rows lack a {target!r} to compare with, or there are none", where=str(where))
    labels: Numbers = np.array([_same(value, positive) for value in test[target].tolist()], float)
    return labels


def _same(value: Any, word: str) -> bool:
    """Return whether a class is the one that the command line named: 1, 1.0, True and "1" all are `1`."""
    return str(int(value) if isinstance(value, bool | float) and float(value).is_integer() else value) == word


def scores_of(model: Any, test: pd.DataFrame, columns: Sequence[str], positive: str, what: str = "the test rows") -> Numbers:
    """Return P(positive) of each row, shape (n,); `what` names the rows in a message.

    Raises:
        JobFailed: The rows lack an input, the model fails on them or does not know the class, or what it says are no probabilities.
    """
    missing = [name for name in columns if name not in test]
    if missing:
        raise JobFailed(f"it needs {', '.join(missing)}, which {what} lack")
    at = next((index for index, known in enumerate(model.classes_.tolist()) if _same(known, positive)), None)
    if at is None:
        raise JobFailed(f"it does not know the class {positive!r}, only {', '.join(map(str, model.classes_))}")
    try:
        scores: Numbers = np.asarray(model.predict_proba(test[list(columns)]), float)[:, at]
    except Exception as error:
        raise JobFailed(f"it cannot score {what}: {type(error).__name__}: {error}"[:400]) from error
    wrong = int((~((scores >= 0) & (scores <= 1))).sum())
    if wrong:
        raise JobFailed(f"{wrong:,} of its {len(scores):,} scores are no probabilities (NaN, or outside of 0 to 1)")
    return scores


def _baseline(arguments: argparse.Namespace, target: Numbers) -> _Other:
    """Return the evaluation's baseline, after making sure that its rows are the test's."""
    import pandas as pd

    path = arguments.evaluation / "predictions.parquet"
    found = pd.read_parquet(path)
    hint = "The evaluate step writes it: one row per test row, in the same order, with target and baseline."
    if not {"target", "baseline"} <= set(found.columns) or len(found) != len(target):
        raise JobFailed(
            f"{len(found):,} rows of {', '.join(found.columns)} are no baseline for {len(target):,} test rows", where=str(path), hint=hint
        )
    if not np.array_equal(labels_of(found, "target", arguments.positive, path), target):
        raise JobFailed("its rows are not the test rows in the same order: the targets differ", where=str(path), hint=hint)
    words = (arguments.evaluation / "baseline.txt").read_text(encoding="utf-8").strip()
    facts = {"kind": "baseline", "version": None, "digest": None, "name": words}
    scores = found["baseline"].to_numpy(float)
    whole = bool(((scores >= 0) & (scores <= 1)).all())
    return _Other(facts, scores if whole else None, "" if whole else "the baseline's scores are no probabilities")


def _champion(arguments: argparse.Namespace, trusted: Sequence[str], test: pd.DataFrame) -> _Other:
    """Return the champion's scores on the rows of today, or why it has none: a champion from before a new scikit-learn does not load.

    Raises:
        JobFailed: Its files are not those that were registered.
    """
    folder, version, digest = arguments.champion, arguments.champion_version, arguments.champion_digest
    if digest and digest_folder(folder) != digest:
        raise JobFailed(f"the champion v{version} was changed after it was registered", where=str(folder), hint="See: mlops models")
    facts = {"kind": "champion", "version": version, "digest": digest, "name": f"v{version}"}
    try:
        return _Other(facts, scores_of(load(folder, trusted=trusted), test, inputs_of(folder), arguments.positive))
    except JobFailed as error:
        return _Other(facts, None, error.message)


def _model_facts(folder: Path, columns: Sequence[str]) -> dict[str, Any]:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"digest": digest_folder(folder), "folder": str(folder), "size_mb": size / 1e6, "inputs": list(columns)}


def _metrics(target: Numbers, candidate: Numbers, other: _Other, rules: GateRules) -> list[dict[str, Any]]:
    """Return every metric of both, the one that decides first."""
    rule = rules.compare
    names = sorted(METRICS, key=lambda name: name != rule.metric)
    bounds: dict[str, Any] = {"resamples": rule.resamples, "confidence": rule.confidence, "seed": rule.seed}
    if other.scores is not None:
        found = compare(target, candidate, other.scores, names, **bounds)
        return [_told(name, found[name]) for name in names]
    alone = compare(target, candidate, candidate, names, **bounds | {"resamples": 0})
    unknown = dict.fromkeys(("other", "difference", "low", "high")) | {"reason": other.reason}
    return [_told(name, alone[name]) | unknown for name in names]


def _told(name: str, found: Difference) -> dict[str, Any]:
    return {"name": name, "better": METRICS[name][0], **asdict(found)}


def _slices(test: pd.DataFrame, target: Numbers, candidate: Numbers, other: _Other, rules: GateRules) -> Iterator[dict[str, Any]]:
    """Yield each slice's metric with an interval of its own; a slice too small to judge has none."""
    rule = rules.slices
    if rule is None or rule.mode == "off" or other.scores is None:
        return
    for column in rule.columns:
        if column not in test:
            hint = did_you_mean(column, test.columns, label="columns of the test rows")
            raise UsageError(f"gate.slices.columns names {column!r}, which the test rows lack", hint=hint)
        for value, rows in test.groupby(column, observed=True, dropna=False).indices.items():
            resamples = min(SLICE_RESAMPLES, rules.compare.resamples) if len(rows) >= rule.min_rows else 0
            bounds: dict[str, Any] = {"resamples": resamples, "confidence": rules.compare.confidence, "seed": rules.compare.seed}
            found = compare(target[rows], candidate[rows], other.scores[rows], [rule.metric], **bounds)[rule.metric]
            better = METRICS[rule.metric][0]
            yield {"column": column, "value": str(value), "rows": len(rows), "metric": rule.metric, "better": better, **asdict(found)}


def _latency(model: Any, rows: pd.DataFrame) -> dict[str, Any]:
    """Time single rows in this process, as arrays and on one thread as an endpoint does it, in milliseconds."""
    from threadpoolctl import threadpool_limits

    plain = _evenly(rows, LATENCY_ROWS).to_numpy(object)
    seconds = []
    with threadpool_limits(1):
        for row in (*plain[:WARM_UP], *plain):
            began = time.perf_counter()
            model.predict_proba(row[None, :])
            seconds.append(time.perf_counter() - began)
    p50, p95 = np.quantile(np.array(seconds[-len(plain) :]) * 1000, [0.5, 0.95])
    return {"p50": float(p50), "p95": float(p95), "rows": len(plain)}


def _evenly(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    return rows.iloc[:: max(1, len(rows) // count)].head(count)


def _smoke(rows: pd.DataFrame, scores: Numbers) -> dict[str, Any]:
    chosen = _evenly(rows.assign(**{"": scores}), SMOKE_ROWS)
    data = [[_plain(value) for value in row] for row in chosen[list(rows)].itertuples(index=False, name=None)]
    return {"columns": list(rows), "data": data, "expected": [float(score) for score in chosen[""]]}


def _plain(value: Any) -> Any:
    """Return a cell as JSON has it: missing is null, a time its ISO form."""
    if hasattr(value, "isoformat"):
        return value.isoformat() if value == value else None  # noqa: PLR0124 - NaT
    value = value.item() if hasattr(value, "item") else value
    return None if value is None or (isinstance(value, float) and not np.isfinite(value)) else value


def _leakage(contract: Path, columns: Sequence[str]) -> dict[str, Any]:
    from mlops.contract.standard import load as read_contract

    declared = read_contract(contract).leakage
    return {"declared": sorted(declared), "used": [name for name in columns if name in declared]}


if __name__ == "__main__":
    sys.exit(main())

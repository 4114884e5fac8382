"""Score the candidate and the champion on the same rows, and write down what the gate looks at.

    python -m mlops.registry.compare --model DIR --test FILE --evaluation DIR --rules FILE --trusted FILE --contract FILE --out DIR

The champion is scored again, on today's rows: numbers from two evaluations on different rows cannot be compared. Without a champion the
pipeline's own baseline (`predictions.parquet`, column `baseline`) stands in. Writes `evidence.json`, and `smoke.json`: held-out rows with their
offline probabilities, which are tried wherever the version is served.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import MlopsError
from mlops.files import digest_file, digest_folder, write_json
from mlops.registry.metrics import METRICS, compare
from mlops.registry.model import load, read_signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

SMOKE_ROWS = 200
LATENCY_ROWS = 200
SLICE_RESAMPLES = 200


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, write, and print one line."""
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
        "out": "folder to write evidence.json and smoke.json into",
    }.items():
        parser.add_argument(f"--{name}", type=Path, required=True, help=what)
    parser.add_argument("--champion", type=Path, help="folder of the champion; without it the baseline stands in")
    parser.add_argument("--champion-version", type=int, help="its version")
    parser.add_argument("--champion-digest", help="its digest")
    parser.add_argument("--target", required=True, help="column to predict")
    parser.add_argument("--positive", default="1", help="the value of the positive class")
    arguments = parser.parse_args(argv)
    try:
        evidence = measure(arguments)
    except MlopsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    first = evidence["metrics"][0]
    told = " against ".join(f"{value:.3f}" if value is not None else "?" for value in (first["candidate"], first["other"]))
    print(f"{first['name'].upper()} {told} ({evidence['against']['name']})")
    return 0


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the evidence, after writing it.

    Raises:
        JobFailed: A model does not load, or the test rows lack what the candidate needs.
    """
    import pandas as pd

    rules = json.loads(arguments.rules.read_text(encoding="utf-8"))
    trusted = json.loads(arguments.trusted.read_text(encoding="utf-8"))
    test = pd.read_parquet(arguments.test)
    predictions = pd.read_parquet(arguments.evaluation / "predictions.parquet")
    target = (test[arguments.target].astype(str) == arguments.positive).to_numpy(float)
    model = load(arguments.model, trusted=trusted)
    columns = [column.name for column in read_signature(arguments.model)]
    candidate = _scores(model, test[columns], arguments.positive)
    against, other, reason = _other(arguments, trusted, test, predictions)
    evidence = {
        "model": _model_facts(arguments.model, columns),
        "against": against,
        "rows": {"count": len(test), "digest": digest_file(arguments.test), "positive_share": float(target.mean())},
        "metrics": _metrics(target, candidate, other, rules["compare"], reason),
        "slices": _slices(test, target, candidate, other, rules),
        "latency_ms": _latency(model, test[columns]),
        "leakage": _leakage(arguments.contract, columns),
        **{key: rules["compare"][key] for key in ("resamples", "confidence", "seed")},
    }
    write_json(arguments.out / "smoke.json", _smoke(test[columns], candidate))
    write_json(arguments.out / "evidence.json", evidence)
    return evidence


def _scores(model: Any, rows: pd.DataFrame, positive: str) -> Any:
    return model.predict_proba(rows)[:, [str(one) for one in model.classes_].index(positive)]


def _other(
    arguments: argparse.Namespace, trusted: Sequence[str], test: pd.DataFrame, predictions: pd.DataFrame
) -> tuple[dict[str, Any], Any, str]:
    """Return what the candidate is compared with: facts, scores (or None) and why there are none."""
    if arguments.champion is None:
        words = (arguments.evaluation / "baseline.txt").read_text(encoding="utf-8").strip()
        return {"kind": "baseline", "version": None, "digest": None, "name": words}, predictions["baseline"].to_numpy(float), ""
    version, digest = arguments.champion_version, arguments.champion_digest
    facts = {"kind": "champion", "version": version, "digest": digest, "name": f"v{version}"}
    columns = [column.name for column in read_signature(arguments.champion)]
    missing = [name for name in columns if name not in test]
    if missing:
        return facts, None, f"the champion needs {', '.join(missing)}, which the test rows lack"
    champion = load(arguments.champion, trusted=trusted, digest=digest)
    return facts, _scores(champion, test[columns], arguments.positive), ""


def _model_facts(folder: Path, columns: Sequence[str]) -> dict[str, Any]:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"digest": digest_folder(folder), "folder": str(folder), "size_mb": size / 1e6, "inputs": list(columns)}


def _metrics(target: Any, candidate: Any, other: Any, rule: dict[str, Any], reason: str) -> list[dict[str, Any]]:
    names = [rule["metric"], *(name for name in METRICS if name != rule["metric"])]
    names = [name for name in names if name in METRICS]
    bounds = {key: rule[key] for key in ("resamples", "confidence", "seed")}
    if other is None:
        bounds["resamples"] = 1
    found = compare(target, candidate, candidate if other is None else other, names, **bounds)
    told = [{"name": name, "better": METRICS[name][0], **asdict(found[name])} for name in names]
    for one in told if other is None else ():
        one.update(other=None, difference=None, low=None, high=None, reason=reason)
    return told


def _slices(test: pd.DataFrame, target: Any, candidate: Any, other: Any, rules: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the slices' metric, each with its own interval; a slice too small to judge is told without one."""
    rule, told = rules.get("slices"), []
    if not rule or other is None or rule["metric"] not in METRICS:
        return []
    for column in (name for name in rule["columns"] if name in test):
        for value, rows in test.groupby(column, observed=True).indices.items():
            resamples = SLICE_RESAMPLES if len(rows) >= rule["min_rows"] else 1
            bounds = {"resamples": resamples, "confidence": rules["compare"]["confidence"], "seed": rules["compare"]["seed"]}
            found = compare(target[rows], candidate[rows], other[rows], [rule["metric"]], **bounds)[rule["metric"]]
            one = {"column": column, "value": str(value), "rows": len(rows), "metric": rule["metric"], **asdict(found)}
            told.append(one | ({"low": None, "high": None} if resamples == 1 else {}))
    return told


def _latency(model: Any, rows: pd.DataFrame) -> dict[str, Any]:
    """Time single rows in this process, as arrays, in milliseconds."""
    import numpy as np

    plain = _evenly(rows, LATENCY_ROWS).to_numpy(object)
    seconds = []
    for number in range(-5, len(plain)):  # the first few warm the caches, and do not count
        row = plain[[max(number, 0)]]
        began = time.perf_counter()
        model.predict_proba(row)
        seconds.append(time.perf_counter() - began)
    p50, p95 = np.quantile(np.array(seconds[5:]) * 1000, [0.5, 0.95])
    return {"p50": float(p50), "p95": float(p95), "rows": len(plain)}


def _evenly(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    return rows.iloc[:: max(1, len(rows) // count)].head(count)


def _smoke(rows: pd.DataFrame, scores: Any) -> dict[str, Any]:
    chosen = _evenly(rows.assign(**{"": scores}), SMOKE_ROWS)
    data = [[_plain(value) for value in row] for row in chosen[list(rows)].itertuples(index=False, name=None)]
    return {"columns": list(rows), "data": data, "expected": [float(score) for score in chosen[""]]}


def _plain(value: Any) -> Any:
    """Return a cell as JSON has it: missing is null."""
    if value is None or value != value or (isinstance(value, float) and not math.isfinite(value)):  # noqa: PLR0124 - NaN and NaT
        return None
    return value.item() if hasattr(value, "item") else value


def _leakage(contract: Path, columns: Sequence[str]) -> dict[str, Any]:
    from mlops.contract.standard import load as read_contract

    declared = read_contract(contract).leakage
    return {"declared": sorted(declared), "used": [name for name in columns if name in declared]}


if __name__ == "__main__":
    sys.exit(main())

"""Run folders as a real run leaves them, small: each test alters what it is about."""

import json
import math
import random
import sys

import pytest

HEX = "9c1f2ab45d" * 6
MONTHS = [("train", n) for n in range(1, 9)] + [("test", 9), ("test", 10), ("later", 11), ("later", 12)]
AUCS = [0.80, 0.79, 0.78, 0.79, 0.77, 0.77, 0.76, 0.78, 0.71, 0.67, 0.66, 0.71]
SHARES = [0.21, 0.22, 0.23, 0.26, 0.22, 0.30, 0.31, 0.24, 0.14, 0.17, 0.18, 0.33]
STEPS = {
    "import": (0.0, 1.1, [], "12 months, 336,776 rows"),
    "validate": (1.2, 2.0, ["import"], "47 expectations, 31 rows to quarantine"),
    "clean": (3.3, 0.9, ["validate"], "327,346 flights, 22.6 % late"),
    "features": (4.3, 1.6, ["clean"], "22 features"),
    "split": (6.0, 0.7, ["features"], "8 months to train, 2 to test, 2 later"),
    "train": (6.8, 9.8, ["split"], "HistGradientBoosting, 150 trees"),
    "evaluate": (16.7, 4.1, ["train", "split"], "14 metrics, 36 slices"),
    "compare": (20.9, 3.2, ["train", "evaluate"], "5 metrics, 1,000 resamples"),
}


def digest(seed):
    return "sha256:" + HEX[seed:] + HEX[:seed] + "c0de"


def write(folder, name, value):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def run_facts(number=7, **changed):
    steps = {
        name: {
            "state": "finished", "reason": "code train.py changed", "at": at, "seconds": seconds, "summary": summary, "needs": needs,
            "log": f"steps/{name}/log.txt", "command": f"python {name}.py", "inputs": {"target": {"value": "late"}}, "outputs": {},
        }
        for name, (at, seconds, needs, summary) in STEPS.items()
    }  # fmt: skip
    steps["validate"]["outputs"] = {"report": {"path": "steps/validate/outputs/report", "digest": digest(3)}}
    return {
        "run": number, "name": "calm-heron", "model": "flights", "pipeline": "src/pipelines/train.yml", "experiment": "flights",
        "state": "completed", "started": "2026-11-24T02:10:31.120Z", "finished": "2026-11-24T02:10:55.220Z", "seconds": 24.1,
        "user": "you@example.org", "commit": "3f2a91c0d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0", "dirty": False,
        "inputs": {
            "data": {"type": "uri_folder", "path": "data/nycflights13", "digest": digest(1)},
            "max_iter": {"type": "integer", "value": 150},
            "learning_rate": {"type": "number", "value": 0.06},
        },
        "steps": steps,
        "outputs": {
            "model": {"path": "steps/train/outputs/model", "digest": digest(0)},
            "evaluation": {"path": "steps/evaluate/outputs/evaluation", "digest": digest(2)},
        },
        "error": None,
    } | changed  # fmt: skip


def metric(name, better, candidate, other, half):
    difference = round(candidate - other, 4)
    ends = {"low": round(difference - half, 4), "high": round(difference + half, 4)}
    return {"name": name, "better": better, "candidate": candidate, "other": other, "difference": difference, **ends}


def evidence(champion=3):
    chance = random.Random(5)
    values = [("carrier", c) for c in ("HA", "UA", "AA", "DL", "B6", "EV", "MQ", "US", "WN", "VX", "9E", "FL")]
    values += [("origin", o) for o in ("EWR", "JFK", "LGA")] + [("month", "2013-09"), ("month", "2013-10")]
    slices = []
    for column, value in values:
        entry = metric("auc", "higher", round(0.69 + chance.uniform(-0.06, 0.04), 4), 0.68, chance.uniform(0.004, 0.03))
        slices.append({"column": column, "value": value, "rows": chance.randint(340, 19000), "metric": "auc", **entry})
    name = f"v{champion}" if champion else "share of late flights by carrier and hour"
    return {
        "model": {"digest": digest(0), "folder": "m", "size_mb": 1.24, "inputs": ["carrier", "origin", "dest", "hour", "hour_of_week"]},
        "against": {"kind": "champion" if champion else "baseline", "version": champion, "digest": digest(4) if champion else None, "name": name},
        "rows": {"count": 55409, "digest": digest(5), "positive_share": 0.155},
        "metrics": [
            metric("auc", "higher", 0.7021, 0.6934, 0.0031), metric("average_precision", "higher", 0.3312, 0.3204, 0.0048),
            metric("log_loss", "lower", 0.4861, 0.4872, 0.0021), metric("brier", "lower", 0.1204, 0.1201, 0.0002),
            metric("calibration_error", "lower", 0.0131, 0.0112, 0.0024),
        ],
        "slices": slices, "latency_ms": {"p50": 0.6, "p95": 0.8, "rows": 200},
        "leakage": {"declared": ["dep_delay"], "used": []}, "resamples": 1000, "confidence": 0.95, "seed": 7,
    }  # fmt: skip


def rule(name, kind, passed, reason, mode="on"):
    return {"name": name, "kind": kind, "mode": mode, "passed": passed, "reason": reason}


RULES = [
    rule("compare", "comparison", True, "AUC 0.702 against 0.693, difference +0.009 [+0.006, +0.012] is better than the champion v3"),
    rule("slices", "comparison", True, "no slice falls by more than 0.02: the worst is carrier=HA, −0.011 [−0.030, +0.008]"),
    rule("auc", "limit", True, "0.702, at least 0.66"),
    rule("log_loss", "limit", True, "0.486, at most 0.6"),
    rule("calibration_error", "limit", True, "0.013, at most 0.08"),
    rule("leakage", "limit", True, "none of the 5 columns is known only afterwards"),
    rule("latency_ms", "limit", True, "0.8 ms, at most 25"),
    rule("size_mb", "limit", True, "1.2 MB, at most 1", "dry-run"),
]


def delivery_facts(outcome="promote", **changed):
    load = {"requests": 14012, "requests_per_second": 4812.4, "p50_ms": 3.0, "p95_ms": 3.1, "p99_ms": 4.4, "error_rate": 0.0}
    staging = {
        "version": 4, "address": "http://127.0.0.1:8800", "smoke": {"requests": 50, "equal": 50, "worst_difference": 0.0, "failures": []},
        "load": {**load, "connections": 16, "seconds": 3.0}, "rules": [{"name": "p95_ms", "passed": True, "reason": "3.1 ms, at most 100"}],
        "seconds": 6.0,
    }  # fmt: skip
    production = {
        "version": 4, "address": "http://127.0.0.1:8801", "health": "ready", "key_file": ".mlops/endpoints/flights/production/key",
        "sample_file": ".mlops/endpoints/flights/production/sample.json", "previous": {"version": 3}, "seconds": 0.4,
    }  # fmt: skip
    served = outcome in {"promote", "unchanged"}
    reasons = {"promote": RULES[0]["reason"], "keep": "AUC 0.701 against 0.702, difference −0.001 [−0.003, +0.001] is not better"}
    reason = reasons.get(outcome, "log_loss: 0.91, at most 0.6")
    return {
        "model": "flights", "outcome": outcome, "reason": reason, "version": None if outcome == "stop" else 4, "digest": digest(0), "run": 7,
        "champion": {"version": 3}, "verdict": {"outcome": outcome, "reason": reason, "rules": RULES}, "evidence": "gate/evidence.json",
        "staging": staging if outcome == "promote" else None, "production": production if served else None,
        "report": "report.html", "seconds": 33.4,
    } | changed  # fmt: skip


def evaluation_files(folder):
    grid = [n / 60 for n in range(61)]
    bins = [0.03 + 0.06 * n for n in range(10)]
    names = ["hour", "dest", "month_day", "carrier", "wind_gust", "humid", "origin", "distance", "temp", "visib", "seats", "pressure", "dewp",
             "year_built", "engines", "hour_of_week"]  # fmt: skip
    write(folder, "curves.json", {
        "roc": {"fpr": grid, "tpr": [x**0.45 for x in grid]},
        "pr": {"recall": grid, "precision": [0.155 + 0.6 * math.exp(-4 * x) * (1 - x) for x in grid]},
        "calibration": {"predicted": bins, "observed": [b * 0.9 + 0.01 for b in bins], "rows": [5540] * 10},
    })  # fmt: skip
    months = zip(MONTHS, AUCS, SHARES, strict=True)
    write(folder, "monthly.json", [
        {"month": f"2013-{n:02}", "rows": 27000 + 100 * n, "auc": a, "positive_share": s, "phase": p} for (p, n), a, s in months
    ])  # fmt: skip
    write(folder, "importance.json", [{"feature": n, "mean": 0.08 * 0.7**i, "std": 0.004 * 0.9**i} for i, n in enumerate(names)])
    write(folder, "metrics.json", {"rows": 55409, "positive_share": 0.155, "auc": 0.7021, "average_precision": 0.3312, "log_loss": 0.4861})
    write(folder, "slices.json", [{"column": "carrier", "value": "HA", "rows": 342, "auc": 0.611, "positive_share": 0.2}])
    write(folder, "baseline.txt", "share of late flights by carrier and hour\n")


VALIDATION = {
    "success": False,
    "statistics": {"evaluated_expectations": 3, "successful_expectations": 2, "unsuccessful_expectations": 1, "success_percent": 66.7},
    "results": [
        {"success": True, "expectation_config": {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1000}},
         "result": {"observed_value": 336776}},
        {"success": True, "expectation_config": {"type": "expect_column_values_to_be_between", "kwargs": {"column": "distance"}},
         "result": {"element_count": 336776, "unexpected_count": 0, "partial_unexpected_list": []}},
        {"success": False, "expectation_config": {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "tailnum"},
         "severity": "warning"}, "result": {"element_count": 336776, "unexpected_count": 2512, "partial_unexpected_list": [None]}},
    ],
}  # fmt: skip


def make_run(runs, run=None, delivery=None, proof=None):
    """Write a whole run folder below `runs`, and return it."""
    run = run or run_facts()
    folder = runs / str(run["run"])
    write(folder, "run.json", run)
    if delivery:
        write(folder, "delivery.json", delivery)
        write(folder, "gate/evidence.json", proof or evidence())
    evaluation_files(folder / "steps/evaluate/outputs/evaluation")
    write(folder, "steps/validate/outputs/report/validation.json", VALIDATION)
    return folder


def make_champion(runs):
    """Write the folder of the run that made v3."""
    given = run_facts()["inputs"] | {"learning_rate": {"type": "number", "value": 0.1}}
    delivery = delivery_facts(version=3, digest=digest(4), run=5, champion={"version": 2})
    proof = evidence(2)
    proof["model"]["inputs"] = proof["model"]["inputs"][:-1]
    return make_run(runs, run_facts(5, inputs=given, commit="8be21f0aaaaaaa", name="merry-wren"), delivery, proof)


@pytest.fixture
def sample():
    """The functions of this file, for tests that alter what they return."""
    return sys.modules[__name__]


@pytest.fixture
def made(tmp_path):
    """A run that promoted v4 over v3, beside the run that made v3."""
    make_champion(tmp_path)
    return make_run(tmp_path, delivery=delivery_facts())

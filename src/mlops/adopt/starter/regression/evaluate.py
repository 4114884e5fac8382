"""Evaluate: how good the model is on the test rows, beside a stated baseline; where it is weak; and how it ages."""

import argparse
import json
import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from threadpoolctl import threadpool_limits

import plots
from columns import WINDOW, read_columns
from metrics import HIGHER, curves, metrics
from saved import load, trusted_types

ANSWER, SCORE = "(answer)", "(score)"  # beside the table's own columns


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="MLflow model folder")
    parser.add_argument("--train", type=Path, required=True, help="Parquet file: the baseline comes from it alone")
    parser.add_argument("--test", type=Path, required=True, help="Parquet file that the model is judged on")
    parser.add_argument("--columns", type=Path, required=True, help="columns.yml: it names the target")
    parser.add_argument("--metric", required=True, help="the metric that decides")
    parser.add_argument("--importance_rows", type=int, required=True, help="test rows that permutation importance is measured on")
    parser.add_argument("--importance_repeats", type=int, required=True, help="how often each column is shuffled")
    parser.add_argument("--seed", type=int, required=True, help="for the sample and the shuffling")
    parser.add_argument("--project", type=Path, required=True, help="project.yml: the types that the model file may hold")
    parser.add_argument("--name", required=True, help="the model's name in project.yml")
    parser.add_argument("--evaluation", type=Path, required=True, help="folder to write into")
    args = parser.parse_args(argv)

    columns = read_columns(args.columns)
    model, features = load(args.model, trusted_types(args.project, args.name))
    parts = {name: pd.read_parquet(getattr(args, name)) for name in ("train", "test")}
    for part in parts.values():
        part[SCORE], part[ANSWER] = model.predict(part[features]), part[columns.target].astype("float64")
    test, mean = parts["test"], float(parts["train"][ANSWER].mean())
    target, score, baseline = test[ANSWER].to_numpy(), test[SCORE].to_numpy(), np.full(len(test), mean)
    beside = {f"baseline_{name}": value for name, value in metrics(target, baseline).items()}
    found = {"rows": len(test), "mean_target": float(target.mean())} | metrics(target, score) | beside
    result = {
        "metrics": found,
        "slices": by_value(test, columns.slices, summary),
        "monthly": by_window(parts, summary),
        "importance": importance(model, test, features, columns, args),
        "curves": curves(target, score),
    }
    predictions = pd.DataFrame({"target": test[columns.target], "score": score, "baseline": baseline})
    write(args.evaluation, result, predictions, f"the mean {columns.target} of training, {mean:.6g}, for every row")
    if "MLFLOW_RUN_ID" in os.environ:
        mlflow.log_metrics({name: value for name, value in found.items() if value is not None})
        mlflow.log_artifacts(args.evaluation / "plots", "plots")
    said = f"{args.metric} {number(found[args.metric])}, baseline {number(found[f'baseline_{args.metric}'])}"
    print(f"{said}; {len(test):,} rows, {len(result['slices'])} slices")


def summary(rows):
    answer = rows[ANSWER].to_numpy()
    return {"rows": len(rows), "mean_target": float(answer.mean()), **metrics(answer, rows[SCORE].to_numpy())}


def importance(model, test, features, columns, args):
    """Return how much of the deciding metric is lost when a column is shuffled, on a sample of the test rows, most first."""
    sample = test.sample(min(len(test), args.importance_rows), random_state=args.seed)
    if len(sample) < 2:
        return []
    settings = {"n_repeats": args.importance_repeats, "random_state": args.seed}

    def score(model, data, answers):
        found = metrics(answers.to_numpy(), model.predict(data))[args.metric]
        return found if args.metric in HIGHER else -found

    with threadpool_limits(1):  # many short predictions: threads that wait for each other cost more than they save
        lost = permutation_importance(model, sample[features], sample[columns.target], scoring=score, **settings)
    rows = zip(features, lost.importances_mean, lost.importances_std, strict=True)
    return sorted(({"feature": name, "mean": float(mean), "std": float(std)} for name, mean, std in rows), key=lambda row: -row["mean"])


def by_window(parts, summary):
    """Return the summary of each window of the time, from the first to the last; nothing where there is no time."""
    return [
        {"month": str(window), "phase": phase, **summary(rows)}
        for phase, part in parts.items()
        if WINDOW in part
        for window, rows in part.groupby(WINDOW)
    ]


def by_value(test, names, summary):
    return [{"column": name, "value": str(value), **summary(rows)} for name in names for value, rows in test.groupby(name, observed=True)]


def write(folder, result, predictions, baseline):
    folder.mkdir(parents=True, exist_ok=True)
    predictions.to_parquet(folder / "predictions.parquet", index=False, compression="zstd")
    (folder / "baseline.txt").write_text(baseline + "\n", encoding="utf-8")
    for name, value in result.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    plots.draw(result["curves"], result["importance"], folder / "plots")


def number(value):
    return "unknown" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()

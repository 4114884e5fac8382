"""Evaluate: how good the model is on the test months, beside a stated baseline; where it is weak; and how it ages."""

import argparse
import json
import os
from pathlib import Path

import mlflow
import pandas as pd
from sklearn.inspection import permutation_importance
from threadpoolctl import threadpool_limits

import plots
from metrics import auc, curves, metrics, shares
from model import predictors
from saved import load, trusted_types


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="MLflow model folder")
    parser.add_argument("--train", type=Path, required=True, help="Parquet file: the baseline comes from it alone")
    parser.add_argument("--test", type=Path, required=True, help="Parquet file that the model is judged on")
    parser.add_argument("--later", type=Path, required=True, help="Parquet file with the months after the test")
    parser.add_argument("--target", required=True, help="column to predict: 0 or 1")
    parser.add_argument("--month", required=True, help="column with the month")
    parser.add_argument("--baseline", required=True, help="columns whose share of positives in training is the baseline, comma-separated")
    parser.add_argument("--baseline_text", required=True, help="the baseline in words")
    parser.add_argument("--slices", required=True, help="columns to look at value by value, comma-separated")
    parser.add_argument("--bins", type=int, required=True, help="number of equally full bins of the calibration curve")
    parser.add_argument("--importance_rows", type=int, required=True, help="test rows that permutation importance is measured on")
    parser.add_argument("--importance_repeats", type=int, required=True, help="how often each column is shuffled")
    parser.add_argument("--seed", type=int, required=True, help="for the sample and the shuffling")
    parser.add_argument("--project", type=Path, required=True, help="project.yml: the types that the model file may hold")
    parser.add_argument("--name", required=True, help="the model's name in project.yml")
    parser.add_argument("--evaluation", type=Path, required=True, help="folder to write into")
    args = parser.parse_args(argv)

    model, features, categories = load(args.model, trusted_types(args.project, args.name))
    parts = {name: pd.read_parquet(getattr(args, name)) for name in ("train", "test", "later")}
    for part in parts.values():
        part["score"] = model.predict_proba(predictors(part, features, categories))[:, 1] if len(part) else 0.0
    test = parts["test"]
    target, baseline = test[args.target], shares(parts["train"], test, args.baseline.split(","), args.target)
    beside = {f"baseline_{name}": value for name, value in metrics(target, baseline, args.bins).items()}
    found = {"rows": len(test), "positive_share": float(target.mean())} | metrics(target, test["score"], args.bins) | beside
    result = {
        "metrics": found,
        "slices": [
            {"column": column, "value": str(value), **summary(rows, args.target)}
            for column in args.slices.split(",")
            for value, rows in test.groupby(column)
        ],
        "monthly": [
            {"month": str(month), **summary(rows, args.target), "phase": phase}
            for phase, part in parts.items()
            for month, rows in part.groupby(args.month)
        ],
        "importance": importance(model, test, features, categories, args),
        "curves": curves(target, test["score"], args.bins),
    }
    predictions = test[[args.target, "score"]].set_axis(["target", "score"], axis="columns").assign(baseline=baseline)
    write(args.evaluation, result, predictions, args.baseline_text)
    if "MLFLOW_RUN_ID" in os.environ:
        mlflow.log_metrics({name: value for name, value in found.items() if value is not None})
        mlflow.log_artifacts(args.evaluation / "plots", "plots")
    for row in result["monthly"]:
        print(f"  {row['month']}  {row['phase']:5}  {row['rows']:>7,} rows  AUC {number(row['auc'])}  positive {row['positive_share']:.3f}")
    print(f"AUC {number(found['auc'])}, baseline {number(found['baseline_auc'])}; {len(found)} metrics, {len(result['slices'])} slices")


def summary(rows, target):
    return {"rows": len(rows), "auc": auc(rows[target], rows["score"]), "positive_share": float(rows[target].mean())}


def importance(model, test, features, categories, args):
    """Return how much AUC is lost when a column is shuffled, on a sample of the test rows, most first."""
    sample = test.sample(min(len(test), args.importance_rows), random_state=args.seed)
    if sample[args.target].nunique() < 2:
        return []
    data = predictors(sample, features, categories)
    settings = {"scoring": "roc_auc", "n_repeats": args.importance_repeats, "random_state": args.seed}
    with threadpool_limits(1):  # many short predictions: threads that wait for each other at every tree cost more than they save
        lost = permutation_importance(model, data, sample[args.target], **settings)
    rows = zip(features, lost.importances_mean, lost.importances_std, strict=True)
    return sorted(({"feature": name, "mean": float(mean), "std": float(std)} for name, mean, std in rows), key=lambda row: -row["mean"])


def write(folder, result, predictions, baseline):
    folder.mkdir(parents=True, exist_ok=True)
    predictions.to_parquet(folder / "predictions.parquet", index=False, compression="zstd")
    (folder / "baseline.txt").write_text(baseline + "\n", encoding="utf-8")
    for name, value in result.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    plots.draw(result["curves"], result["importance"], result["metrics"]["positive_share"], folder / "plots")


def number(value):
    return "unknown" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()

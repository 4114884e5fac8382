"""Evaluate: how good the model is on the test rows, beside a stated baseline; where it is weak; and how it ages."""

import argparse
import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

from columns import read_columns
from metrics import curves, metrics
from results import by_value, by_window, importance, number, write
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
    place = model.classes_.tolist().index(columns.positive)
    for part in parts.values():
        part[SCORE] = model.predict_proba(part[features])[:, place]
        part[ANSWER] = (part[columns.target] == columns.positive).astype("int64")
    test, share = parts["test"], float(parts["train"][ANSWER].mean())
    target, score, baseline = test[ANSWER].to_numpy(), test[SCORE].to_numpy(), np.full(len(test), share)
    beside = {f"baseline_{name}": value for name, value in metrics(target, baseline).items()}
    found = {"rows": len(test), "positive_share": float(target.mean())} | metrics(target, score) | beside
    result = {
        "metrics": found,
        "slices": by_value(test, columns.slices, summary),
        "monthly": by_window(parts, summary),
        "importance": shuffled(model, test, features, columns, args),
        "curves": curves(target, score),
    }
    predictions = pd.DataFrame({"target": test[columns.target], "score": score, "baseline": baseline})
    write(
        args.evaluation, result, predictions, f"the share of {columns.target} = {columns.positive} in training, {share:.3f}, for every row"
    )
    if "MLFLOW_RUN_ID" in os.environ:
        mlflow.log_metrics({name: value for name, value in found.items() if value is not None})
        mlflow.log_artifacts(args.evaluation / "plots", "plots")
    said = f"{args.metric} {number(found[args.metric])}, baseline {number(found[f'baseline_{args.metric}'])}"
    print(f"{said}; {len(test):,} rows, {len(result['slices'])} slices")


def summary(rows):
    answer = rows[ANSWER].to_numpy()
    return {"rows": len(rows), "positive_share": float(answer.mean()), **metrics(answer, rows[SCORE].to_numpy())}


def shuffled(model, test, features, columns, args):
    """Return how much of the deciding metric is lost when a column is shuffled, on a sample of the test rows, most first."""
    sample = test.sample(min(len(test), args.importance_rows), random_state=args.seed)
    if sample[columns.target].nunique() < 2:
        return []
    settings = {"n_repeats": args.importance_repeats, "random_state": args.seed}

    def measure(model, data, answers):
        return metrics(answers == columns.positive, model.predict_proba(data)[:, model.classes_.tolist().index(columns.positive)])

    return importance(model, sample, features, columns.target, args.metric, measure, settings)


if __name__ == "__main__":
    main()

"""Evaluate: how good the model is on the test months, beside a stated baseline; where it is weak; and how it ages."""

import argparse
import json
import os
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import plots
import skops.io
import yaml
from model import predictors
from sklearn.inspection import permutation_importance
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, precision_recall_curve, roc_auc_score, roc_curve


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="MLflow model folder")
    parser.add_argument("--train", type=Path, required=True, help="Parquet file: the baseline comes from it alone")
    parser.add_argument("--test", type=Path, required=True, help="Parquet file that the model is judged on")
    parser.add_argument("--later", type=Path, required=True, help="Parquet file with the months after the test")
    parser.add_argument("--features", required=True, help="the model's columns, comma-separated, in the signature's order")
    parser.add_argument("--categories", required=True, help="those of them that are categories, comma-separated")
    parser.add_argument("--target", required=True, help="column to predict: 0 or 1")
    parser.add_argument("--month", required=True, help="column with the month")
    parser.add_argument("--baseline", required=True, help="columns whose share of positives in training is the baseline, comma-separated")
    parser.add_argument("--baseline_text", required=True, help="the baseline in words")
    parser.add_argument("--slices", required=True, help="columns to look at value by value, comma-separated")
    parser.add_argument("--bins", type=int, required=True, help="number of equally full bins of the calibration curve")
    parser.add_argument(
        "--importance_rows", type=int, required=True, help="test rows that permutation importance is measured on; 0: not at all"
    )
    parser.add_argument("--importance_repeats", type=int, required=True, help="how often each column is shuffled")
    parser.add_argument("--seed", type=int, required=True, help="for the sample and the shuffling")
    parser.add_argument("--project", type=Path, required=True, help="project.yml: the types that the model file may hold")
    parser.add_argument("--name", required=True, help="the model's name in project.yml")
    parser.add_argument("--evaluation", type=Path, required=True, help="folder to write into")
    args = parser.parse_args(argv)

    features, categories = args.features.split(","), args.categories.split(",")
    trusted = yaml.safe_load(args.project.read_text(encoding="utf-8"))["models"][args.name]["trusted_types"]
    model = skops.io.load(args.model / "model.skops", trusted=trusted)
    parts = {name: pd.read_parquet(getattr(args, name)) for name in ("train", "test", "later")}
    for part in parts.values():
        part["score"] = model.predict_proba(predictors(part, features, categories))[:, 1] if len(part) else 0.0
    test = parts["test"]
    target, score = test[args.target], test["score"]
    baseline = shares(parts["train"], test, args.baseline.split(","), args.target)
    result = {
        "metrics": metrics(target, score, args.bins)
        | {
            f"baseline_{name}": value
            for name, value in metrics(target, baseline, args.bins).items()
            if name not in ("rows", "positive_share")
        },
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
        "curves": curves(target, score, args.bins),
    }
    write(args.evaluation, result, pd.DataFrame({"target": target, "score": score, "baseline": baseline}), args.baseline_text)
    if "MLFLOW_RUN_ID" in os.environ:
        mlflow.log_metrics({name: value for name, value in result["metrics"].items() if value is not None})
        mlflow.log_artifacts(args.evaluation / "plots", "plots")
    for row in result["monthly"]:
        print(f"  {row['month']}  {row['phase']:5}  {row['rows']:>6,} rows  AUC {number(row['auc'])}  {row['positive_share']:.3f} positive")
    found = result["metrics"]
    print(f"AUC {number(found['auc'])}, baseline {number(found['baseline_auc'])}; {len(found)} metrics, {len(result['slices'])} slices")


def metrics(target, score, bins):
    """Return the metrics of a probability; what needs both classes is None where there is one."""
    both = target.nunique() > 1
    observed = calibration(target, score, bins)
    error = np.average(np.abs(np.subtract(observed["predicted"], observed["observed"])), weights=observed["rows"])
    return {
        "rows": len(target),
        "positive_share": float(target.mean()),
        "auc": float(roc_auc_score(target, score)) if both else None,
        "average_precision": float(average_precision_score(target, score)) if both else None,
        "log_loss": float(log_loss(target, score, labels=[0, 1])),
        "brier": float(brier_score_loss(target, score)),
        "calibration_error": float(error),
    }


def summary(rows, target):
    both = rows[target].nunique() > 1
    auc = float(roc_auc_score(rows[target], rows["score"])) if both else None
    return {"rows": len(rows), "auc": auc, "positive_share": float(rows[target].mean())}


def shares(train, test, columns, target):
    """Return the share of positives in training among rows alike in `columns`; where there were none, the share of all."""
    known = train.groupby(columns)[target].mean().rename("share").reset_index()
    return test[columns].merge(known, on=columns, how="left")["share"].fillna(train[target].mean()).to_numpy()


def calibration(target, score, bins):
    """Return predicted and observed shares in equally full bins of the score."""
    order = np.argsort(np.asarray(score), kind="stable")
    groups = [group for group in np.array_split(order, bins) if len(group)]
    scores, targets = np.asarray(score), np.asarray(target)
    return {
        "predicted": [float(scores[group].mean()) for group in groups],
        "observed": [float(targets[group].mean()) for group in groups],
        "rows": [len(group) for group in groups],
    }


def importance(model, test, features, categories, args):
    """Return how much AUC is lost when a column is shuffled, most first."""
    sample = test.sample(min(len(test), args.importance_rows), random_state=args.seed)
    if sample[args.target].nunique() < 2:
        return []
    data = predictors(sample, features, categories)
    found = permutation_importance(
        model, data, sample[args.target], scoring="roc_auc", n_repeats=args.importance_repeats, random_state=args.seed
    )
    rows = zip(features, found.importances_mean, found.importances_std, strict=True)
    return sorted(({"feature": f, "mean": float(m), "std": float(s)} for f, m, s in rows), key=lambda row: -row["mean"])


def curves(target, score, bins):
    fpr, tpr, _ = roc_curve(target, score)
    precision, recall, _ = precision_recall_curve(target, score)
    return {
        "roc": {"fpr": thin(fpr), "tpr": thin(tpr)},
        "pr": {"recall": thin(recall[::-1]), "precision": thin(precision[::-1])},
        "calibration": calibration(target, score, bins),
    }


def thin(values, most=200):
    """Return at most `most` of the values, evenly taken, the first and the last among them."""
    return [float(value) for value in values[np.linspace(0, len(values) - 1, min(most, len(values))).astype(int)]]


def number(value):
    return "unknown" if value is None else f"{value:.3f}"


def write(folder, result, predictions, baseline):
    folder.mkdir(parents=True, exist_ok=True)
    predictions.to_parquet(folder / "predictions.parquet", index=False, compression="zstd")
    (folder / "baseline.txt").write_text(baseline + "\n", encoding="utf-8")
    for name, value in result.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    plots.draw(result["curves"], result["importance"], result["metrics"], folder / "plots")


if __name__ == "__main__":
    main()

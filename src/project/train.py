"""Train: fit the model, and save it with its signature, an example and the packages it must be served with."""

import argparse
import os
import sys
from pathlib import Path

import mlflow
import pandas as pd
from threadpoolctl import threadpool_limits

from counts import tell
from model import build, predictors
from saved import save, trusted_types


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, required=True, help="Parquet file with features and target")
    parser.add_argument("--features", required=True, help="columns to learn from, comma-separated, in the signature's order")
    parser.add_argument("--categories", required=True, help="those of them that are categories, comma-separated")
    parser.add_argument("--target", required=True, help="column to predict: 0 or 1")
    parser.add_argument("--leakage", required=True, help="columns known only afterwards, comma-separated: refused as features")
    parser.add_argument("--max_iter", type=int, required=True, help="number of trees")
    parser.add_argument("--learning_rate", type=float, required=True, help="how far each tree moves the prediction")
    parser.add_argument("--max_leaf_nodes", type=int, required=True, help="most leaves of a tree")
    parser.add_argument("--min_samples_leaf", type=int, required=True, help="fewest rows of a leaf")
    parser.add_argument("--l2_regularization", type=float, required=True, help="pull of the leaves towards zero")
    parser.add_argument("--seed", type=int, required=True, help="the same seed and data give the same model")
    parser.add_argument("--threads", type=int, required=True, help="threads of the training")
    parser.add_argument("--requirements", required=True, help="packages it is served with, comma-separated: pinned as installed here")
    parser.add_argument("--project", type=Path, required=True, help="project.yml: the types that the model file may hold")
    parser.add_argument("--name", required=True, help="the model's name in project.yml")
    parser.add_argument("--model", type=Path, required=True, help="folder to write the MLflow model into")
    args = parser.parse_args(argv)

    features, categories = args.features.split(","), args.categories.split(",")
    table = pd.read_parquet(args.train)
    check(table, features, categories, args.target, args.leakage.split(","))
    names = ("max_iter", "learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization")
    settings = {name: getattr(args, name) for name in names} | {"random_state": args.seed}
    data, target = predictors(table, features, categories), table[args.target]
    with threadpool_limits(args.threads):
        model = build(features, categories, **settings).fit(data, target)
    for part, branch in (("transform", "words"), ("normalise", "numbers")):  # both are in the model: served as they were learnt
        told = model["columns"].output_indices_[branch]
        columns = next(found for name, _, found in model["columns"].transformers_ if name == branch)
        tell(part, rows_in=len(data), rows_out=len(data), columns_in=len(columns), columns_out=told.stop - told.start)
    save(model, args.model, data.head(2), categories, args.requirements.split(","), trusted_types(args.project, args.name))
    if "MLFLOW_RUN_ID" in os.environ:
        mlflow.log_params(settings | {"features": ",".join(features)})
        mlflow.log_metrics({"train_rows": len(table), "train_positive_share": float(target.mean())})
    print(f"{len(table):,} rows, {len(features)} features, of them categories: {', '.join(categories)}")
    print(f"{type(model[-1]).__name__.removesuffix('Classifier')}, {model[-1].n_iter_} trees, {len(table):,} rows")


def check(table, features, categories, target, leakage):
    used = [name for name in features if name in leakage or name == target]
    if used:
        sys.exit(f"train: {', '.join(used)} cannot be a feature: known only after the question is asked. Take it out of `features`.")
    unknown = [name for name in [*features, target] if name not in table]
    if unknown:
        sys.exit(f"train: there is no column {', '.join(unknown)}. There are: {', '.join(table)}.")
    stray = [name for name in categories if name not in features]
    if stray:
        sys.exit(f"train: {', '.join(stray)} is among `categories` and not among `features`.")
    words = [name for name in features if name not in categories and table[name].dtype.kind not in "biuf"]
    if words:
        sys.exit(f"train: {', '.join(words)} holds no numbers. Add it to `categories`, or take it out of `features`.")
    if not table[target].isin([0, 1]).all() or table[target].nunique() < 2:
        sys.exit(f"train: {target} must be 0 or 1 in each row, and both must occur; it holds {table[target].unique()[:5].tolist()}.")
    empty = [name for name in features if table[name].isna().all()]
    if empty:
        sys.exit(f"train: {', '.join(empty)} has no value in any of {len(table):,} rows. Mend the data, or take it out of `features`.")


if __name__ == "__main__":
    main()

"""Train: fit the model, and save it with its signature, an example and the packages it must be served with."""

import argparse
import os
from pathlib import Path

import mlflow
import pandas as pd
from sklearn.model_selection import RandomizedSearchCV
from threadpoolctl import threadpool_limits

from columns import read_columns
from model import SEARCH, TREES, answers, build, check
from saved import save, trusted_types


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, required=True, help="Parquet file with the rows to learn from")
    parser.add_argument("--columns", type=Path, required=True, help="columns.yml: what the model learns from, and as what")
    parser.add_argument("--estimator", choices=["trees", "linear"], required=True, help="boosted trees, or a linear model")
    parser.add_argument("--max_iter", type=int, required=True, help="trees: how many (of each class, where there are more than two)")
    parser.add_argument("--learning_rate", type=float, required=True, help="trees: how far each moves the prediction")
    parser.add_argument("--max_leaf_nodes", type=int, required=True, help="trees: most leaves of one")
    parser.add_argument("--min_samples_leaf", type=int, required=True, help="trees: fewest rows of a leaf")
    parser.add_argument("--l2_regularization", type=float, required=True, help="trees: pull of the leaves towards zero")
    parser.add_argument("--strength", type=float, required=True, help="linear: see model.py")
    parser.add_argument("--trials", type=int, required=True, help="how much of model.py's SEARCH is tried; 0: the parameters given here")
    parser.add_argument("--scoring", required=True, help="what a search decides by, in scikit-learn's words")
    parser.add_argument("--seed", type=int, required=True, help="the same seed and data give the same model")
    parser.add_argument("--threads", type=int, required=True, help="threads of the training")
    parser.add_argument("--requirements", required=True, help="packages it is served with, comma-separated: pinned as installed here")
    parser.add_argument("--project", type=Path, required=True, help="project.yml: the types that the model file may hold")
    parser.add_argument("--name", required=True, help="the model's name in project.yml")
    parser.add_argument("--model", type=Path, required=True, help="folder to write the MLflow model into")
    args = parser.parse_args(argv)

    columns = read_columns(args.columns)
    table = pd.read_parquet(args.train)
    data, target = table[columns.features], answers(table[columns.target])
    check(columns, target)
    settings = {name: getattr(args, name) for name in TREES}
    with threadpool_limits(args.threads):
        model = build(columns, args.estimator, args.seed, args.strength, **settings)
        model = search(model, data, target, args) if args.trials else model.fit(data, target)
    save(model, args.model, data, args.requirements.split(","), trusted_types(args.project, args.name))
    tell(model, data)
    if "MLFLOW_RUN_ID" in os.environ:
        mlflow.log_params(settings | {"estimator": args.estimator, "strength": args.strength, "trials": args.trials, "seed": args.seed})
        mlflow.log_metrics({"train_rows": len(table), "train_columns": len(columns.features)})
    print(f"{type(model[-1]).__name__}, {len(table):,} rows, {len(columns.features):,} columns")


def search(model, data, target, args):
    """Return the best of `trials` models, by cross-validation over the training rows."""
    found = RandomizedSearchCV(model, SEARCH[args.estimator], n_iter=args.trials, scoring=args.scoring, cv=3, random_state=args.seed)
    found.fit(data, target)
    for name, value in found.best_params_.items():
        print(f"  search: {name} = {value}")
    print(f"  search: {args.scoring} {found.best_score_:.4f}, the best of {len(found.cv_results_['params'])} trials")
    if "MLFLOW_RUN_ID" in os.environ:
        mlflow.log_params({f"won_{name}": value for name, value in found.best_params_.items()})
        mlflow.log_metric("search_score", found.best_score_)
    return found.best_estimator_


def tell(model, data):
    """Print rows and columns in and out of each named part of the model."""
    transform = model["transform"]
    for name, part, places in transform.transformers_:
        out = transform.output_indices_[name]
        taken, made = len(places) if isinstance(places, list) else 1, out.stop - out.start
        steps = ", ".join(part.named_steps) if hasattr(part, "named_steps") else str(part)
        print(f"  {name}: {len(data):,} rows, {taken} columns in, {made} out ({steps})")
        print(f"counts {name} rows_in={len(data)} rows_out={len(data)} columns_in={taken} columns_out={made}")


if __name__ == "__main__":
    main()

"""Train: fit the model, and save it with its signature, an example and the packages it must be served with."""

import argparse
import os
import sys
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GroupKFold, KFold, ParameterSampler, StratifiedKFold, TimeSeriesSplit, cross_val_score
from threadpoolctl import threadpool_limits

from columns import read_columns
from model import SEARCH, TREES, answers, build, check
from saved import save, trusted_types

FOLDS = 3


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
        model = search(model, table, columns, args) if args.trials else model.fit(data, target)
    save(model, args.model, data, args.requirements.split(","), trusted_types(args.project, args.name))
    tell(model, data)
    if "MLFLOW_RUN_ID" in os.environ:
        mlflow.log_params(settings | {"estimator": args.estimator, "strength": args.strength, "trials": args.trials, "seed": args.seed})
        mlflow.log_metrics({"train_rows": len(table), "train_columns": len(columns.features)})
    print(f"{type(model[-1]).__name__}, {len(table):,} rows, {len(columns.features):,} columns")


def search(model, table, columns, args):
    """Return the best of `trials` models by cross-validation over the training rows; each trial is told as soon as it is done."""
    trials = list(ParameterSampler(SEARCH[args.estimator], args.trials, random_state=args.seed))
    folds, rows = folded(model, table, columns, args.seed)
    if not judged(model, rows, columns, folds):
        sys.exit("train: there is nothing to search by: no two classes are in all of the folds. Set trials to 0.")
    scores = []
    for number, settings in enumerate(trials, 1):
        scores.append(score(clone(model).set_params(**settings), rows, columns, args.scoring, folds))
        print(f"  trial {number} of {len(trials)}: {said(args.scoring, scores[-1])}   {worded(settings)}", flush=True)
    if not np.isfinite(scores).any():
        sys.exit(f"train: no trial has a score by {args.scoring}: no fold has each class. Set trials to 0.")
    won = int(np.nanargmax(scores))
    print(f"  trial {won + 1} won: {said(args.scoring, scores[won])}   {worded(trials[won])}")
    if "MLFLOW_RUN_ID" in os.environ:
        mlflow.log_params({f"won_{name}": value for name, value in trials[won].items()})
        mlflow.log_metric("search_score", scores[won])
    return model.set_params(**trials[won]).fit(table[columns.features], answers(table[columns.target]))


def judged(model, rows, columns, folds):
    """Return whether there is a fold at all that a model can learn from."""
    return folds != [] and (not is_classifier(model) or rows[columns.target].nunique() > 1)


def score(model, rows, columns, scoring, folds):
    """Return the mean over the folds that can be judged: one without a class cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = cross_val_score(model, rows[columns.features], answers(rows[columns.target]), scoring=scoring, cv=folds)
    return float(found[np.isfinite(found)].mean()) if np.isfinite(found).any() else np.nan


def folded(model, table, columns, seed):
    """Return folds, and the rows that they are of, parted as train and test are: later ones after earlier ones, groups whole, classes alike."""
    group = table[columns.group].astype("str").fillna("") if columns.group else None
    if group is not None and group.nunique() >= FOLDS:
        parts = GroupKFold(FOLDS).split(table, groups=group)
        return [
            (known, asked) for known, asked in parts if not is_classifier(model) or table[columns.target].iloc[known].nunique() > 1
        ], table
    if columns.time:
        ordered = table.sort_values(columns.time, kind="stable", na_position="first")
        return TimeSeriesSplit(FOLDS), throughout(ordered, columns.target) if is_classifier(model) else ordered
    if not is_classifier(model):
        return KFold(FOLDS, shuffle=True, random_state=seed), table
    common = table[table.groupby(columns.target)[columns.target].transform("size") >= FOLDS]
    return StratifiedKFold(FOLDS, shuffle=True, random_state=seed), common


def said(scoring, value):
    """Return a score as people read it: scikit-learn turns what is better when it is less around, and calls it neg_."""
    return f"{scoring.removeprefix('neg_').replace('_', ' ')} {-value if scoring.startswith('neg_') else value:.4f}"


def throughout(ordered, target):
    """Return the rows of the classes that no part of the time is without: of another one, some fold would know nothing."""
    parts = np.array_split(ordered[target], FOLDS + 1)
    return ordered[ordered[target].isin(set.intersection(*map(set, parts)))]


def worded(settings):
    return ", ".join(f"{name.split('__')[-1]} {value:g}" for name, value in settings.items())


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

"""Score: the probability for each row of a table, by a given model. The batch counterpart of the endpoint."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from model import predictors
from saved import load, trusted_types


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="MLflow model folder")
    parser.add_argument("--table", type=Path, required=True, help="Parquet file with features and keys")
    parser.add_argument("--keys", required=True, help="columns that name a row, comma-separated: written beside the score")
    parser.add_argument("--lineage", required=True, help="which version the model is: written beside the score")
    parser.add_argument("--project", type=Path, required=True, help="project.yml: the types that the model file may hold")
    parser.add_argument("--name", required=True, help="the model's name in project.yml")
    parser.add_argument("--scores", type=Path, required=True, help="Parquet file to write")
    args = parser.parse_args(argv)

    model, features, categories = load(args.model, trusted_types(args.project, args.name))
    table, keys = pd.read_parquet(args.table), args.keys.split(",")
    unknown = [name for name in dict.fromkeys([*features, *keys]) if name not in table]
    if unknown:
        sys.exit(f"score: the model or the keys need {', '.join(unknown)}, which the table does not have. It has: {', '.join(table)}.")
    scores = table[keys].assign(score=model.predict_proba(predictors(table, features, categories))[:, 1], lineage=args.lineage)
    scores.to_parquet(args.scores, index=False, compression="zstd")
    print(f"{len(scores):,} rows scored, mean {scores['score'].mean():.3f}")


if __name__ == "__main__":
    main()

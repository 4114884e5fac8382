"""Score: the probability for each row of a table, by a given model. The batch counterpart of the endpoint."""

import argparse
from pathlib import Path

import pandas as pd
import skops.io
import yaml
from model import predictors


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="MLflow model folder")
    parser.add_argument("--table", type=Path, required=True, help="Parquet file with features and keys")
    parser.add_argument("--features", required=True, help="the model's columns, comma-separated, in the signature's order")
    parser.add_argument("--categories", required=True, help="those of them that are categories, comma-separated")
    parser.add_argument("--keys", required=True, help="columns that name a row, comma-separated: written beside the score")
    parser.add_argument("--project", type=Path, required=True, help="project.yml: the types that the model file may hold")
    parser.add_argument("--name", required=True, help="the model's name in project.yml")
    parser.add_argument("--scores", type=Path, required=True, help="Parquet file to write")
    args = parser.parse_args(argv)

    trusted = yaml.safe_load(args.project.read_text(encoding="utf-8"))["models"][args.name]["trusted_types"]
    model = skops.io.load(args.model / "model.skops", trusted=trusted)
    table = pd.read_parquet(args.table)
    data = predictors(table, args.features.split(","), args.categories.split(","))
    scores = table[args.keys.split(",")].assign(score=model.predict_proba(data)[:, 1])
    scores.to_parquet(args.scores, index=False, compression="zstd")
    print(f"{len(scores):,} rows scored, mean {scores['score'].mean():.3f}")


if __name__ == "__main__":
    main()

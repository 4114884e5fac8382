"""Score: what a given model says to each row of a table. The batch counterpart of the endpoint."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from columns import read_columns, typed
from model import in_short, says
from saved import load, trusted_types


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="MLflow model folder")
    parser.add_argument("--raw", type=Path, required=True, help="folder with the table as Parquet")
    parser.add_argument("--table", required=True, help="name of the table")
    parser.add_argument("--columns", type=Path, required=True, help="columns.yml: what the model learnt from, and as what")
    parser.add_argument("--lineage", required=True, help="which version the model is: written beside what it says")
    parser.add_argument("--project", type=Path, required=True, help="project.yml: the types that the model file may hold")
    parser.add_argument("--name", required=True, help="the model's name in project.yml")
    parser.add_argument("--scores", type=Path, required=True, help="Parquet file to write")
    args = parser.parse_args(argv)

    columns = read_columns(args.columns)
    model, features = load(args.model, trusted_types(args.project, args.name))
    table = pd.read_parquet(args.raw / f"{args.table}.parquet")
    unknown = [name for name in [*features, *columns.keys] if name not in table]
    if unknown:
        sys.exit(f"score: the model or the keys need {', '.join(unknown)}, which the table does not have. It has: {', '.join(table)}.")
    data = typed(table, columns)[features]
    scores = pd.concat([table[list(columns.keys or columns.features)], says(model, data, columns)], axis="columns").assign(
        lineage=args.lineage
    )
    scores.to_parquet(args.scores, index=False, compression="zstd")
    print(f"{len(scores):,} rows scored, {in_short(scores)}")


if __name__ == "__main__":
    main()

"""Split at random: the rows are alike, so any of them may be tested on. The seed is a parameter: the same rows give the same parts."""

import argparse
import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="Parquet file")
    parser.add_argument("--share", type=float, required=True, help="share of the rows that are tested on")
    parser.add_argument("--seed", type=int, required=True, help="for the choice")
    parser.add_argument("--train", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--test", type=Path, required=True, help="Parquet file to write")
    args = parser.parse_args(argv)

    table = pd.read_parquet(args.table)
    if len(table) * min(args.share, 1 - args.share) < 1:
        sys.exit(f"split: {len(table):,} rows cannot be parted with a share of {args.share}: nothing would be left on one side.")
    train, test = train_test_split(table, test_size=args.share, random_state=args.seed)
    for name, part in (("train", train), ("test", test)):
        part.sort_index().to_parquet(getattr(args, name), index=False, compression="zstd")
    print(f"counts split rows_in={len(table)} rows_out={len(train) + len(test)} rows_train={len(train)} rows_test={len(test)}")
    print(f"{len(table):,} rows in, {len(train):,} train, {len(test):,} test, none in both")


if __name__ == "__main__":
    main()

"""Split at random, of each class alike: the test has the classes in the shares of the table. A class with one member is learnt from only."""

import argparse
import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

from columns import read_columns


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="Parquet file")
    parser.add_argument("--columns", type=Path, required=True, help="columns.yml: it names the target")
    parser.add_argument("--share", type=float, required=True, help="share of the rows that are tested on")
    parser.add_argument("--seed", type=int, required=True, help="for the choice")
    parser.add_argument("--train", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--test", type=Path, required=True, help="Parquet file to write")
    args = parser.parse_args(argv)

    table, target = pd.read_parquet(args.table), read_columns(args.columns).target
    rows = table[target].value_counts()
    alone = table[target].isin(rows.index[rows == 1])
    if (rows > 1).sum() < 2:
        sys.exit(f"split: {target} needs two classes with two rows each. There are: {rows.to_dict()}.")
    several = table[~alone]
    wanted = max(round(len(several) * args.share), int((rows > 1).sum()))  # of each class one row at least
    if len(several) - wanted < (rows > 1).sum():
        sys.exit(f"split: {len(several):,} rows of {(rows > 1).sum():,} classes cannot be parted with a share of {args.share}.")
    train, test = train_test_split(several, test_size=wanted, stratify=several[target], random_state=args.seed)
    train = pd.concat([train, table[alone]])
    for name, part in (("train", train), ("test", test)):
        part.sort_index().to_parquet(getattr(args, name), index=False, compression="zstd")
    print(f"{alone.sum():,} rows alone in their class: learnt from, not tested on")
    print(f"counts split rows_in={len(table)} rows_out={len(train) + len(test)} rows_train={len(train)} rows_test={len(test)}")
    print(f"{len(table):,} rows in, {len(train):,} train, {len(test):,} test, none in both")


if __name__ == "__main__":
    main()

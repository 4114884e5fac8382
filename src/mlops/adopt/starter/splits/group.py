"""Split by group: rows that belong together are on one side, or the model would be tested on what it has seen."""

import argparse
import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from columns import read_columns


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="Parquet file")
    parser.add_argument("--columns", type=Path, required=True, help="columns.yml: it names the group")
    parser.add_argument("--share", type=float, required=True, help="share of the groups that are tested on")
    parser.add_argument("--seed", type=int, required=True, help="for the choice")
    parser.add_argument("--train", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--test", type=Path, required=True, help="Parquet file to write")
    args = parser.parse_args(argv)

    columns = read_columns(args.columns)
    table = pd.read_parquet(args.table)
    known = table[columns.group]
    alone = pd.Series([f"row {number}" for number in range(len(table))], table.index)  # a row without a group is one of its own
    group = known.astype("str").where(known.notna(), alone)
    if group.nunique() < 2:
        sys.exit(f"split: {columns.group} has {group.nunique()} value(s) in {len(table):,} rows: there is nothing to part.")
    chosen = GroupShuffleSplit(1, test_size=args.share, random_state=args.seed)
    train, test = next(chosen.split(table, groups=group))
    both = set(group.iloc[train]) & set(group.iloc[test])
    if both:
        sys.exit(f"split: {len(both):,} groups are on both sides.")
    for name, rows in (("train", train), ("test", test)):
        table.iloc[sorted(rows)].to_parquet(getattr(args, name), index=False, compression="zstd")
        print(f"{name}: {len(rows):,} rows of {group.iloc[rows].nunique():,} groups")
    print(f"counts split rows_in={len(table)} rows_out={len(train) + len(test)} rows_train={len(train)} rows_test={len(test)}")
    print(f"{len(table):,} rows in, {len(train):,} train, {len(test):,} test, no group in both")


if __name__ == "__main__":
    main()

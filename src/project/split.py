"""Split by time: learn from the past, test on the months after it, keep the rest to watch the model age."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from counts import of, tell


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="Parquet file with features, keys and target")
    parser.add_argument("--month", required=True, help="column with the month, as 2013-08")
    parser.add_argument("--keys", required=True, help="columns that name a row, comma-separated")
    parser.add_argument("--target", required=True, help="column to predict: 0 or 1")
    parser.add_argument("--train_until", required=True, help="last month of training, as 2013-08")
    parser.add_argument("--test_until", required=True, help="last month of testing")
    parser.add_argument("--train", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--test", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--later", type=Path, required=True, help="Parquet file to write: the months after the test, possibly none")
    args = parser.parse_args(argv)

    if args.train_until >= args.test_until:
        sys.exit(f"split: train_until ({args.train_until}) must be before test_until ({args.test_until}).")
    table = pd.read_parquet(args.table)
    check(table, args.keys.split(","), args.target)
    month = table[args.month]
    parts = {
        "train": table[month <= args.train_until],
        "test": table[(month > args.train_until) & (month <= args.test_until)],
        "later": table[month > args.test_until],
    }
    for name, part in parts.items():
        if name != "later" and part[args.target].nunique() < 2:
            what = "has no rows" if part.empty else f"has only rows with {args.target} = {part[args.target].iloc[0]}"
            sys.exit(f"split: {name} {what}; the table has {month.min()} to {month.max()}. Move train_until and test_until.")
        part.to_parquet(getattr(args, name), index=False, compression="zstd")
        span = f"{part[args.month].min()} to {part[args.month].max()}, {part[args.target].mean():.1%} late" if len(part) else "none"
        print(f"{name}: {len(part):,} rows, {span}")
    rows = {f"rows_{name}": len(part) for name, part in parts.items()}
    tell("split", **of(table, pd.concat(parts.values())), **rows)
    print(", ".join(f"{len(part):,} {name}" for name, part in parts.items()))


def check(table, keys, target):
    """A row in two parts, or a target that is not there, would make every number after this worthless."""
    missing = [name for name in [*keys, target] if name not in table]
    if missing:
        sys.exit(f"split: there is no column {', '.join(missing)}. There are: {', '.join(table)}.")
    wrong = ~table[target].isin([0, 1])
    if wrong.any():
        row = table.loc[wrong, keys].iloc[0].to_dict()
        sys.exit(f"split: {wrong.sum():,} rows have a {target} that is neither 0 nor 1 (missing counts); the first is {row}.")
    twice = table.duplicated(keys)
    if twice.any():
        row = table.loc[twice, keys].iloc[0].to_dict()
        sys.exit(f"split: {twice.sum():,} rows have the keys of another row ({', '.join(keys)}); the first is {row}.")


if __name__ == "__main__":
    main()

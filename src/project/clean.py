"""Clean: only flights that arrived, with the answer to learn as a column, and without the columns that are known only afterwards."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from counts import of, tell


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--valid", type=Path, required=True, help="folder with flights.parquet, checked against the contract")
    parser.add_argument("--delay", required=True, help="column with the delay at arrival, in minutes")
    parser.add_argument("--minutes", type=float, required=True, help="a flight is late from this delay on")
    parser.add_argument("--target", required=True, help="name of the column to make: 1 for late, 0 for in time")
    parser.add_argument("--leakage", required=True, help="columns known only after departure, comma-separated: dropped")
    parser.add_argument("--cleaned", type=Path, required=True, help="folder to write flights.parquet into")
    args = parser.parse_args(argv)

    flights = pd.read_parquet(args.valid / "flights.parquet")
    leakage = args.leakage.split(",")
    missing = [name for name in [args.delay, *leakage] if name not in flights]
    if missing:
        sys.exit(f"clean: flights has no column {', '.join(missing)}. It has: {', '.join(flights)}.")
    if args.delay not in leakage:
        sys.exit(f"clean: {args.delay} makes the target, so it must be among the leakage columns: {args.leakage}.")
    arrived = flights[flights[args.delay].notna()]
    if arrived.empty:
        sys.exit(f"clean: not one of {len(flights):,} flights has a value in {args.delay}: there is nothing to learn from.")
    cleaned = arrived.drop(columns=leakage).assign(**{args.target: (arrived[args.delay] >= args.minutes).astype("int64")})
    args.cleaned.mkdir(parents=True, exist_ok=True)
    cleaned.to_parquet(args.cleaned / "flights.parquet", index=False, compression="zstd")
    print(f"{len(flights):,} rows in, {len(flights) - len(cleaned):,} cancelled or diverted, {len(cleaned):,} rows out")
    print(f"{len(flights.columns)} columns in, {len(cleaned.columns)} out: without {', '.join(leakage)}; with {args.target}")
    tell("clean", **of(flights, cleaned))
    print(f"{len(cleaned):,} flights, {cleaned[args.target].mean():.1%} late")


if __name__ == "__main__":
    main()

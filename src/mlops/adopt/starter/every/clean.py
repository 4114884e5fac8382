"""Clean: rows with an answer, each once, with the columns that the model learns from and what a row has besides. The rest stays behind."""

import argparse
import sys
from pathlib import Path

import pandas as pd
from pandas.api.types import is_extension_array_dtype

from columns import WINDOW, read_columns, typed, windows


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--valid", type=Path, required=True, help="folder with the table as Parquet, checked against the contract")
    parser.add_argument("--table", required=True, help="name of the table")
    parser.add_argument("--columns", type=Path, required=True, help="columns.yml: what the model learns from, and as what")
    parser.add_argument(
        "--duplicates",
        choices=["drop", "twins", "keep"],
        required=True,
        help="of rows that are the same in every column one stays (drop), or of those the same in all but what names them (twins)",
    )
    parser.add_argument("--window", required=True, help="how the time is cut: year, quarter, month, week, day, value; or none")
    parser.add_argument("--share", type=float, required=True, help="share of the rows that is taken, at random: 1 for all of them")
    parser.add_argument("--seed", type=int, required=True, help="for the share")
    parser.add_argument("--cleaned", type=Path, required=True, help="Parquet file to write")
    args = parser.parse_args(argv)

    columns = read_columns(args.columns)
    table = pd.read_parquet(args.valid / f"{args.table}.parquet")
    if columns.target not in table:
        sys.exit(f"clean: the table has no column {columns.target}, the target. It has: {', '.join(map(str, table))}.")
    answered = table[table[columns.target].notna()]
    if answered.empty:
        sys.exit(f"clean: not one of {len(table):,} rows has a value in {columns.target}: there is nothing to learn from.")
    told = {*columns.features, columns.group, columns.time, columns.target}
    alike = {"drop": list(table), "twins": [name for name in table if name in told]}
    once = answered if args.duplicates == "keep" else answered.drop_duplicates(alike[args.duplicates])
    taken = once if args.share >= 1 else once.sample(frac=args.share, random_state=args.seed).sort_index()
    wanted = [name for name in table if name in [*columns.features, *columns.beside, columns.target]]
    cleaned = typed(taken[wanted], columns).reset_index(drop=True)
    cleaned[columns.target] = whole(cleaned[columns.target])
    if args.window != "none":
        cleaned[WINDOW] = windows(cleaned[columns.time], args.window)
    cleaned.to_parquet(args.cleaned, index=False, compression="zstd")
    print(f"{len(table):,} rows in, {len(table) - len(answered):,} without {columns.target}, {len(answered) - len(once):,} there twice")
    print(f"{len(table.columns):,} columns in, {len(cleaned.columns):,} out: {len(columns.features):,} to learn from, and {columns.target}")
    print(f"counts clean rows_in={len(table)} rows_out={len(cleaned)} columns_in={len(table.columns)} columns_out={len(cleaned.columns)}")
    print(f"{len(cleaned):,} rows, {len(columns.features):,} columns to learn from")


def whole(answers):
    """Return answers, of which none is missing any more, without the types that pandas has for what may be missing."""
    return pd.Series(answers.tolist(), answers.index) if answers.dtype == "object" or is_extension_array_dtype(answers.dtype) else answers


if __name__ == "__main__":
    main()

"""Split by time: learn from the past, test on what came after it."""

import argparse
import sys
from pathlib import Path

import pandas as pd
from pandas.api.types import is_datetime64_any_dtype

from columns import read_columns


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="Parquet file")
    parser.add_argument("--columns", type=Path, required=True, help="columns.yml: it names the time")
    parser.add_argument("--until", required=True, help="the last time that is learnt from")
    parser.add_argument("--train", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--test", type=Path, required=True, help="Parquet file to write")
    args = parser.parse_args(argv)

    columns = read_columns(args.columns)
    table = pd.read_parquet(args.table)
    time = table[columns.time]
    before = (time <= like(time, args.until)) | time.isna()
    if before.all() or not before.any():
        sys.exit(f"split: all rows are on one side of {args.until}; {columns.time} runs from {time.min()} to {time.max()}. Move `until`.")
    for name, part in (("train", table[before]), ("test", table[~before])):
        part.to_parquet(getattr(args, name), index=False, compression="zstd")
        print(f"{name}: {len(part):,} rows, {part[columns.time].min()} to {part[columns.time].max()}")
    print(f"{time.isna().sum():,} rows without {columns.time}: learnt from, not tested on")
    print(f"counts split rows_in={len(table)} rows_out={len(table)} rows_train={before.sum()} rows_test={(~before).sum()}")
    print(f"{len(table):,} rows in, {before.sum():,} train until {args.until}, {(~before).sum():,} test after it, none in both")


def like(time, text):
    """Return a point in time as the column has it: a time, a number (2013) or a text that is in its order."""
    if is_datetime64_any_dtype(time.dtype):
        moment = pd.Timestamp(text)
        if time.dt.tz is None:
            return moment.tz_convert(None) if moment.tz is not None else moment
        return moment if moment.tz is not None else moment.tz_localize(time.dt.tz)
    return float(text) if time.dtype.kind in "iuf" else text


if __name__ == "__main__":
    main()

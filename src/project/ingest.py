"""Import: raw files, digests checked, into one typed Parquet table each. A file that is not what it should be is named, and nothing goes on."""

import argparse
import sys
from pathlib import Path

import pandas as pd
import yaml

from counts import tell
from digests import check_digests
from rawfile import read_csv


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of raw files, with their digests in SHA256SUMS")
    parser.add_argument("--contract", type=Path, required=True, help="data contract (ODCS): its columns and types are what is read")
    parser.add_argument("--partitioned", required=True, help="the table that comes as one file per month, such as flights/*.csv.gz")
    parser.add_argument("--tables", required=True, help="the other tables, comma-separated: weather.csv,planes.csv")
    parser.add_argument("--months", required=True, help="months to read, comma-separated (2013-08,2013-09), or all")
    parser.add_argument("--raw", type=Path, required=True, help="folder to write TABLE.parquet into")
    args = parser.parse_args(argv)

    types = declared(args.contract)
    partitions = select(sorted(args.data.glob(args.partitioned)), args.months, args.data / args.partitioned)
    tables = [args.data / name for name in args.tables.split(",")]
    check_digests(args.data, partitions + tables, args.partitioned)
    name = Path(args.partitioned).parent.name
    months = read_months(partitions, types[name], whole=args.months == "all")
    print("  ".join(f"{month} {len(frame):,}" for month, frame in months.items()))
    args.raw.mkdir(parents=True, exist_ok=True)
    flights = pd.concat(months.values(), ignore_index=True)
    for table, frame in [(name, flights), *((path.stem, read_csv(path, types[path.stem])) for path in tables)]:
        frame.to_parquet(args.raw / f"{table}.parquet", index=False, compression="zstd")
        print(f"{table}: {len(frame):,} rows, {len(frame.columns)} columns")
        tell("import", table, files_in=len(months) if table == name else 1, rows_out=len(frame), columns_out=len(frame.columns))
    print(f"{len(months)} month{'s' * (len(months) > 1)}, {len(flights):,} rows")


def declared(contract):
    """Return table -> column -> type as the contract has them: they are stated once, there."""
    try:
        schema = yaml.safe_load(contract.read_text(encoding="utf-8"))["schema"]
        return {table["name"]: {column["name"]: column["logicalType"] for column in table["properties"]} for table in schema}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        sys.exit(
            f"import: {contract} does not tell the columns of each table ({type(error).__name__}: {error}). Check it: mlops check {contract}"
        )


def select(partitions, months, pattern):
    """Keep the files of the wanted months; a file's name starts with its month."""
    wanted = set() if months == "all" else set(months.split(","))
    missing = sorted(wanted - {path.name[:7] for path in partitions})
    if missing or not partitions:
        sys.exit(f"import: there is no file for {', '.join(missing) or 'any month'}. Looked for {pattern}.")
    return [path for path in partitions if not wanted or path.name[:7] in wanted]


def read_months(partitions, types, *, whole):
    """Return month -> table: each file holds one month, each month is there once, and of the `whole` none is left out in between."""
    months, files = {}, {}
    for path in partitions:
        frame = read_csv(path, types)
        if frame.empty:
            sys.exit(f"import: {path} has a header and no rows: the month is empty. Ask for it again, or delete the file.")
        found = (frame["year"].astype(str) + "-" + frame["month"].astype(str).str.zfill(2)).unique()
        if list(found) != [path.name[:7]]:
            sys.exit(f"import: {path} should hold {path.name[:7]} only, and holds {', '.join(map(str, found[:5]))}. Rename or split it.")
        if found[0] in months:
            sys.exit(f"import: {found[0]} is there twice: in {files[found[0]]} and in {path}. Delete one of the two.")
        months[found[0]], files[found[0]] = frame, path
    gaps = sorted(set(pd.period_range(min(months), max(months), freq="M").astype(str)) - set(months))
    if gaps and whole:
        sys.exit(f"import: {', '.join(gaps)} is missing between {min(months)} and {max(months)}. Add the file, or name the months to read.")
    return months


if __name__ == "__main__":
    main()

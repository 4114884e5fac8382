"""Import: raw files, digests checked, into one typed Parquet table each. A file that is not what it claims to be is named, and nothing is written."""

import argparse
import csv
import gzip
import hashlib
import sys
import zlib
from pathlib import Path

import pandas as pd
import yaml

KINDS = {"integer": "float64", "number": "float64", "string": "str", "timestamp": "str", "date": "str"}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of raw files, with their digests in SHA256SUMS")
    parser.add_argument("--contract", type=Path, required=True, help="data contract (ODCS): its columns and types are what is read")
    parser.add_argument("--partitioned", required=True, help="the table that comes as one file per month, e.g. flights/*.csv.gz")
    parser.add_argument("--tables", required=True, help="the other tables, comma-separated, e.g. weather.csv,planes.csv")
    parser.add_argument("--months", default="all", help="months to read, comma-separated (2013-08,2013-09), or all")
    parser.add_argument("--raw", type=Path, required=True, help="folder to write <table>.parquet into")
    args = parser.parse_args(argv)

    columns = declared(args.contract)
    partitions = select(sorted(args.data.glob(args.partitioned)), args.months, args.data / args.partitioned)
    tables = [args.data / name for name in args.tables.split(",")]
    check_digests(args.data, partitions + tables, args.partitioned)
    args.raw.mkdir(parents=True, exist_ok=True)
    name = Path(args.partitioned).parent.name
    months = read_months(partitions, columns[name])
    flights = pd.concat(months.values(), ignore_index=True)
    flights.to_parquet(args.raw / f"{name}.parquet", index=False, compression="zstd")
    print(f"{name}: {len(flights):,} rows, {len(flights.columns)} columns")
    print("  " + ", ".join(f"{month}: {len(frame):,}" for month, frame in months.items()))
    for path in tables:
        table = read_csv(path, columns[path.stem])
        table.to_parquet(args.raw / f"{path.stem}.parquet", index=False, compression="zstd")
        print(f"{path.stem}: {len(table):,} rows, {len(table.columns)} columns")
    print(f"{len(months)} month{'s' * (len(months) > 1)}, {len(flights):,} rows")


def declared(contract):
    """Return table -> column -> type, as the contract has it: the types are stated once, there."""
    schema = yaml.safe_load(contract.read_text(encoding="utf-8"))["schema"]
    return {table["name"]: {column["name"]: column["logicalType"] for column in table["properties"]} for table in schema}


def select(partitions, months, pattern):
    """Keep the partitions of the wanted months; a file's name starts with its month."""
    wanted = None if months == "all" else set(months.split(","))
    chosen = [path for path in partitions if wanted is None or path.name[:7] in wanted]
    missing = sorted((wanted or set()) - {path.name[:7] for path in partitions})
    if missing or not chosen:
        sys.exit(f"import: there is no file for {', '.join(missing) or 'any month'}: looked for {pattern}")
    return chosen


def check_digests(data, files, pattern):
    """Compare every file with SHA256SUMS before a byte of it is used."""
    listed = {name: digest for digest, name in (line.split(maxsplit=1) for line in (data / "SHA256SUMS").read_text().splitlines() if line)}
    for path in files:
        name = path.relative_to(data).as_posix()
        mend = f"If the file is right: cd {data} && sha256sum {name} >> SHA256SUMS"
        if not path.is_file():
            sys.exit(f"import: {path} is missing. Get it back: git checkout -- {path}")
        if name not in listed:
            sys.exit(f"import: {path} is not listed in SHA256SUMS, so nobody has vouched for it. {mend}")
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
        if actual != listed[name]:
            sys.exit(
                f"import: {path} is not the file that was recorded: expected sha256 {listed[name]}, found {actual}. "
                f"Get it back: git checkout -- {path}. If the change is meant: cd {data} && sed -i '\\| {name}$|d' SHA256SUMS && "
                f"sha256sum {name} >> SHA256SUMS"
            )
    gone = [name for name in listed if Path(name).match(pattern) and not (data / name).is_file()]
    if gone:
        sys.exit(
            f"import: {', '.join(gone)} {'are' if len(gone) > 1 else 'is'} listed in SHA256SUMS and missing. Get it back: git checkout -- {data / gone[0]}"
        )


def read_months(partitions, types):
    """Return month -> table: every file holds one month, every month is there once, and none is left out in between."""
    months, source = {}, {}
    for path in partitions:
        frame = read_csv(path, types)
        if frame.empty:
            sys.exit(f"import: {path} has a header and no rows: the month is empty. Ask for it again, or delete the file.")
        found = (frame["year"].astype("Int64").astype(str) + "-" + frame["month"].astype("Int64").astype(str).str.zfill(2)).unique()
        if list(found) != [path.name[:7]]:
            sys.exit(f"import: {path} should hold {path.name[:7]} only, and holds {', '.join(map(str, found[:5]))}. Rename or split it.")
        if found[0] in months:
            sys.exit(f"import: {found[0]} is there twice: in {source[found[0]]} and in {path}. Delete one of the two.")
        months[found[0]], source[found[0]] = frame, path
    expected = pd.period_range(min(months), max(months), freq="M").astype(str)
    gaps = [month for month in expected if month not in months]
    if gaps:
        sys.exit(
            f"import: {', '.join(gaps)} is missing between {min(months)} and {max(months)}. Add the file, or name the months to read with --months."
        )
    return months


def read_csv(path, types):
    """Read one file with the declared columns and types; only an empty field is missing, never the word NA."""
    try:
        header = read_header(path)
        check_header(path, header, types)
        frame = pd.read_csv(
            path,
            usecols=list(types),
            dtype={name: KINDS[kind] for name, kind in types.items()},
            keep_default_na=False,
            na_values=[""],
            encoding="utf-8-sig",
        )[list(types)]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        sys.exit(f"import: {path} is damaged: {error}. Its digest is the recorded one, so it was damaged before it was recorded.")
    except UnicodeDecodeError as error:
        sys.exit(f"import: {path} is not UTF-8: {error}")
    except ValueError as error:
        sys.exit(f"import: {first_bad(path, types) or f'{path}: {error}'}")
    return typed(frame, types)


def typed(frame, types):
    """Whole numbers become integers where the column is one and has none missing; otherwise the contract judges them."""
    for name, kind in types.items():
        column = frame[name]
        if kind == "integer" and column.notna().all() and (column % 1 == 0).all():
            frame[name] = column.astype("int64")
        elif kind == "timestamp":
            frame[name] = pd.to_datetime(column, utc=True, format="ISO8601")
    return frame


def read_header(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def check_header(path, header, types):
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        sys.exit(f"import: {path} line 1: the column {', '.join(twice)} stands there twice. Name each column once.")
    missing = [name for name in types if name not in header]
    if missing:
        sys.exit(f"import: {path} line 1: no column {', '.join(missing)}. It has: {', '.join(header)}.")
    extra = [name or "(no name)" for name in header if name not in types]
    if extra:
        print(f"{path.name}: left out, because the contract does not know them: {', '.join(extra)}")


def first_bad(path, types):
    """Return where the first field stands that is not a number, with file, line and column."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        for row in rows:
            for name, text in zip(header, row, strict=False):
                if KINDS.get(types.get(name)) == "float64" and text and not number(text):
                    return f"{path} line {rows.line_num}, column {name}: {text!r} is not a number."
    return None


def number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()

"""`python -m mlops.datasets`: the import step of a pipeline, from a source to one typed Parquet table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.contract.standard import load
from mlops.datasets import counts, digests, parts, stream
from mlops.datasets.columns import typed
from mlops.datasets.reading import chunks, raw
from mlops.datasets.size import size_of
from mlops.datasets.source import read_source
from mlops.errors import JobFailed, MlopsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops.contract.rules import Table
    from mlops.datasets.source import Source


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="python -m mlops.datasets",
        description="Import: check the digests of a source's files, read them, and write a typed Parquet table.",
        epilog="A file that is not the recorded one, is damaged or holds a value of another type: exit 1. A wrong source.yml or contract: exit 2. "
        "Example: python -m mlops.datasets --source data/taxis/source.yml --contract data/taxis.odcs.yml --raw raw",
    )
    made.add_argument("--source", type=Path, required=True, help="the source.yml beside the data")
    made.add_argument(
        "--contract", type=Path, required=True, help="the contract, a *.odcs.yml file: its columns and types are what is read"
    )
    made.add_argument("--raw", type=Path, required=True, help="folder to write TABLE.parquet into")
    made.add_argument("--partitions", default="all", help="partitions to read, comma-separated, or all (default)")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; a mistake of the user's ends it with a message and its exit code."""
    args = parser().parse_args(argv)
    try:
        print(run(args.source, args.contract, args.raw, args.partitions))
    except MlopsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def run(source_file: Path, contract_file: Path, folder: Path, partitions: str) -> str:
    """Check digests, read, write; return one line that sums it up.

    Raises:
        SpecError: The source or the contract is malformed.
        UsageError: The contract has several tables, or a partition is not there.
        JobFailed: A digest differs, or the data are not what source and contract say.
    """
    source, contract = read_source(source_file), load(contract_file)
    if len(contract.tables) != 1:
        raise UsageError(f"the contract has {len(contract.tables)} tables, and a source is one", where=str(contract_file))
    table = contract.tables[0]
    wanted = None if partitions in {"", "all"} else tuple(partitions.split(","))
    files = _files(source, wanted)
    digests.check(source.folder, files)
    folder.mkdir(parents=True, exist_ok=True)
    size = size_of(source, wanted)
    if size.large:
        print(size.told(table.name, "read in chunks"))
    take = _in_chunks if size.large else _whole
    rows, columns = take(source, table, wanted, folder / f"{table.name}.parquet")
    counted = {"files_in": max(1, len(files)), "rows_in": rows, "rows_out": rows}
    print(counts.line("import", table.name, **counted, columns_in=columns, columns_out=len(table.types)))
    return f"{table.name}: {rows:,} rows, {columns} columns in; {rows:,} rows, {len(table.types)} columns out"


def _whole(source: Source, table: Table, wanted: tuple[str, ...] | None, out: Path) -> tuple[int, int]:
    """Read all, then write it; return how many rows and columns were there."""
    found = raw(source, partitions=wanted)
    kept = found.select(_known(found.column_names, table.types, source))
    typed(kept, source, table.types, where=str(source.path)).to_parquet(out, index=False, compression="zstd")
    return found.num_rows, found.num_columns


def _in_chunks(source: Source, table: Table, wanted: tuple[str, ...] | None, out: Path) -> tuple[int, int]:
    _, first = next(chunks(source, None, wanted))
    known = _known(first.column_names, table.types, source)
    return stream.write(source, known, table.types, wanted, out).rows, first.num_columns


def _files(source: Source, wanted: tuple[str, ...] | None) -> list[Path]:
    if source.files:
        return [part.path for part in parts.parts(source, wanted)]
    snapshot = source.folder / source.snapshot
    return [snapshot] if source.snapshot and snapshot.is_file() else []


def _known(names: Sequence[str], types: Mapping[str, str], source: Source) -> list[str]:
    """Return the columns that the contract declares, in its order; what it does not know is left out, and said so."""
    absent = [name for name in types if name not in names]
    if absent:
        message = f"there is no column {', '.join(absent[:5])}; there are: {', '.join(names[:30])}"
        raise JobFailed(
            message, where=str(source.path), hint="Ask for the data again; or, if it is gone for good, take it out of the contract."
        )
    extra = [name for name in names if name not in types]
    if extra:
        print(f"left out, because the contract does not know it: {', '.join(extra)}")
    return list(types)


if __name__ == "__main__":
    main()

"""`python -m mlops.datasets`: the import step of a pipeline, from a source to one typed Parquet table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.contract.standard import load
from mlops.datasets import counts, digests, parts
from mlops.datasets.columns import typed
from mlops.datasets.reading import raw
from mlops.datasets.source import read_source
from mlops.errors import JobFailed, MlopsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

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
    found = raw(source, partitions=wanted)
    kept = _known(found, table.types, source)
    frame = typed(kept, source, table.types, where=str(source_file))
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / f"{table.name}.parquet", index=False, compression="zstd")
    rows = {"files_in": max(1, len(files)), "rows_in": found.num_rows, "rows_out": len(frame)}
    print(counts.line("import", table.name, **rows, columns_in=found.num_columns, columns_out=len(frame.columns)))
    return f"{table.name}: {found.num_rows:,} rows, {found.num_columns} columns in; {len(frame):,} rows, {len(frame.columns)} columns out"


def _files(source: Source, wanted: tuple[str, ...] | None) -> list[Path]:
    if source.files:
        return [part.path for part in parts.parts(source, wanted)]
    snapshot = source.folder / source.snapshot
    return [snapshot] if source.snapshot and snapshot.is_file() else []


def _known(found: pa.Table, types: Mapping[str, str], source: Source) -> pa.Table:
    """Return the columns that the contract declares, in its order; what it does not know is left out, and said so."""
    absent = [name for name in types if name not in found.column_names]
    if absent:
        message = f"there is no column {', '.join(absent[:5])}; there are: {', '.join(found.column_names[:30])}"
        raise JobFailed(
            message, where=str(source.path), hint="Ask for the data again; or, if it is gone for good, take it out of the contract."
        )
    extra = [name for name in found.column_names if name not in types]
    if extra:
        print(f"left out, because the contract does not know it: {', '.join(extra)}")
    return found.select(list(types))


if __name__ == "__main__":
    main()

"""`python -m mlops.contract`: check tables against their contract, as a step of a pipeline or by hand."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.contract.check import check
from mlops.contract.detail import detail
from mlops.contract.page import render
from mlops.contract.record import record
from mlops.contract.standard import load
from mlops.contract.terminal import sentence, stopped
from mlops.datasets import counts
from mlops.errors import JobFailed, MlopsError
from mlops.files import write_atomic, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="python -m mlops.contract",
        description="Check tables against a data contract (Open Data Contract Standard v3), with Great Expectations.",
        epilog="A broken `stop` rule: exit 1, and no output but the report. Rows that break a `warn` rule go to quarantine. "
        "A malformed contract: exit 2. "
        "Example: python -m mlops.contract --contract data/NAME.odcs.yml --data raw --valid valid --quarantine quarantine --report report",
    )
    made.add_argument("--contract", type=Path, required=True, help="the contract, a *.odcs.yml file")
    made.add_argument("--data", type=Path, required=True, help="folder with one TABLE.parquet for each table of the contract")
    made.add_argument("--valid", type=Path, required=True, help="folder to write the tables into, less the rows in quarantine")
    made.add_argument("--quarantine", type=Path, required=True, help="folder to write the rows that break a warning into, with the reasons")
    made.add_argument("--report", type=Path, required=True, help="folder to write validation.json and report.html into")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; a mistake of the user's ends it with a message and its exit code."""
    args = parser().parse_args(argv)
    try:
        print(run(args.contract, args.data, args.valid, args.quarantine, args.report))
    except MlopsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def run(contract_file: Path, data: Path, valid: Path, quarantine: Path, report: Path) -> str:
    """Check, write the report, and then the tables; return one line that sums it up.

    Raises:
        SpecError: The contract is malformed.
        JobFailed: A table is missing or unreadable, a `stop` rule is broken, or nothing is left of a table.
    """
    contract = load(contract_file)
    frames = {table.name: _read(data / f"{table.name}.parquet") for table in contract.tables}
    verdict = check(contract, frames)
    tables = {table.name: table for table in contract.tables}
    broken = [finding for finding in verdict.findings if finding.outcome != "held"]
    details = {f.rule.name: detail(f, tables[f.rule.table], frames[f.rule.table]) for f in broken}
    out = {name: verdict.quarantined(name) for name in frames}
    count = sum(map(len, out.values()))
    write_json(report / "validation.json", record(verdict, details, count))
    write_atomic(report / "report.html", render(verdict, list(details.values()), count))
    if verdict.stops:
        raise JobFailed(stopped(contract, [details[finding.rule.name] for finding in verdict.stops], report / "report.html"))
    _write(data, valid, quarantine, frames, out)
    for item in details.values():
        print(sentence(item))
    warnings = f"{len(broken)} warning{'s' * (len(broken) != 1)}"
    return f"{len(verdict.findings)} expectations, {warnings}, {count:,} row{'s' * (count != 1)} to quarantine"


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except FileNotFoundError:
        message = f"the contract has a table {path.stem!r}, and there is no file for it"
        raise JobFailed(message, where=str(path), hint="Import it, or take the table out of the contract.") from None
    except (OSError, ValueError) as error:
        raise JobFailed(f"not a Parquet file that can be read: {error}", where=str(path), hint="Run the import again.") from error


def _write(data: Path, valid: Path, quarantine: Path, frames: Mapping[str, pd.DataFrame], out: Mapping[str, dict[int, list[str]]]) -> None:
    """Write each table without the rows of `out`, and those rows apart with their reasons: together they are all rows, each once."""
    for folder in (valid, quarantine):
        folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        bad = frame.iloc[list(out[name])].assign(reasons=["; ".join(reasons) for reasons in out[name].values()])
        good = frame.drop(index=bad.index)
        if len(good) + len(bad) != len(frame) or good.empty:
            raise JobFailed(f"{name}: of {len(frame):,} rows {len(bad):,} would go to quarantine and {len(good):,} go on")
        if len(bad):
            good.to_parquet(valid / f"{name}.parquet", index=False, compression="zstd")
        else:
            shutil.copyfile(data / f"{name}.parquet", valid / f"{name}.parquet")
        bad.to_parquet(quarantine / f"{name}.parquet", index=False, compression="zstd")
        print(f"{name}: {len(frame):,} rows in, {len(good):,} valid, {len(bad):,} to quarantine")
        rows = {"rows_in": len(frame), "rows_out": len(good), "rows_quarantined": len(bad)}
        print(counts.line("validate", name, **rows, columns_in=len(frame.columns), columns_out=len(good.columns)))


if __name__ == "__main__":
    main()

"""`python -m mlops.contract`: check tables against their contract, as a step of a pipeline or by hand."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.contract.check import check
from mlops.contract.detail import describe
from mlops.contract.page import render
from mlops.contract.quarantine import write_rows
from mlops.contract.record import record
from mlops.contract.standard import load
from mlops.contract.tables import memory_limit, open_table, parquet, told
from mlops.contract.terminal import listed, sentence, stopped
from mlops.datasets import counts
from mlops.errors import JobFailed, MlopsError
from mlops.files import write_atomic, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.contract.check import Verdict


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
    made.add_argument(
        "--memory", help="a table that is larger in memory is checked in chunks: 800M, 2G (default: a quarter of what is free)"
    )
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; a mistake of the user's ends it with a message and its exit code."""
    args = parser().parse_args(argv)
    try:
        print(run(args.contract, args.data, args.valid, args.quarantine, args.report, args.memory))
    except MlopsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def run(contract_file: Path, data: Path, valid: Path, quarantine: Path, report: Path, memory: str | None = None) -> str:
    """Check, write the report, and then the tables; return one line that sums it up.

    Raises:
        SpecError: The contract is malformed.
        UsageError: `memory` is no size.
        JobFailed: A table is missing or unreadable, a `stop` rule is broken, or nothing is left of a table.
    """
    contract = load(contract_file)
    limit = memory_limit(memory)
    frames = {table.name: open_table(data / f"{table.name}.parquet", limit) for table in contract.tables}
    for line in filter(None, (told(name, frame) for name, frame in frames.items())):
        print(line, flush=True)
    verdict = check(contract, frames)
    broken = [finding for finding in verdict.findings if finding.outcome != "held"]
    details = describe(contract, broken, frames)
    count = sum(map(verdict.leaving, frames))
    write_json(report / "validation.json", record(verdict, details, count))
    write_atomic(report / "report.html", render(verdict, list(details.values()), count))
    if verdict.stops:
        for finding in verdict.stops:
            print("\n".join(listed(details[finding.rule.name])))
        raise JobFailed(stopped(contract, [details[finding.rule.name] for finding in verdict.stops], report / "report.html"))
    for name in frames:
        print(write_rows(verdict, name, data, valid, quarantine))
        print(_counted(verdict, name, data, valid))
    for item in details.values():
        print(sentence(item))
    warnings = f"{len(broken)} warning{'s' * (len(broken) != 1)}"
    return f"{len(verdict.findings)} expectations, {warnings}, {count:,} row{'s' * (count != 1)} to quarantine"


def _counted(verdict: Verdict, name: str, data: Path, valid: Path) -> str:
    """Return the line that the run's page and MLflow count rows and columns by."""
    rows, gone = verdict.counts[name], verdict.leaving(name)
    widths = []
    for folder in (data, valid):
        with parquet(folder / f"{name}.parquet") as file:
            widths.append(int(file.metadata.num_columns))
    columns = {"columns_in": widths[0], "columns_out": widths[1]}
    return counts.line("validate", name, rows_in=rows, rows_out=rows - gone, rows_quarantined=gone, **columns)


if __name__ == "__main__":
    main()

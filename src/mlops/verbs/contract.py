"""The verbs about data contracts: check, profile, diff, test, docs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, PlatformError, UsageError
from mlops.verbs.pipelines import place

if TYPE_CHECKING:
    import argparse


def check(arguments: argparse.Namespace) -> int:
    """Hold data against their contract."""
    raise PlatformError(f"mlops contract {arguments.part} is not there yet")


def profile(arguments: argparse.Namespace) -> int:
    """Propose a contract from data."""
    raise PlatformError(f"mlops contract {arguments.part} is not there yet")


def diff(arguments: argparse.Namespace) -> int:
    """Say what a change of a contract means."""
    raise PlatformError(f"mlops contract {arguments.part} is not there yet")


def test(arguments: argparse.Namespace) -> int:
    """Run a contract against seeded faults."""
    raise PlatformError(f"mlops contract {arguments.part} is not there yet")


def docs(arguments: argparse.Namespace) -> int:
    """Build Great Expectations' Data Docs, and say where they are."""
    from mlops.contract.docs import build

    record, place = _checked_now(arguments) if arguments.data else _kept(arguments.run)
    page = build(record, Path(arguments.out) if arguments.out else place / "data-docs")
    print(json.dumps({"docs": str(page)}) if arguments.json else page)
    if arguments.open:
        import webbrowser

        if not webbrowser.open(page.resolve().as_uri()):
            print("(no browser here: open the file above)", file=sys.stderr)
    return 0


def _kept(run: str) -> tuple[dict[str, Any], Path]:
    """Return the results that a run has kept, and its folder."""
    from mlops.local.runs import find_run
    from mlops.report.pieces import read_pieces

    folder = find_run(place()[1], run)
    found = read_pieces(folder).validation
    if not found or not isinstance(found.value.get("results"), dict):
        hint = "Name a run that checked its data, or check data now: mlops contract docs --contract FILE --data DIR"
        raise JobFailed(f"there are no results of Great Expectations: {found.missing or 'none are kept'}", where=str(folder), hint=hint)
    return dict(found.value), folder


def _checked_now(arguments: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    """Return the results of a check of the tables in a folder, and that folder."""
    from mlops.contract.check import check as hold
    from mlops.contract.detail import describe
    from mlops.contract.record import record
    from mlops.contract.standard import load
    from mlops.contract.tables import memory_limit, open_table

    contract, limit = load(contract_file(arguments.contract)), memory_limit(None)
    frames = {table.name: open_table(Path(arguments.data) / f"{table.name}.parquet", limit) for table in contract.tables}
    verdict = hold(contract, frames)
    broken = [finding for finding in verdict.findings if finding.outcome != "held"]
    return record(verdict, describe(contract, broken, frames), sum(map(verdict.leaving, frames))), Path(arguments.data)


def contract_file(given: str) -> Path:
    """Return the contract that is meant: the one given, or the only one in `data/`.

    Raises:
        UsageError: There is none, or more than one.
    """
    if given:
        return Path(given)
    found = sorted((place()[0] / "data").glob("*.odcs.yml"))
    if len(found) != 1:
        raise UsageError(f"{len(found)} contracts in data/", hint="Name one: --contract data/flights.odcs.yml")
    return found[0]

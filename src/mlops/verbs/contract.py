"""The verbs about data contracts: check, profile, diff, test, docs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, UsageError
from mlops.files import write_atomic
from mlops.verbs.pipelines import place

if TYPE_CHECKING:
    import argparse

    import pandas as pd

    from mlops.contract.rules import Contract
    from mlops.contract.tables import Chunks


def check(arguments: argparse.Namespace) -> int:
    """Hold data against their contract.

    Raises:
        JobFailed: A rule says stop.
    """
    from mlops.contract.check import check as judge
    from mlops.contract.detail import describe
    from mlops.contract.standard import load
    from mlops.contract.terminal import sentence, stopped

    path = contract_file(arguments.contract)
    contract = load(path)
    frames = frames_of(contract, arguments.data)
    verdict = judge(contract, frames)
    details = describe(contract, [finding for finding in verdict.findings if finding.outcome != "held"], frames)
    rows = sum(map(verdict.leaving, frames))
    facts = {
        "contract": str(path),
        "rules": len(verdict.findings),
        "stops": [finding.rule.name for finding in verdict.stops],
        "warnings": [finding.rule.name for finding in verdict.warnings],
        "quarantined": rows,
        "not checked": list(contract.described),
    }
    if arguments.json:
        print(json.dumps(facts))
    else:
        for finding in verdict.warnings:
            print(f"  warn  {sentence(details[finding.rule.name])}")
        print(f"{len(verdict.findings)} rules, {len(verdict.stops)} stop, {len(verdict.warnings)} warn, {rows:,} rows to quarantine")
        if contract.described:
            print(f"kept, and not checked: {'; '.join(contract.described)}")
    if verdict.stops:
        raise JobFailed(stopped(contract, [details[finding.rule.name] for finding in verdict.stops], path))
    return 0


def profile(arguments: argparse.Namespace) -> int:
    """Propose a contract from data, and say on standard error what was seen."""
    from mlops.contract.profile import propose
    from mlops.datasets.detection import detect
    from mlops.datasets.reading import read

    source = detect(arguments.data)
    frame = read(source)
    wanted = tuple(arguments.partition) or ((source.partition,) if source.partition else ())
    proposal = propose(table_name(arguments.data), frame, keys=arguments.key, partition=wanted, target=arguments.target)
    out = Path(arguments.out) if arguments.out else None
    if out is not None:
        if out.exists():
            raise UsageError(f"{out} is there already", hint="Write it elsewhere, and compare: mlops contract diff OLD NEW")
        write_atomic(out, proposal.text)
    if arguments.json:
        print(json.dumps({"contract": proposal.text, "remarks": list(proposal.remarks)}, ensure_ascii=False))
        return 0
    if out is None:
        print(proposal.text, end="")
    for remark in proposal.remarks:
        print(f"  saw  {remark}", file=sys.stderr)
    print(f"  {len(frame):,} rows, {len(frame.columns)} columns" + (f": {out}" if out else ""), file=sys.stderr)
    return 0


def table_name(data: str) -> str:
    """Return the name of the table that a file, a folder, a URL or `DATABASE#TABLE` holds."""
    bare, _, part = data.rstrip("/").partition("#")
    named = part if re.fullmatch(r"\w+", part) else Path(bare).absolute().name.partition(".")[0].partition("*")[0]
    return re.sub(r"\W+", "_", named).strip("_") or "table"


def diff(arguments: argparse.Namespace) -> int:
    """Say what a change of a contract means, and would have done to past partitions."""
    from mlops.contract.diff import compare, consequences, read_old
    from mlops.contract.standard import load

    new_path = contract_file(arguments.new)
    new, old = load(new_path), read_old(arguments.old, new_path)
    changes = compare(old, new)
    frames = frames_of(new, arguments.data, needed=bool(arguments.data))
    effects = consequences(old, new, {name: whole(table) for name, table in frames.items()}) if frames else ()
    if arguments.json:
        print(json.dumps({"changes": [change.facts for change in changes], "partitions": [effect.facts for effect in effects]}))
        return 0
    for change in changes:
        print(f"  {change}")
    if not changes:
        print("  no rule is another")
    for effect in effects:
        print(f"  {effect}")
    if not effects:
        print("  the past would be judged as before" if frames else "  what it would do to the past: with --data DIR, or after make run")
    return 0


def docs(arguments: argparse.Namespace) -> int:
    """Build Great Expectations' Data Docs, and say where they are."""
    from mlops.contract.docs import build, check_place

    if arguments.out:
        check_place(Path(arguments.out))
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

    contract = load(contract_file(arguments.contract))
    frames = frames_of(contract, arguments.data)
    verdict = hold(contract, frames)
    broken = [finding for finding in verdict.findings if finding.outcome != "held"]
    return record(verdict, describe(contract, broken, frames), sum(map(verdict.leaving, frames))), Path(arguments.data)


def contract_file(given: str) -> Path:
    """Return the contract that is meant: the one that is named, or the only one in data/.

    Raises:
        UsageError: There is none, or more than one.
    """
    if given:
        return Path(given)
    root, _ = place()
    found = sorted((root / "data").glob("*.odcs.yml"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(map(str, found)) or "none"
    raise UsageError(f"which contract? In data/: {names}", hint="Name it, as in --contract data/flights.odcs.yml")


def data_folder(given: str, *, needed: bool = True) -> Path | None:
    """Return where the tables are: the folder that is named, or the output of the newest run's import.

    Raises:
        UsageError: It is not there, or no run has one.
    """
    if given:
        if not Path(given).is_dir():
            raise UsageError(f"there is no folder {given!r}", hint="It holds one TABLE.parquet for each table of the contract.")
        return Path(given)
    _, home = place()
    found = sorted((home / "runs").glob("*/steps/import/outputs/raw"), key=lambda path: path.stat().st_mtime)
    if not found and needed:
        raise UsageError("no run has imported data yet", hint="make run, or --data DIR with one TABLE.parquet for each table.")
    return found[-1] if found else None


def frames_of(contract: Contract, given: str, *, needed: bool = True) -> dict[str, pd.DataFrame | Chunks]:
    """Return the tables that a contract is held against.

    Args:
        contract: The contract.
        given: A folder of TABLE.parquet; for a contract of one table whatever `mlops adopt` takes as well; empty for what the newest run
            imported, or else the data beside the contract (data/NAME/source.yml).
        needed: Whether it is an error that there are none; else nothing is returned.

    Raises:
        UsageError: There are none.
        JobFailed: One cannot be read.
    """
    from mlops.datasets.detection import detect
    from mlops.datasets.reading import read
    from mlops.datasets.source import FILE, read_source

    table = contract.tables[0]
    alone, beside = len(contract.tables) == 1, contract.path.parent / contract.path.name.partition(".")[0] / FILE
    if alone and given and not (Path(given) / f"{table.name}.parquet").is_file():
        return {table.name: read(detect(given), types=table.types)}
    folder = data_folder(given, needed=needed and not (alone and beside.is_file()))
    if folder is None and alone and beside.is_file():
        return {table.name: read(read_source(beside), types=table.types)}
    return tables(contract.tables, folder) if folder else {}


def whole(table: pd.DataFrame | Chunks) -> pd.DataFrame:
    """Return all rows of a table in memory."""
    import pandas as pd

    return table if isinstance(table, pd.DataFrame) else pd.concat(table.frames(), ignore_index=True)


def tables(wanted: tuple[Any, ...], folder: Path | None) -> dict[str, pd.DataFrame | Chunks]:
    """Return the tables of a contract that are in a folder.

    Raises:
        JobFailed: One is not there or cannot be read.
    """
    from mlops.contract.tables import memory_limit, open_table

    return {table.name: open_table(Path(folder or ".") / f"{table.name}.parquet", memory_limit(None)) for table in wanted}

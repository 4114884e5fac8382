"""The verbs about data contracts: check, profile, diff, test, docs."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops.api import place
from mlops.errors import JobFailed, UsageError
from mlops.files import shown, write_atomic, write_json
from mlops.verbs.tables import contract_file, tables_of, whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    import pandas as pd

    from mlops.contract.check import Verdict
    from mlops.contract.detail import Detail
    from mlops.contract.rules import Contract
    from mlops.contract.tables import Chunks


def check(arguments: argparse.Namespace) -> int:
    """Hold data against their contract, and write the page about it; rows that break a warning are written beside it.

    Raises:
        JobFailed: A rule says stop.
    """
    from mlops.contract.page import render
    from mlops.contract.record import record
    from mlops.contract.terminal import sentence, stopped

    contract, frames, verdict, details, rows = _judged(arguments)
    folder = place()[1] / "contract" / contract.path.name.partition(".")[0]
    page = shown(folder / "report.html", Path.cwd())
    write_json(folder / "validation.json", record(verdict, details, rows))
    write_atomic(folder / "report.html", render(verdict, list(details.values()), rows))
    apart = _set_apart(verdict, frames, folder / "quarantine")
    facts = {
        "contract": str(contract.path),
        "rules": len(verdict.findings),
        "stops": [finding.rule.name for finding in verdict.stops],
        "warnings": [finding.rule.name for finding in verdict.warnings],
        "quarantined": rows,
        "not checked": list(contract.described),
        "page": page,
        "quarantine": apart,
    }
    if arguments.json:
        print(json.dumps(facts))
    else:
        for finding in verdict.warnings:
            print(f"  warn  {sentence(details[finding.rule.name])}")
        print(f"{len(verdict.findings)} rules, {len(verdict.stops)} stop, {len(verdict.warnings)} warn, {rows:,} rows for quarantine")
        if contract.described:
            print(f"kept, and not checked: {'; '.join(contract.described)}")
        print("\n".join([f"page: {page}", *(f"rows for quarantine: {path}" for path in apart)]))
    if verdict.stops:
        stops = [details[finding.rule.name] for finding in verdict.stops]
        raise JobFailed(stopped(contract, stops, Path(page), said="mlops contract check"))
    return 0


class _Judged(NamedTuple):
    """Data, held against a contract."""

    contract: Contract
    frames: Mapping[str, pd.DataFrame | Chunks]
    verdict: Verdict
    details: Mapping[str, Detail]
    """Of the rules that do not hold, by name."""
    rows: int
    """That would leave the tables."""


def _judged(arguments: argparse.Namespace) -> _Judged:
    """Hold the data that the arguments name against the contract that they name."""
    from mlops.contract.check import check as judge
    from mlops.contract.detail import describe
    from mlops.contract.standard import load

    contract = load(contract_file(arguments.contract, arguments.model))
    frames = tables_of(contract, arguments.data, arguments.model)
    verdict = judge(contract, frames)
    details = describe(contract, [finding for finding in verdict.findings if finding.outcome != "held"], frames)
    return _Judged(contract, frames, verdict, details, sum(map(verdict.leaving, frames)))


def _set_apart(verdict: Verdict, frames: Mapping[str, pd.DataFrame | Chunks], folder: Path) -> list[str]:
    """Write the rows that break a warning; where the contract says stop no row goes anywhere. Return the files."""
    from mlops.contract.quarantine import set_apart

    found = [] if verdict.stops else [path for name, table in frames.items() if (path := set_apart(verdict, name, table, folder))]
    for old in set(folder.glob("*.parquet")) - set(found):
        old.unlink()
    return [shown(path, Path.cwd()) for path in found]


def profile(arguments: argparse.Namespace) -> int:
    """Propose a contract from data, and say on standard error what was seen."""
    from mlops.contract.profile import propose
    from mlops.datasets.detection import detect
    from mlops.datasets.reading import read

    with tempfile.TemporaryDirectory(prefix="mlops-look-") as folder:
        source = detect(arguments.data, folder=Path(folder))
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

    new_path = contract_file(arguments.new, arguments.model)
    new, old = load(new_path), read_old(arguments.old, new_path)
    changes = compare(old, new)
    frames = tables_of(new, arguments.data, arguments.model, needed=False)
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
    record, place = _checked_now(arguments) if arguments.data else _kept(arguments.run, arguments.model)
    page = build(record, Path(arguments.out) if arguments.out else place / "data-docs")
    print(json.dumps({"docs": str(page)}) if arguments.json else page)
    if arguments.open:
        import webbrowser

        if not webbrowser.open(page.resolve().as_uri()):
            print("(no browser here: open the file above)", file=sys.stderr)
    return 0


def _kept(run: str, model: str | None) -> tuple[dict[str, Any], Path]:
    """Return the results that a run has kept, and its folder."""
    from mlops.local.runs import find_run
    from mlops.report.pieces import read_pieces

    folder = find_run(place()[1], run, model)
    found = read_pieces(folder).validation
    if not found or not isinstance(found.value.get("results"), dict):
        hint = "Name a run that checked its data, or check data now: mlops contract docs --contract FILE --data DIR"
        raise JobFailed(f"there are no results of Great Expectations: {found.missing or 'none are kept'}", where=str(folder), hint=hint)
    return dict(found.value), folder


def _checked_now(arguments: argparse.Namespace) -> tuple[dict[str, Any], Path]:
    """Return the results of a check of the tables in a folder, and that folder."""
    from mlops.contract.record import record

    found = _judged(arguments)
    return record(found.verdict, found.details, found.rows), Path(arguments.data)

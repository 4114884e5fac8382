"""`python -m mlops.contract`: check tables against their contract, as a step of a pipeline or by hand."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.contract.check import check
from mlops.contract.detail import Detail, detail
from mlops.contract.page import render
from mlops.contract.standard import load
from mlops.errors import JobFailed, MlopsError
from mlops.files import write_atomic, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mlops.contract.check import Finding, Verdict
    from mlops.contract.standard import Contract

SHOWN = 3  # broken rules that the terminal tells in full; the page has them all
LISTED = 20  # values of a rule that validation.json keeps of each of Great Expectations' lists


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m mlops.contract",
        description="Check tables against a data contract (Open Data Contract Standard v3), with Great Expectations.",
        epilog="A broken `stop` rule: exit 1 and no output but the report. Rows that break a `warn` rule go to quarantine. A malformed contract: exit 2. "
        "Example: python -m mlops.contract --contract data/flights.odcs.yml --data raw --valid valid --quarantine quarantine --report report",
    )
    made.add_argument("--contract", type=Path, required=True, help="the contract, a *.odcs.yml file")
    made.add_argument("--data", type=Path, required=True, help="folder with one TABLE.parquet for each table of the contract")
    made.add_argument("--valid", type=Path, required=True, help="folder to write the tables into, less the rows in quarantine")
    made.add_argument("--quarantine", type=Path, required=True, help="folder to write the rows that break a warning into, with the reasons")
    made.add_argument("--report", type=Path, required=True, help="folder to write validation.json and report.html into")
    return made


def main(argv: Sequence[str] | None = None) -> None:
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
    broken = (*verdict.stops, *(w for w in verdict.warnings if w not in verdict.stops))
    details = [detail(finding, tables[finding.rule.table], frames[finding.rule.table]) for finding in broken]
    out = {name: verdict.quarantined(name) for name in frames}
    count = sum(map(len, out.values()))
    write_json(report / "validation.json", _results(verdict))
    write_atomic(report / "report.html", render(verdict, details, count))
    stops = [item for item in details if item.finding in verdict.stops]
    if stops:
        raise JobFailed(_told(contract, stops, report / "report.html"))
    _write(data, valid, quarantine, frames, out)
    for item in details:
        print(_line(item))
    warnings = f"{len(verdict.warnings)} warning{'s' * (len(verdict.warnings) != 1)}"
    return f"{len(verdict.findings)} expectations, {warnings}, {count:,} row{'s' * (count != 1)} to quarantine"


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except FileNotFoundError:
        message = f"the contract has a table {path.stem}, and there is no file for it"
        raise JobFailed(message, where=str(path), hint="Import it, or take the table out of the contract.") from None
    except (OSError, ValueError) as error:
        raise JobFailed(f"not a Parquet file that can be read: {error}", where=str(path), hint="Run the import again.") from error


def _write(data: Path, valid: Path, quarantine: Path, frames: Mapping[str, pd.DataFrame], out: Mapping[str, dict[int, list[str]]]) -> None:
    """Write each table without the rows of `out`, and those rows apart with their reasons: together they are all rows, each once."""
    valid.mkdir(parents=True, exist_ok=True)
    quarantine.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        bad = frame.iloc[list(out[name])].assign(reasons=["; ".join(reasons) for reasons in out[name].values()])
        good = frame.drop(index=bad.index)
        if len(good) + len(bad) != len(frame) or good.empty:
            raise JobFailed(f"{name}: {len(frame):,} rows came in, {len(good):,} would go on and {len(bad):,} to quarantine")
        if len(bad):
            good.to_parquet(valid / f"{name}.parquet", index=False, compression="zstd")
        else:
            shutil.copyfile(data / f"{name}.parquet", valid / f"{name}.parquet")
        bad.to_parquet(quarantine / f"{name}.parquet", index=False, compression="zstd")
        print(f"{name}: {len(frame):,} rows in, {len(good):,} valid, {len(bad):,} to quarantine")


def _told(contract: Contract, stops: Sequence[Detail], page: Path) -> str:
    """Return what the terminal says of a contract that stops the run."""
    where = sorted({partition for item in stops for partition in item.broken_in})
    verb = "break" if len(where) > 1 else "breaks"
    lines = [f"validate stopped the run: {_few(where) or 'the data'} {verb} the contract"]
    for item in stops[:SHOWN]:
        lines.append(f"  {_line(item)}")
        if item.remark:
            lines.append(f"      {item.remark}")
        if item.examples:
            more = item.finding.failed - 2
            shown = " · ".join(f"{key}: {value}" for key, value in item.examples[:2])
            lines.append(f"      {shown}{f' · {more:,} more' if more > 0 else ''}")
    if len(stops) > SHOWN:
        lines.append(f"  and {len(stops) - SHOWN} more rules")
    lines.append(f"  Owner: {contract.owner or 'nobody named'}.  Full page: {page}")
    lines.append(f"  To accept the change, alter {contract.path.name}:{stops[0].finding.rule.line}")
    return "\n".join(lines)


def _line(item: Detail) -> str:
    finding = item.finding
    rule = finding.rule
    failed = f"   {finding.failed:,} of {finding.total:,} {'partitions' if rule.per_partition else 'rows'} fail" if finding.failed else ""
    broken = item.broken_in
    others = [share for share in item.history if not broken or share.partition < broken[0]][-2:] if not rule.per_partition else []
    beside = f" ({', '.join(f'{s.partition}: {s.failed:,}' for s in reversed(others))})" if others else ""
    observed = f"   {finding.observed}" if finding.observed else ""
    return f"{rule.table}.{rule.subject}  {rule.wording}{failed}{beside}{observed}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _results(verdict: Verdict) -> Any:
    """Return Great Expectations' results with long lists cut: the rows themselves are in quarantine, or still in the data."""
    rules = [_finding(finding) for finding in verdict.findings]
    return {
        "success": not verdict.stops,
        "declared": len(rules),
        "rows": dict(verdict.counts),
        "rules": rules,
        "results": _cut(verdict.results),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    rule = finding.rule
    said = {"rule": rule.name, "table": rule.table, "columns": list(rule.columns), "severity": rule.severity, "wording": rule.wording}
    return {**said, "outcome": finding.outcome, "failed": finding.failed, "total": finding.total, "observed": finding.observed}


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items() if key != "unexpected_index_query"}
    if isinstance(value, list):
        return [_cut(item) for item in (value if value and isinstance(value[0], dict) and "success" in value[0] else value[:LISTED])]
    return None if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}) else value  # noqa: PLR0124


if __name__ == "__main__":
    main()

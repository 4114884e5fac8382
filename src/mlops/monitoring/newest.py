"""What became of the newest data on its way through the monitoring pipeline: the contract's own record, or the step that failed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.files import read_json, shown
from mlops.monitoring.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECORD = "validation.json"
EXAMPLES = 2
"""Rows and windows that a finding names; the page has more."""


def findings(run: Mapping[str, Any], folder: Path, root: Path) -> list[Finding]:
    """Return what the run of the monitoring pipeline says of the data.

    Args:
        run: The run's record.
        folder: The run's folder: a step that failed leaves its outputs there.
        root: The project's folder, which evidence is named from.
    """
    told = [finding for path in _records(run, folder) for finding in _contract(read_json(path), shown(path.with_name("report.html"), root))]
    failed = next((name for name, step in run["steps"].items() if step.get("state") == "failed"), None)
    if failed is not None and all(finding.status == "ok" for finding in told):
        step = run["steps"][failed]
        log = shown(folder / step["log"], root) if step.get("log") else ""
        told.append(Finding("data", "bad", failed, f"the newest data could not be looked at: {failed}: {_reason(step)}", evidence=log))
    return told


def _reason(step: Mapping[str, Any]) -> str:
    """Return why a step failed: the first line that it ended with tells more than its exit status."""
    tail = [line for line in step.get("tail") or () if line.strip()]
    return str(tail[0] if tail else step.get("reason", "")).strip()


def _records(run: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Yield every record of a contract that a step of this run wrote, or that a reused one wrote earlier."""
    for name, step in run["steps"].items():
        places = [Path(product["path"]) for product in (step.get("outputs") or {}).values()]
        places = places or sorted((folder / "steps" / name / "outputs").glob("*"))
        yield from (place / RECORD for place in places if (place / RECORD).is_file())


def _contract(record: Mapping[str, Any], page: str) -> Iterator[Finding]:
    rules = record["rules"]
    broken = [rule for rule in rules if rule["outcome"] != "held"]
    stops = [rule for rule in broken if rule["severity"] == "stop" or rule["outcome"] == "not evaluated"]
    for rule in stops:
        yield _stop(rule, page)
    if not stops:
        warnings = f", {len(broken)} warning{'s' * (len(broken) != 1)}" if broken else ""
        yield Finding("contract", "ok", "contract", f"{len(rules)} rules, none that stops is broken{warnings}", evidence=page)


def _stop(rule: Mapping[str, Any], page: str) -> Finding:
    where: Mapping[str, list[int]] = rule.get("broken_in") or {}
    among = sum(rows for _, rows in where.values()) or rule["total"]
    subject = f"{rule['table']}.{', '.join(rule['columns']) or 'rows'}"
    count = f"{rule['failed']:,} of {among:,} break it" if rule["failed"] else rule["observed"] or rule["outcome"]
    seen = "; ".join((rule.get("examples") or ())[:EXAMPLES])
    said = f"{subject} {rule['wording']}: {count}{f', such as {seen}' if seen else ''}"
    window = ", ".join([*where][-EXAMPLES:]) or None
    return Finding("contract", "bad", subject, said, window, rule["failed"] / among if among else None, evidence=page)

"""The locked packages: weaknesses that are known of them, and their licences."""

from __future__ import annotations

import importlib.metadata
import json
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from mlops.audit.policy import POLICY_FILE
from mlops.audit.result import Finding, Result

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.audit.policy import Ignored, Policy
    from mlops.audit.repository import Repository

LOCKS = ("requirements.lock", "src/mlops/audit.lock")
_FIXED = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--desc", "off", "-f", "json")
_NO_NAME = "License :: OSI Approved"
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")


def packages(repository: Repository, policy: Policy) -> Result:
    """Ask a public service what is known of every package and version of the lock files. Any known weakness is found, however light."""
    service = ["-s", policy.service, *(["--osv-url", policy.url] if policy.url else [])]
    asked = policy.url or {"pypi": "PyPI", "osv": "OSV"}[policy.service]
    report = []
    for lock in LOCKS:  # one by one: two locks may pin a package differently, and pip-audit takes that for a mistake
        if not (repository.root / lock).is_file():
            continue
        done = repository.run("pip-audit", *service, "-r", lock, *_FIXED)
        try:
            report += [{**entry, "lock": lock} for entry in json.loads(done.stdout)["dependencies"]]
        except ValueError:
            last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
            return Result("", unanswered=f"pip-audit had no answer from {asked}: {last}")
    return judge(report, policy, repository, asked, datetime.now(tz=UTC).date())


def judge(report: list[dict[str, Any]], policy: Policy, repository: Repository, asked: str, today: date) -> Result:
    """Return what reports of pip-audit, each entry with its lock file, mean under the policy, on a day.

    A package that the service did not know was not looked at, unless the policy says that it is private.
    """
    unknown = sorted({entry["name"] for entry in report if "skip_reason" in entry and entry["name"] not in policy.private})
    found, used = [], set()
    for entry in report:
        for weakness in entry.get("vulns", []):
            names = {weakness["id"], *weakness["aliases"]}
            name, ignored = next(((key, policy.ignored[key]) for key in policy.ignored if key in names), ("", None))
            if ignored and ignored.package == entry["name"]:
                used.add(name)
                if today <= ignored.until:
                    continue
            found.append(_weakness(entry, weakness, ignored, repository))
    if not unknown:
        found += [_needless(name, policy.ignored[name]) for name in policy.ignored if name not in used]
    told = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
    count = len({entry["name"] for entry in report})
    return Result(
        f"{count} packages, answered by {asked}" + (f"; {len(used)} ignored until their day" if used else ""),
        tuple(found),
        f"{asked} knows nothing of {len(unknown)} of {count} packages: {told}" if unknown else "",
    )


def _weakness(entry: dict[str, Any], weakness: dict[str, Any], ignored: Ignored | None, repository: Repository) -> Finding:
    over = f"; ignored until {ignored.until}, which is over" if ignored and ignored.package == entry["name"] else ""
    mended = weakness["fix_versions"]
    mend = (
        f"make lock (mended in {', '.join(mended)})" if mended else "No version mends it yet: do without the package, or say in the policy"
    )
    return Finding(
        entry["lock"],
        _pinned(repository.root / entry["lock"], entry["name"]),
        f"{entry['name']} {entry['version']}: {', '.join([weakness['id'], *weakness['aliases']])}{over}",
        f"{mend}. To live with it: {POLICY_FILE}: packages: ignore: {{{weakness['id']}: {{package: {entry['name']}, reason: ..., until: ...}}}}",
    )


def _needless(name: str, ignored: Ignored) -> Finding:
    return Finding(POLICY_FILE, ignored.line, f"{name} is ignored for {ignored.package}, which does not have it", "Remove the entry.")


def _pinned(lock: Path, name: str) -> int:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if (pin := _PIN.match(line)) and _same(pin[1]) == _same(name)), 0)


def _same(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def licences(repository: Repository, policy: Policy) -> Result:
    """Compare what each locked package that is installed says of its licence with the accepted ones. The tools of the audit are not shipped."""
    found, count = [], 0
    lock = repository.root / LOCKS[0]
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines() if lock.is_file() else [], 1):
        pin = _PIN.match(line)
        told = licence(pin[1]) if pin else None
        if pin is None or told is None:
            continue
        count += 1
        if pin[1] not in policy.excepted and not accepted(told, policy.accepted):
            found.append(
                Finding(
                    LOCKS[0],
                    number,
                    f"{pin[1]} {pin[2]}: licence {told or 'not told'}",
                    f"Do without it, or let the licence be accepted in {POLICY_FILE}: licences: accept (or except, with the reason).",
                )
            )
    return Result(f"{count} packages", tuple(found))


def licence(package: str) -> str | None:
    """Return what an installed package says of its licence; None where it is not installed here."""
    try:
        told = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    expression, text = ((told.get_all(key) or [""])[0].strip() for key in ("License-Expression", "License"))
    classes = [line.split(" :: ")[-1] for line in told.get_all("Classifier") or [] if line.startswith("License :: ") and line != _NO_NAME]
    return expression or "; ".join(classes) or (text if len(text) < 80 else "")


def accepted(told: str, names: frozenset[str]) -> bool:
    """Whether every licence of an expression is accepted: of two that one may choose from, both."""
    parts = [part.strip().lower() for part in re.split(r" (?:AND|OR|WITH) |;", told)]
    return all(part in names or part.strip("()") in names for part in parts)

"""The verb `audit`: what is wrong with the repository itself."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mlops.api import place
from mlops.audit.bicep import bicep
from mlops.audit.packages import licences, packages
from mlops.audit.policy import read_policy
from mlops.audit.repository import TOOLS, Repository
from mlops.audit.result import Result
from mlops.audit.secrets import secrets
from mlops.audit.workflows import actionlint, schemas, zizmor
from mlops.ci.host import current
from mlops.errors import JobFailed, PlatformError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from mlops.audit.policy import Policy

CHECKS: dict[str, Callable[[Repository, Policy], Result]] = {
    "actionlint": actionlint,
    "zizmor": zizmor,
    "schemas": schemas,
    "bicep": bicep,
    "secrets": secrets,
    "packages": packages,
    "licences": licences,
}

_WAITING = "packages"
"""Begun first: it waits for answers from outside, and the others use the time."""


@dataclass(frozen=True)
class Row:
    """A check that was tried; `broken` says why its tool could not run."""

    name: str
    result: Result
    seconds: float
    broken: str = ""

    @property
    def state(self) -> str:
        """Return good, found, unanswered or broken."""
        if self.result.findings:
            return "found"
        if self.broken:
            return "broken"
        return "unanswered" if self.result.unanswered else "good"


def audit(arguments: argparse.Namespace) -> int:
    """Run the checks, print what each found, and fail where one did.

    What was not looked at is told. In CI, and with --strict, it fails too: a green check there says that somebody has looked.

    Raises:
        UsageError: BASE names no commit.
        JobFailed: Something was found.
        PlatformError: A tool could not run or, where that counts, something was not looked at.
    """
    root, _ = place()
    host = current(os.environ)
    context = host.context
    if os.environ.get("BASE") and context.system == "laptop" and not context.base:
        raise UsageError(
            f"BASE={os.environ['BASE']} is no commit that this one comes from", hint="git fetch, then: make audit BASE=origin/main"
        )
    repository = Repository(root, root / TOOLS, context.base)
    policy = read_policy(root)
    names = [arguments.only] if arguments.only else list(CHECKS)
    repository.files  # noqa: B018 - listed once, before the threads that share it start
    with ThreadPoolExecutor(3) as pool:
        started = {name: pool.submit(_look, name, repository, policy) for name in sorted(names, key=_WAITING.__ne__)}
    rows = [started[name].result() for name in names]
    if arguments.json:
        print(json.dumps({"checks": {row.name: {"state": row.state, "broken": row.broken, **asdict(row.result)} for row in rows}}))
    else:
        for row in rows:
            _print(row)
        for finding in (finding for row in rows for finding in row.result.findings):
            host.error(finding.what, finding.file, finding.line)
    _verdict(rows, strict=arguments.strict or context.system != "laptop")
    return 0


def _look(name: str, repository: Repository, policy: Policy) -> Row:
    started = time.monotonic()
    try:
        return Row(name, CHECKS[name](repository, policy), time.monotonic() - started)
    except PlatformError as error:
        return Row(name, Result(""), time.monotonic() - started, str(error))


def _print(row: Row) -> None:
    marks = {"good": "✔", "found": "✘", "unanswered": "?", "broken": "✘"}
    count = len(row.result.findings)
    said = [f"{count} found" if count else "", row.result.said]
    said += [f"not looked at: {row.result.unanswered}" if row.result.unanswered else "", row.broken]
    print(f"  {marks[row.state]} {row.name:<10} {'; '.join(filter(None, said))}  ({row.seconds:.1f} s)")
    for finding in row.result.findings:
        print("\n".join(f"      {line}" for line in str(finding).splitlines()))


def _verdict(rows: list[Row], *, strict: bool) -> None:
    count = sum(len(row.result.findings) for row in rows)
    if count:
        raise JobFailed(
            f"{count} found by {', '.join(row.name for row in rows if row.result.findings)}", hint="Each is told above with what to do."
        )
    broken = [row.name for row in rows if row.broken]
    if broken:
        raise PlatformError(f"could not run: {', '.join(broken)}", hint="make audit (it installs what is missing)")
    silent = [row.name for row in rows if row.result.unanswered]
    if silent and strict:
        raise PlatformError(
            f"not looked at: {', '.join(silent)}",
            hint="Nothing was found, but nobody has looked: docs/security.md says what each check needs.",
        )

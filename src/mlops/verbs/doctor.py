"""The verb `doctor`: what is wrong with this machine or set-up, and the command that mends it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import socket
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mlops.api import place
from mlops.errors import MlopsError, PlatformError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    good: bool
    said: str
    mend: str = ""
    seen: bool = True
    """False where it could not be told: neither right nor wrong."""

    @property
    def mark(self) -> str:
        """The sign before the line."""
        return ("✔" if self.good else "✘") if self.seen else "?"


def doctor(arguments: argparse.Namespace) -> int:
    """Look at everything, print it, and fail where something is wrong.

    Raises:
        PlatformError: Something is wrong; each finding was printed with how to mend it.
    """
    root, home = place()
    if arguments.azure:
        findings = _of_azure(root, arguments.environment)
    else:
        findings = [look() for look in (_of_ci(root) if arguments.ci else _of_machine(root, home))]
    wrong = [finding for finding in findings if not finding.good and finding.seen]
    if arguments.json:
        print(json.dumps({"findings": [asdict(finding) for finding in findings]}))
    width = max(10, *(len(finding.name) for finding in findings))
    for finding in [] if arguments.json else findings:
        between = "\n      " if arguments.ci or arguments.azure else "   "
        mend = "" if finding.good or not finding.mend else f"{between}mend: {finding.mend}"
        print(f"  {finding.mark} {finding.name:<{width}} {finding.said}{mend}")
    if wrong:
        raise PlatformError(f"{len(wrong)} of {len(findings)} not in order: {', '.join(f.name for f in wrong)}")
    return 0


def _of_ci(root: Path) -> list[Callable[[], Finding]]:
    from mlops.verbs.fork import looks

    return looks(root)


def _of_azure(root: Path, environment: str | None) -> list[Finding]:
    from mlops.azure.checkup import Checkup
    from mlops.azure.connection import place_of
    from mlops.verbs.remote import chosen

    found = chosen(root, environment)
    return [Finding(**asdict(look)) for look in Checkup(root, found.name, place_of(found)).findings()]


def _of_machine(root: Path, home: Path) -> list[Callable[[], Finding]]:
    return [
        _python,
        lambda: _packages(root),
        lambda: _git(root),
        lambda: _state(home),
        lambda: _settings(root),
        _tracking,
        _sockets,
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "python", (3, 11) <= sys.version_info[:2] <= (3, 12), f"{version} at {sys.executable}", "make clean; make PYTHON=python3.11 setup"
    )


def _packages(root: Path) -> Finding:
    """Compare what is installed with the lock file."""
    lock = root / "requirements.lock"
    if not lock.is_file():
        return Finding("packages", good=True, said="no requirements.lock here")
    wanted = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if "==" in line and not line.startswith((" ", "#")) and _applies(line):
            name, version = line.split(";")[0].strip(" \\").split("==")
            wanted[name.split("[")[0]] = version.strip()
    wrong = [name for name, version in wanted.items() if _installed(name) != version]
    said = f"{len(wanted) - len(wrong)} of {len(wanted)} as locked" + (f"; not: {', '.join(sorted(wrong)[:5])}" if wrong else "")
    return Finding("packages", not wrong, said, "rm .venv/.ready; make setup")


def _applies(line: str) -> bool:
    from packaging.markers import Marker

    marker = line.partition(";")[2].strip(" \\")
    return not marker or Marker(marker).evaluate()


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(root: Path) -> Finding:
    inside = any((folder / ".git").exists() for folder in (root, *root.parents))
    if not shutil.which("git"):
        return Finding("git", good=False, said="not installed", mend="install git: runs are recorded with their commit")
    return Finding("git", good=True, said="runs are recorded with their commit" if inside else "no repository here: runs have no commit")


def _state(home: Path) -> Finding:
    from mlops.local.mounts import warning

    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.write_text("x", encoding="utf-8")
        probe.unlink()
        free = shutil.disk_usage(home).free / 1e9
    except OSError as error:
        return Finding(
            "state",
            good=False,
            said=f"{home}: {error.strerror}",
            mend=f"chmod u+w {home}, or set MLOPS_HOME to a folder that can be written",
        )
    if told := warning(home):
        return Finding("state", good=False, said=told.partition(": ")[0], mend=told.partition(": ")[2])
    return Finding("state", free > 1, f"{home}, {free:.0f} GB free", "free disk space: a run of the example needs 0.2 GB")


def _settings(root: Path) -> Finding:
    from mlops.settings import check_environment, read_project

    try:
        project = read_project(root)
        for path in sorted((root / "environments").glob("*.yml")):
            check_environment(root, path.stem)
    except MlopsError as error:
        return Finding("settings", good=False, said=str(error).splitlines()[0], mend="mlops check")
    return Finding("settings", good=True, said=f"{project.name}: {', '.join(project.models)}")


def _tracking() -> Finding:
    from mlops.tracking.server import reach

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        return Finding("tracking", good=True, said="SQLite in .mlops (MLFLOW_TRACKING_URI moves it to a server)")
    try:
        if uri.startswith("http"):
            reach(uri)
    except MlopsError as error:
        return Finding("tracking", good=False, said=error.message, mend=error.hint or "")
    return Finding("tracking", good=True, said=uri.split("@")[-1])


def _sockets() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            pass
    except OSError as error:
        return Finding(
            "network", good=False, said=f"cannot listen on 127.0.0.1: {error.strerror}", mend="endpoints need the loopback address"
        )
    return Finding("network", good=True, said="127.0.0.1 can be listened on")

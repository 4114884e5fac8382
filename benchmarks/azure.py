"""Submitting a pipeline to Azure ML by our command, beside `MLClient.jobs.create_or_update` of the same file by a program of ten lines.

Both are warm: signed in, the workspace known, all code and components registered before. The service is the loopback of `tests/azure`, which answers
at once, so what is compared is the work on this side. Ours reads and checks the file as well, writes the run's record, and then calls the same SDK.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "src/pipelines/train.yml"
TIMES = 7


def run() -> dict[str, list[float]]:
    """Measure both, by turns; return seconds by who submitted."""
    sys.path.insert(0, str(ROOT))
    from tests.azure.loopback import Loopback
    from tests.azure.loopback.azurite import VERSION

    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as scratch, Loopback(Path(scratch), Path(sys.prefix) / f"azurite-{VERSION}") as azure:
        os.environ.update(azure.variables(azure.scientist))
        azure.jobs.runs = False
        try:
            return _measured(azure, Path(scratch))
        finally:
            os.environ.clear()
            os.environ.update(before)


def _measured(azure, scratch: Path) -> dict[str, list[float]]:
    from azure.ai.ml import MLClient, load_job
    from azure.identity import EnvironmentCredential

    from mlops.api import read
    from mlops.azure.assets import WorkspaceAssets
    from mlops.azure.connection import connect
    from mlops.azure.run import begin
    from mlops.settings import AzureSettings

    own = azure.workspace
    client = MLClient(EnvironmentCredential(), own.subscription, own.group, own.name, show_progress=False, enable_telemetry=False)
    connection = connect(AzureSettings(**azure.place()), "staging")

    def bare() -> None:
        client.jobs.create_or_update(load_job(FILE))

    def ours() -> None:
        pipeline = read(FILE, {}, assets=WorkspaceAssets(scratch / "components", lambda: connection))
        running = begin(pipeline, scratch / "home", ROOT, connection, {})
        running.submit()
        running.detach()

    found: dict[str, list[float]] = {"bare": [], "ours": []}
    for turn in range(TIMES + 1):
        for name, submit in (("bare", bare), ("ours", ours))[:: 1 if turn % 2 else -1]:
            began = time.perf_counter()
            submit()
            if turn:  # the first of each is not warm
                found[name].append(time.perf_counter() - began)
    return found


def table(found: dict[str, list[float]]) -> str:
    """Return the medians as a table."""
    bare, ours = (statistics.median(found[name]) for name in ("bare", "ours"))
    rows = ["| submitted by | seconds, median | of the bare call |", "|---|---|---|"]
    rows += [f"| `MLClient.jobs.create_or_update` | {bare:.2f} | 1 |", f"| `mlops run --where azure` | {ours:.2f} | {ours / bare:.2f} |"]
    return "\n".join(rows)

"""What jobs have logged: the compute's own MLflow database, and a real MLflow server over it, behind the workspace's tracking address.

As on Azure, a job and each of its steps is a run under its own name; the ids that MLflow has made for them are changed into those and back.
And as there, nothing is known of logged models.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .entra import Refused

_UNKNOWN = re.compile(r"logged-models|traces")
_TAGS = "SELECT r.run_uuid, r.status, t.key, t.value FROM runs r JOIN tags t ON t.run_uuid = r.run_uuid"


@dataclass(frozen=True)
class Tracked:
    """One run of MLflow's: the step that it belongs to; a trial has its number too."""

    run: str
    status: str
    step: str
    trial: int | None = None
    best: bool = False
    """Whether it is the best trial."""


def tracked(home: Path, folder: Path) -> list[Tracked]:
    """Return the runs that the run of the engine in `folder` has made; that of the whole has no step."""
    database = home / "mlflow.db"
    if not database.exists():
        return []
    tags: dict[tuple[str, str], dict[str, str]] = {}
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        for run, status, key, value in opened.execute(_TAGS):
            tags.setdefault((run, status), {})[key] = value
    own = {key: told for key, told in tags.items() if told.get("slipway.folder") == str(folder)}
    steps = {run: told.get("slipway.step", "") for (run, _), told in own.items()}
    best = {told.get("best_child_run_id") for told in own.values()}
    return [
        Tracked(run, status, steps.get(told["mlflow.parentRunId"], ""), int(told["slipway.trial"]), run in best)
        if "slipway.trial" in told
        else Tracked(run, status, steps[run])
        for (run, status), told in own.items()
    ]


@dataclass
class Server:
    """MLflow's server over the database of one home; it is started by the first question."""

    home: Path
    _process: subprocess.Popen[str] | None = None
    _port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, method: str, path: str, body: Any, names: dict[str, str]) -> Any:
        """Ask MLflow; `names` has what a run is called here -> MLflow's id of it.

        Raises:
            Refused: MLflow refuses, or it is something that Azure's server does not know.
        """
        if _UNKNOWN.search(path):
            raise Refused(404, "NotFound", f"No service speaks {path}.")
        self._start()
        text = json.dumps(body) if body is not None else ""
        for name, run in names.items():
            path, text = path.replace(name, run), text.replace(name, run)
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}{path}", text.encode() or None, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
                told = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, "UserError", error.read().decode()) from error
        for name, run in names.items():
            told = told.replace(run, name)
        return json.loads(told)

    def _start(self) -> None:
        with self._lock:
            if self._process is None:
                kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "AZURE"))}
                words = [sys.executable, str(Path(__file__).with_name("tracking_server.py")), str(self.home)]
                self._process = subprocess.Popen(words, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                self._port = int(self._process.stdout.readline()) if self._process.stdout else 0

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

"""A deployment's process: load one version, try it, and answer on the inherited socket until told to leave.

Started by the endpoint's process only (`deployment.py`), with one argument: its task as JSON.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import MlopsError
from mlops.serving.deployment import Deployment
from mlops.serving.home import Home

if TYPE_CHECKING:
    from mlops.serving.application import Application
    from mlops.serving.protocol import Server
    from mlops.serving.telemetry import Telemetry

ORPHANED_SECONDS = 0.5
"""How long a deployment without its endpoint waits for idle connections."""


def watch(lifeline: int, serving: list[Server]) -> None:
    """Leave when told to, or when nobody is left to tell: the other end of the lifeline is held by the endpoint's process alone."""
    while word := os.read(lifeline, 64):
        if serving and word:
            serving[0].leave()
    if not serving:
        os._exit(0)
    serving[0].leave(ORPHANED_SECONDS)


def quieten() -> None:
    """Turn off checks of what was checked already; scikit-learn keeps these switches for each thread."""
    import warnings

    import sklearn

    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    sklearn.set_config(assume_finite=True, skip_parameter_validation=True)


def build(home: Home, deployment: Deployment) -> Application:
    """Load and try a version, and return its application.

    Raises:
        JobFailed: It was tampered with, does not load, or does not score its own example.
    """
    from mlops.registry.model import load
    from mlops.serving.application import Application, Keys
    from mlops.serving.batch import Batch
    from mlops.serving.home import write_sample
    from mlops.serving.scoring import prepare, read_example

    folder = Path(deployment.folder)
    model = load(folder, trusted=deployment.trusted, digest=deployment.digest)
    scorer, form = prepare(model, folder, deployment.positive)
    names, rows = read_example(folder)
    if rows:
        write_sample(home, names, rows)
    quieten()
    return Application(
        deployment=deployment,
        environment=home.environment,
        scorer=scorer,
        form=form,
        batch=Batch(scorer.score, prepare_thread=quieten),
        keys=Keys(home),
        telemetry=_telemetry(home, deployment),
    )


def _telemetry(home: Home, deployment: Deployment) -> Telemetry:
    """Return what is told of requests: to the log beside the endpoint, and to Application Insights where the environment names it."""
    from mlops.serving.telemetry import RotatingFile, Several, Telemetry

    log, named = RotatingFile(home.path / "requests.jsonl"), os.environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING")
    if not named:
        return Telemetry(log)
    from mlops.azure.insights import Labels, Requests

    try:
        there = Requests(named, Labels(deployment.model, deployment.version, home.environment))
    except ValueError as error:
        logging.getLogger(__name__).warning("nothing is sent to Application Insights: its connection string is none: %s", error)
        return Telemetry(log)
    return Telemetry(Several(log, there), then=there.close)


def main() -> int:
    """Serve until told to leave."""
    task = json.loads(sys.argv[1])
    serving: list[Server] = []
    threading.Thread(target=watch, args=(task["lifeline"], serving), daemon=True).start()

    def tell(said: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            os.write(task["answers"], json.dumps(said).encode() + b"\n")

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    try:
        application = build(Home(Path(task["home"])), Deployment.of(task["deployment"]))
    except MlopsError as error:
        tell({"error": error.message, "where": error.where, "hint": error.hint})
        return error.exit_code
    from mlops.serving.protocol import Server

    server = Server(application, task["deployment"]["timeout_seconds"], tell)
    serving.append(server)
    listener = socket.socket(fileno=task["listen"])
    listener.setblocking(False)
    server.run(sockets=[listener])
    application.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

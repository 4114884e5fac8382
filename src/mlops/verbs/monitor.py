"""The verb that looks at production: monitor."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def monitor(arguments: argparse.Namespace) -> int:
    """Look, show it, tell the CI system, and return 1 where something is bad."""
    from mlops.delivery.shared import on_state
    from mlops.delivery.workspace import open_workspace
    from mlops.monitoring.watch import Monitor
    from mlops.report.live import Tree
    from mlops.report.monitor import screen
    from mlops.verbs.pipelines import given

    workspace = open_workspace(arguments.model)
    with Tree(live=False if arguments.json else None, quiet=arguments.json) as tree:
        facts = on_state(workspace, Monitor(workspace, tree.apply, given(arguments.set)).go)
    if arguments.json:
        print(json.dumps(facts, ensure_ascii=False, allow_nan=False))
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(screen(facts, width=min(110, shutil.get_terminal_size().columns), colour=colour))
    _hand_on(facts)
    return 1 if facts["status"] == "bad" else 0


def _hand_on(facts: dict[str, Any]) -> None:
    """Give the outputs to later jobs, and keep the one issue about this model as things are."""
    from mlops.ci.host import current
    from mlops.report.monitor import report, title

    host, body, key = current(os.environ), report(facts), f"monitor:{facts['model']}"
    host.output("status", facts["status"])
    host.output("retrain", str(facts["retrain"]).lower())
    _try("the run's summary", lambda: host.summary(body))
    if facts["status"] == "ok":
        _try("the issue", lambda: host.close_issue(key, body))
    else:
        _try("the issue", lambda: host.issue(key, title(facts), body))
    if named := os.environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING"):
        _try("what was found, to Application Insights,", lambda: _to_insights(named, facts))


def _to_insights(connection_string: str, facts: dict[str, Any]) -> None:
    from mlops.azure.insights import tell_monitor
    from mlops.errors import PlatformError

    if not tell_monitor(connection_string, facts):
        raise PlatformError("the service did not take it", hint="What was found is the same, and in monitor.json of the run.")


def _try(what: str, call: Callable[[], object]) -> None:
    """Do what only tells of the result: where it cannot be done the result is the same, and the log says that nobody was told."""
    from mlops.errors import MlopsError

    try:
        call()
    except MlopsError as error:
        print(f"warning: {what} could not be written: {error}", file=sys.stderr)

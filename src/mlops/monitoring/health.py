"""Is production there, is it the registered version, and does it answer as that version did offline?

Where the endpoint was never started, or was stopped on purpose, as on a CI runner that has the registry and nothing else, the version is
started from the registry, tried, and ended again. One that ended by itself is not started: that it is down is what has to be told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops.delivery import stations
from mlops.delivery.serving import Here
from mlops.errors import MlopsError
from mlops.files import locked
from mlops.monitoring.verdict import Finding
from mlops.serving import endpoint
from mlops.serving.home import Home

if TYPE_CHECKING:
    from pathlib import Path

    from mlops.delivery.serving import Serving
    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion

ENVIRONMENT = "production"


def look(workspace: Workspace, version: ModelVersion, folder: Path, smoke: Path | None) -> Finding:
    """Return what there is to say about the endpoint.

    Args:
        workspace: The model and where its state is.
        version: What the registry says is in production.
        folder: Its files, whole.
        smoke: Its held-out rows with their offline probabilities, where it has them.
    """
    mode = workspace.production.monitor.endpoint
    if mode == "off":
        return Finding("endpoint", "ok", ENVIRONMENT, "not looked at: monitor.endpoint is off")
    with locked(workspace.endpoint(ENVIRONMENT) / "move.lock"):
        found = _look(workspace, version, folder, smoke)
    if mode == "dry-run" and found.status == "bad":
        return replace(found, status="attention", said=f"{found.said} (dry run: told only)")
    return found


def _look(workspace: Workspace, version: ModelVersion, folder: Path, smoke: Path | None) -> Finding:
    serving = workspace.serving(ENVIRONMENT)
    served = serving.look()
    if served.health == "ready":
        if served.digest != version.digest:
            said = f"it serves v{served.version}, and the registry says v{version.version}: a move was cut short"
            hint = f"mlops promote {served.version} --to {ENVIRONMENT} finishes it; mlops rollback {ENVIRONMENT} undoes it"
            return Finding("endpoint", "bad", ENVIRONMENT, said, evidence=hint)
        return _tried(serving, version, served, smoke, "")
    home = workspace.endpoint(ENVIRONMENT)
    state = Home(home).read()
    if not isinstance(serving, Here) or (state.get("deployment") and not state.get("stopped")):
        said = f"v{version.version} should be served, and the endpoint is {served.health}"
        return Finding("endpoint", "bad", ENVIRONMENT, said, evidence="make run serves it again; the reason is in its log")
    try:
        served = stations.deploy(workspace, ENVIRONMENT, version, folder)
        return _tried(serving, version, served, smoke, "; it did not run before, was started to be tried, and ended again")
    except MlopsError as error:
        return Finding("endpoint", "bad", ENVIRONMENT, f"v{version.version} does not start: {error.message}", evidence=error.hint or "")
    finally:
        endpoint.stop(home)


def _tried(serving: Serving, version: ModelVersion, served: endpoint.Served, smoke: Path | None, more: str) -> Finding:
    made = Finding("endpoint", "ok", ENVIRONMENT, "", evidence=served.address or "")
    try:
        trial: dict[str, Any] = serving.trial(version, smoke, load=False)
    except MlopsError as error:
        return replace(made, status="bad", said=f"v{served.version} could not be tried: {error.message}")
    if not trial["smoke"]:
        lacking = "it was registered without held-out rows" if smoke is None else "environments/production.yml has no `test` section"
        return replace(made, status="attention", said=f"v{served.version} is ready, and was not tried: {lacking}{more}")
    broken = [rule for rule in trial["rules"] if not rule["passed"]]
    if broken:
        return replace(made, status="bad", said=f"v{served.version} does not answer as it did offline: {broken[0]['reason']}{more}")
    return replace(made, said=f"v{served.version} answers: {stations.summary(trial)}{more}", value=float(trial["smoke"]["equal"]))

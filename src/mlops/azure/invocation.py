"""A job that a batch endpoint is asked for: followed and brought as any other, but named by the service.

The service names the job itself (a name that is given to it does nothing: Azure/azure-sdk-for-python#32763), and cannot list an endpoint's jobs (#45212).
So each asking gives its outputs a place of its own in the blob store, `slipway/scores/<key>/`, written down before it is sent: where the answer was lost,
the job is found by that place, and no second one is asked for.
"""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.ai.ml import Input, Output

from mlops.azure.failures import told
from mlops.azure.mended import once
from mlops.azure.run import RemoteRun
from mlops.azure.submission import silent
from mlops.azure.versions import PATHS
from mlops.delivery.batch import LINEAGE, MODEL, asked_of
from mlops.files import shown
from mlops.local.runs import facts_of, open_run, origin, read_runs, reopen_run
from mlops.spec.references import is_reference
from mlops.spec.source import read
from mlops.spec.values import Asset, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops.azure.connection import Connection
    from mlops.spec.values import Pipeline

_LOOKED = 200  # newest jobs of the workspace that are looked through for one whose answer was lost


@dataclass
class Invocation(RemoteRun):
    """A job of a batch endpoint, by the deployment that the record names."""

    def _send(self) -> tuple[str, str, dict[str, str]]:
        job, client = self.record.facts["job"], self.connection.client
        with told("ask the batch endpoint for a job", where=job["endpoint"]), silent():
            name = self._asked_before() if self.again else ""
            if not name:
                asked = {"inputs": self._inputs(), "outputs": self._outputs_there(), "experiment_name": self.pipeline.experiment}
                name = str(once(client.batch_endpoints).invoke(job["endpoint"], deployment_name=job["deployment"], **asked).name)
            studio = str(client.jobs.get(name).studio_url or "")
        steps = read(self.pipeline.path).value["jobs"]
        called = {str(one["display_name"]): step for step, one in steps.items() if isinstance(one, dict) and one.get("display_name")}
        return name, studio, called

    @property
    def _place(self) -> str:
        return f"{PATHS}slipway/scores/{self.record.facts['job']['key']}/"

    def _asked_before(self) -> str:
        """Return the job of a try before this one whose answer was lost; the empty string where there is none."""
        key = f"/{self.record.facts['job']['key']}/"
        for job in itertools.islice(self.connection.client.jobs.list(), _LOOKED):
            outputs = getattr(job, "outputs", None) or {}
            if any(key in str(getattr(one, "path", "") or "") for one in outputs.values()):
                return str(job.name)
        return ""

    def _inputs(self) -> dict[str, Input]:
        """Return what the endpoint is given: every file and folder, which it has no usual ones of, and the literals that were set."""
        made, given, settings = {}, asked_of(self.pipeline.path), self.record.facts["settings"]
        for name, bound in self.pipeline.values.items():
            kind = self.pipeline.inputs[name].type
            if name in {MODEL, LINEAGE}:
                continue
            if isinstance(bound, Asset):
                stands = given.get(name)
                text = settings.get(name) or str(stands.get("path") if isinstance(stands, dict) else stands)
                made[name] = Input(type=kind, path=text if is_reference(text) else str(bound.path.resolve()))
            elif isinstance(bound, Literal) and name in settings:
                made[name] = Input(type=kind, default=bound.value)
        return made

    def _outputs_there(self) -> dict[str, Output]:
        outputs = {}
        for name, bound in self.pipeline.outputs.items():
            kind = self.pipeline.steps[bound.step].component.outputs[bound.output].type
            outputs[name] = Output(type=kind, path=f"{self._place}{name}")
        return outputs


def ask(
    pipeline: Pipeline,
    home: Path,
    root: Path,
    connection: Connection,
    settings: Mapping[str, str],
    scores: Mapping[str, Any],
    *,
    queue_limit: float = 0.0,
) -> Invocation:
    """Return the job that a batch endpoint is to be asked for: a new one, or the same one that was left before it had ended.

    Args:
        pipeline: The scoring pipeline.
        home: The state folder.
        root: The project.
        connection: The workspace.
        settings: The inputs that were given, and those that the version decides.
        scores: What scores, as `Batch.look` tells it.
        queue_limit: Seconds that the job may wait for a machine; 0 is for ever.
    """
    facts = facts_of(pipeline, root, origin(root), settings, force=False, asset=lambda path: {"path": shown(path, root)})
    facts |= {"model": None, "where": f"azure:{connection.environment}", "compute": f"{scores['endpoint']}/{scores['deployment']}"}
    left = next((one for one in read_runs(home) if _left(one, facts)), None)
    if left is not None:
        return resume(home / "runs" / str(left["run"]), pipeline, home, root, connection, queue_limit=queue_limit)
    key = uuid.uuid4().hex[:16]
    job = {"name": f"batch-{key}", "key": key, "state": "unconfirmed", "single": False, **connection.facts}
    job |= {"endpoint": scores["endpoint"], "deployment": scores["deployment"]}
    return Invocation(pipeline, open_run(home, {**facts, "job": job}), root, home, connection, queue_limit=queue_limit)


def resume(folder: Path, pipeline: Pipeline, home: Path, root: Path, connection: Connection, *, queue_limit: float = 0.0) -> Invocation:
    """Return a job of a batch endpoint that was left, to be followed again."""
    return Invocation(pipeline, reopen_run(folder), root, home, connection, again=True, queue_limit=queue_limit)


def _left(before: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Whether a run before asked for the same, and has not seen its end."""
    open_ = before.get("job", {}).get("endpoint") and before["state"] in {"detached", "killed"}
    return bool(open_) and all(before.get(key) == facts.get(key) for key in ("pipeline", "settings", "commit", "where", "compute"))

"""The batch side of an environment on Azure ML: a version's deployment holds the project's scoring pipeline with that version in it.

A promotion makes it beside the one that scores, and makes it the endpoint's default once the version serves; the one before stays, and a rollback makes
that the default again, as it was made then. A deployment is called after its version, and says in its tags which component it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.ai.ml.entities import PipelineComponentBatchDeployment

from mlops.azure import batch_endpoint as endpoints
from mlops.azure import traffic
from mlops.azure.batch_endpoint import COMPONENT
from mlops.azure.model_asset import model_asset
from mlops.azure.scoring_component import scoring_component
from mlops.delivery.batch import LINEAGE, lineage_of, scoring_pipeline
from mlops.errors import UsageError
from mlops.settings import BatchSettings
from mlops.spec.source import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlops.azure.batch_endpoint import BatchEndpoint
    from mlops.azure.connection import Connection
    from mlops.registry.versions import ModelVersion
    from mlops.settings import Environment, ModelSettings


@dataclass
class Batch:
    """One model's batch endpoint in one environment. `connected` returns the workspace when it is first asked for."""

    root: Path
    model: ModelSettings
    settings: Environment
    connected: Callable[[], Connection]
    _found: BatchEndpoint | None = field(default=None, init=False)

    @property
    def _own(self) -> BatchSettings:
        return self.settings.batch or BatchSettings()

    def _look_up(self) -> BatchEndpoint | None:
        if self._found is None:
            self._found = endpoints.find(self.connected(), self._own, self.model.name, self.settings.name)
        return self._found

    def look(self) -> dict[str, Any] | None:
        """Return what scores now: endpoint, address, deployment, version, digest and what was before; None where there is no endpoint."""
        found = self._look_up()
        if found is None:
            return None
        seen = found.look()
        now, before = seen.scores, seen.deployments.get(seen.before or "")
        return {
            "endpoint": found.name,
            "address": found.address,
            "deployment": now.name if now else None,
            "version": now.version if now else None,
            "digest": now.tags.get(traffic.DIGEST) if now else None,
            "lineage": now.tags.get(LINEAGE, "") if now else "",
            "previous": before.version if before else None,
        }

    def deploy(self, version: ModelVersion, folder: Path, tags: Mapping[str, str]) -> None:
        """Make a version's deployment beside the one that scores.

        One that is kept for a rollback is taken as it was made; the one that scores, or was left by a run that was killed, is brought up to date.

        Raises:
            UsageError: The pipeline cannot be deployed.
            PlatformError: The service could not do it.
        """
        name, found = traffic.deployment_name(version.version, version.digest), self._look_up()
        common = {key: value for key, value in tags.items() if key not in {traffic.VERSION, traffic.DIGEST, "run", "commit", "data"}}
        if found is None or found.settled().state == "Failed":
            found = self._found = endpoints.create(self.connected(), self._own, self.model.name, self.settings.name, common)
        seen = found.settled()
        there = seen.deployments.get(name)
        if there is not None and there.healthy and name == seen.before:
            return
        pipeline = scoring_pipeline(self.root, self.model, self.settings)
        compute = self._compute(pipeline)
        model = model_asset(self.connected(), version, folder)
        component = scoring_component(self.connected(), pipeline, f"{self.model.name.replace('-', '_')}_batch", model, lineage_of(version))
        held = f"{component.name}:{component.version} on {compute}"
        if there is None or not there.healthy or there.tags.get(COMPONENT) != held:
            made = PipelineComponentBatchDeployment(
                name=name,
                endpoint_name=found.name,
                component=component.reference,
                settings={"default_compute": compute, "continue_on_step_failure": "false"},
                tags={**tags, COMPONENT: held, LINEAGE: lineage_of(version)},
                description=lineage_of(version),
            )
            found.create(made)

    def _compute(self, pipeline: Path) -> str:
        """Return the compute that jobs run on.

        Raises:
            UsageError: Neither the environment nor the pipeline names one.
        """
        stated = (read(pipeline).value.get("settings") or {}).get("default_compute")
        compute = self._own.compute or str(stated or "").removeprefix("azureml:")
        if not compute:
            raise UsageError(
                "no compute for batches", where=f"environments/{self.settings.name}.yml", hint="batch: {compute: NAME}, such as cpu-cluster"
            )
        return compute

    def shift(self, version: ModelVersion) -> dict[str, Any] | None:
        """Make a version's deployment the default, and return what scores then.

        Raises:
            Overtaken: Somebody else moved the endpoint.
        """
        name, found = traffic.deployment_name(version.version, version.digest), self._look_up()
        if found is not None and found.seen.default != name:
            found.change(name, found.seen.default or "")
        return self.look()

    def back(self, version: ModelVersion) -> None:
        """Undo the deployment of a version that did not pass: the one before is the default, and this one is deleted."""
        name, found = traffic.deployment_name(version.version, version.digest), self._look_up()
        if found is None:
            return
        seen = found.settled()
        if seen.default == name and seen.before is None:
            self.stop()
            return
        if seen.default == name:
            found.change(str(seen.before), "")
        if name != found.seen.before:
            found.delete(name)

    def settle(self) -> None:
        """Delete what neither scores nor is kept for a rollback."""
        found = self._look_up()
        if found is not None:
            for name in found.seen.spare():
                found.delete(name)

    def stop(self) -> bool:
        """Delete the endpoint and its deployments; return whether there was one."""
        found = self._look_up()
        if found is None:
            return False
        found.end()
        self._found = None
        return True

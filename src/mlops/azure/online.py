"""An environment that is an online endpoint of Azure ML: the same moves as on this machine, with traffic that shifts by stages.

A version is a deployment of its own beside what serves, without traffic. It is asked held-out rows directly, then a copy of some requests (mirror), then
it answers 10, 50, 100 percent of them, and is watched at each stage. Until the last one was good, the deployment that served is whole and one request
away. Every state in between is written on the endpoint itself (`traffic.py`), so the same command again goes on from there.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from azure.ai.ml.entities import (
    CodeConfiguration,
    DataCollector,
    DeploymentCollection,
    KubernetesOnlineDeployment,
    ManagedOnlineDeployment,
    OnlineRequestSettings,
)

from mlops.azure import endpoint as endpoints
from mlops.azure import traffic
from mlops.azure.arm import Arm
from mlops.azure.capacity import lacking
from mlops.azure.collecting import COLLECTIONS, check_collected
from mlops.azure.connection import Connection, connect, place_of
from mlops.azure.environment_asset import environment_asset
from mlops.azure.kubernetes import on_kubernetes
from mlops.azure.metrics import Measured, measure
from mlops.azure.model_asset import model_asset
from mlops.azure.names import owner_tag
from mlops.azure.scaling import scale, unscale
from mlops.azure.scoring import Scorer
from mlops.delivery.judging import error_rate_rule, rule, smoke_rule, unwatched
from mlops.errors import JobFailed, MlopsError, Overtaken, PlatformError
from mlops.serving.endpoint import Served
from mlops.serving.trial import HeldOut

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops.azure.endpoint import Endpoint
    from mlops.registry.versions import ModelVersion
    from mlops.settings import Environment, ModelSettings

ROUND, PAUSE, LOOK = 10, 5.0, 60.0
"""While a stage is watched: rows asked in a round, seconds between rounds, and seconds between two looks at Azure Monitor."""
_MILLISECONDS = 1000


@dataclass
class Online:
    """One model's endpoint in one environment."""

    root: Path
    project: str
    model: ModelSettings
    settings: Environment
    _found: Endpoint | None = field(default=None, init=False)

    @cached_property
    def connection(self) -> Connection:
        """The workspace that the environment's file names, signed in to."""
        return connect(place_of(self.settings), self.settings.name)

    @property
    def _where(self) -> str:
        return f"environments/{self.settings.name}.yml"

    @cached_property
    def _arm(self) -> Arm:
        return Arm(self.connection.credential)

    @property
    def _endpoint(self) -> Endpoint:
        found = self._look_up()
        if found is None:
            raise PlatformError(
                f"there is no endpoint of {self.model.name} yet", where=self._where, hint="A promotion makes it; make infra too."
            )
        return found

    def _look_up(self) -> Endpoint | None:
        if self._found is None:
            self._found = endpoints.find(self.connection, self.settings.online, self.model.name, self.settings.name)
        return self._found

    def look(self) -> Served:
        """Return what serves now, as the service says."""
        found = self._look_up()
        if found is None:
            return self._served(None, None, "never started")
        seen = found.look()
        name = seen.serves
        deployed = seen.deployments.get(name) if name else None
        health = "ready" if deployed and deployed.healthy else str(deployed.state).lower() if deployed else "not running"
        return self._served(found, deployed, health, _note(seen))

    def _served(self, found: Endpoint | None, deployed: traffic.Deployed | None, health: str, note: str | None = None) -> Served:
        before = found.seen.deployments.get(found.seen.before or "") if found else None
        return Served(
            environment=self.settings.name,
            address=found.address if found else None,
            version=deployed.version if deployed else None,
            digest=deployed.tags.get(traffic.DIGEST) if deployed else None,
            health=health,
            pid=None,
            key_file=None,
            sample_file=None,
            previous={"version": before.version, "digest": before.tags.get(traffic.DIGEST)} if before else None,
            note=note,
        )

    def target(self, version: ModelVersion) -> str:
        """Return a version's deployment as Azure ML's monitor names it: azureml:ENDPOINT:DEPLOYMENT.

        Raises:
            PlatformError: There is no endpoint.
        """
        return f"azureml:{self._endpoint.name}:{traffic.deployment_name(version.version, version.digest)}"

    def prepare(self, _before: ModelVersion | None) -> None:
        """Nothing: the endpoint outlives the machine that this runs on."""

    def deploy(self, version: ModelVersion, folder: Path) -> Served:
        """Make a version's deployment beside what serves, without traffic. One that is there and healthy is taken; a broken one is made anew.

        Raises:
            JobFailed: Its container does not become healthy; the traffic is as it was, and it was deleted.
            UsageError: A size, a name or a quota that does not fit; nothing was created.
            PlatformError: The service could not do it.
        """
        name, tags = traffic.deployment_name(version.version, version.digest), self.tags(version)
        found = self._look_up()
        if found is None:
            self._check_room(None)
            found = self._found = endpoints.create(
                self.connection, self.settings.online, self.model.name, self.settings.name, self._common()
            )
        seen = found.settled()
        if traffic.cut_short(seen, name):
            self._put_back(found)
        self._clear(found, name)
        there = found.seen.deployments.get(name)
        if there is not None and not there.healthy:
            self._delete(found, name)
            there = None
        if there is None:
            self._check_room(found)
            found.create(self._deployment(found, name, version, folder, tags))
        self._scale(found, name, tags)
        return self._served(found, found.seen.deployments[name], "ready")

    def _common(self) -> dict[str, str]:
        return {"project": self.project, "environment": self.settings.name, **owner_tag(place_of(self.settings))}

    def tags(self, version: ModelVersion) -> dict[str, str]:
        """Return the tags of a version's deployment: the way back from what serves to the run, the commit and the data that made it."""
        made = {name: version.tags.get(f"slipway.{name}", "") for name in ("run", "commit", "data")}
        own = {traffic.MODEL: version.name, traffic.VERSION: str(version.version), traffic.DIGEST: version.digest}
        return {**self._common(), **own, **{name: value[:256] for name, value in made.items() if value}}

    def _deployment(self, found: Endpoint, name: str, version: ModelVersion, folder: Path, tags: Mapping[str, str]) -> Any:
        online, serve = self.settings.online, self.settings.serve
        common: dict[str, Any] = {
            "name": name,
            "endpoint_name": found.name,
            "model": model_asset(self.connection, version, folder),
            "instance_count": online.scale.least if online.scale else online.instances,
            "app_insights_enabled": True,
            "tags": dict(tags),
        }
        if serve is not None:
            common["request_settings"] = OnlineRequestSettings(request_timeout_ms=round(serve.timeout_seconds * _MILLISECONDS))
        if online.scoring:
            script = self.root / online.scoring
            common["code_configuration"] = CodeConfiguration(code=str(script.parent), scoring_script=script.name)
            common["environment"] = environment_asset(self.connection, self.root, online.environment)
        if online.collect:
            check_collected(self.root, online.scoring)
            kept = {part: DeploymentCollection(enabled="true") for part in COLLECTIONS}
            common["data_collector"] = DataCollector(collections=kept)
        if online.compute:
            return KubernetesOnlineDeployment(**common, **on_kubernetes(online))
        access = "disabled" if online.network == "private" else "enabled"
        return ManagedOnlineDeployment(**common, instance_type=online.instance_type, egress_public_network_access=access)

    def _check_room(self, found: Endpoint | None) -> None:
        """Refuse what would find no machines; the deployment that is only kept for a rollback makes room where there is too little.

        Raises:
            PlatformError: There is not enough quota; nothing was created.
        """
        if self.settings.online.compute:
            return
        why = lacking(self.connection, self.settings.online, self._where)
        kept = found.seen.before if found else None
        if why and found is not None and kept and kept not in found.seen.traffic:
            self._delete(found, kept)
            why = lacking(self.connection, self.settings.online, self._where)
        if why:
            hint = "Nothing was created. Ask for more in the portal under Quotas, or name a smaller size: online: {instance_type: ...}"
            raise PlatformError(why, where=self._where, hint=hint)

    def _scale(self, found: Endpoint, name: str, tags: Mapping[str, str]) -> None:
        rules = self.settings.online.scale
        if rules is not None and not self.settings.online.compute:
            region = str(self.connection.client.workspaces.get(self.connection.settings.workspace).location)
            scale(self._arm, found.id, name, region, rules, tags)

    def trial(self, version: ModelVersion, smoke_file: Path | None, *, load: bool = True) -> dict[str, Any]:
        """Ask a version's deployment held-out rows, whatever traffic it has. Load is what the stages of a shift are for: none is made here.

        Raises:
            PlatformError: It cannot be asked.
        """
        del load
        test = self.settings.test
        if test is None or smoke_file is None:
            return {"smoke": None, "load": None, "rules": []}
        rows = HeldOut.read(smoke_file).evenly(test.smoke_requests)
        with self._scorer() as scorer:
            smoke = asdict(scorer.smoke(traffic.deployment_name(version.version, version.digest), rows))
        return {"smoke": smoke, "load": None, "rules": [smoke_rule(smoke)]}

    def _scorer(self) -> Scorer:
        return Scorer(self._endpoint, str(self.model.positive) if self.model.task == "binary" else None)

    def shift(self, version: ModelVersion, smoke_file: Path | None, *, at_once: bool) -> dict[str, Any]:
        """Give a version the traffic: mirrored, then by stages, each watched; or `at_once`, in one request, as a rollback does.

        Returns:
            `shift`: of each stage its percent, requests, error rate, p95 and rules.

        Raises:
            JobFailed: A bound broke; all traffic is where it was, and the deployment was deleted.
            Overtaken: Somebody else moved the endpoint.
            PlatformError: It could not be watched; the traffic was put back.
        """
        name, found = traffic.deployment_name(version.version, version.digest), self._endpoint
        if at_once:
            if found.seen.serves != name or found.seen.coming:
                found.change(traffic.arrived(found.seen, name))
            return {"shift": []}
        try:
            told_of = [self._watched(name, percent, smoke_file) for percent in self._steps(found, name)]
        except Overtaken:
            raise
        except MlopsError:
            self._put_back(found)
            self._delete(found, name)
            raise
        return {"shift": told_of}

    def _steps(self, found: Endpoint, name: str) -> Any:
        """Go through the mirror (0) and the stages, each when it is reached; after the last, the version serves."""
        wanted = self.settings.shift
        change = None if self.settings.online.compute else traffic.mirrored(found.seen, name, wanted.mirror)
        if change is not None:
            found.change(change)
            yield 0
        left = traffic.stages(found.seen, name, wanted.stages)
        for percent in left:
            found.change(traffic.shifted(found.seen, name, percent))
            yield percent
        if left:
            found.change(traffic.arrived(found.seen, name))

    def _watched(self, name: str, percent: int, smoke_file: Path | None) -> dict[str, Any]:
        """Watch one stage for its time, and ask held-out rows in it now and then.

        Raises:
            JobFailed: A bound broke, or an answer was another than offline.
        """
        wanted, began = self.settings.shift, time.time()
        asked, wrong, first, looked = 0, 0, "", began
        rows = HeldOut.read(smoke_file).evenly(ROUND) if smoke_file else None
        while True:
            if rows is not None:
                with self._scorer() as scorer:
                    smoke = scorer.smoke(name, rows)
                asked, wrong = asked + smoke.requests, wrong + smoke.requests - smoke.equal
                first = first or next(iter(smoke.failures), "")
            over = time.time() - began >= wanted.seconds
            if over or time.time() - looked >= LOOK:
                looked = time.time()
                facts = self._judged(measure(self._arm, self._endpoint.id, name, began, looked), percent, asked, wrong, first)
                if over:
                    return facts
            time.sleep(min(PAUSE, max(0.0, began + wanted.seconds - time.time())))

    def _judged(self, measured: Measured, percent: int, asked: int, wrong: int, first: str) -> dict[str, Any]:
        wanted, name = self.settings.shift, f"{percent} %" if percent else "mirrored"
        total, failed = max(asked, measured.requests), max(wrong, measured.failed)
        rate = failed / total if total else 0.0
        rules = [error_rate_rule(rate, f"{total:,} requests", wanted.error_rate, first)]
        if wanted.p95_ms is not None and measured.p95_ms is not None:
            rules.append(rule("p95_ms", measured.p95_ms <= wanted.p95_ms, f"{measured.p95_ms:.1f} ms, at most {wanted.p95_ms:g}"))
        broken = [one for one in rules if not one["passed"]]
        if broken:
            raise JobFailed(f"at {name}: {broken[0]['name']}: {broken[0]['reason']}", where=self._where)
        return {"percent": percent, "requests": total, "error_rate": rate, "p95_ms": measured.p95_ms, "rules": rules}

    def watch(self, _version: ModelVersion, _smoke_file: Path | None) -> dict[str, Any]:
        """Nothing more: it was watched at each stage of the shift, the last one with all of the traffic."""
        return unwatched()

    def back(self, version: ModelVersion, _before: ModelVersion | None) -> None:
        """Undo a deployment that did not pass: what serves has all the traffic, and the deployment is deleted."""
        found, name = self._endpoint, traffic.deployment_name(version.version, version.digest)
        self._put_back(found)
        if name not in {found.seen.serves, found.seen.before}:
            self._delete(found, name)

    def settle(self) -> None:
        """Delete what is neither serving nor kept for a rollback."""
        self._clear(self._endpoint, "")

    def _put_back(self, found: Endpoint) -> None:
        found.look()
        change = traffic.put_back(found.seen)
        if change is not None:
            found.change(change)

    def _clear(self, found: Endpoint, coming: str) -> None:
        for name in traffic.spare(found.seen, coming):
            self._delete(found, name)

    def _delete(self, found: Endpoint, name: str) -> None:
        found.delete(name)
        if self.settings.online.scale is not None and not self.settings.online.compute:
            unscale(self._arm, found.id, name)

    def stop(self) -> bool:
        """Take all traffic away and delete every deployment of ours; the endpoint and its name stay, and cost nothing.

        Returns:
            Whether there was one.
        """
        found = self._look_up()
        if found is None:
            return False
        seen = found.settled()
        if not seen.deployments:
            return False
        found.change(traffic.Change({}, {}, dict.fromkeys((traffic.SERVES, traffic.BEFORE, traffic.COMING), "")))
        for name in [name for name, one in seen.deployments.items() if one.version is not None]:
            with contextlib.suppress(JobFailed):
                self._delete(found, name)
        return True

    def rotate_key(self) -> str:
        """Have the service make the other key, where there are keys; return what to tell.

        Raises:
            UsageError: Callers sign in, and there is no key.
        """
        return endpoints.rotate(self._endpoint)


def _note(seen: traffic.Seen) -> str | None:
    """Return what a person should know beyond what serves: a move that is on its way, or was cut short."""
    if not seen.coming:
        return None
    coming = seen.deployments[seen.coming]
    share = seen.traffic.get(coming.name) or seen.mirror.get(coming.name, 0)
    how = "% of the traffic" if seen.traffic.get(coming.name) else "% mirrored"
    return f"v{coming.version} is on its way, with {share} {how}: promote it again to go on"

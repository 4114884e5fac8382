"""Online endpoints: what azure-ai-ml asks of them, the rules of their traffic, and the requests of callers, split and mirrored by percentages.

Behind each deployment is a process that really serves (`container.py`). Changes are long-running operations, and may fail late.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import collector
from .entra import Refused
from .workspace import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.storage.blob import ContainerClient

    from .workspace import Workspace

NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")
STORE = re.compile(r"azureml://(?:.+/)?datastores/([^/]+)/paths/(.*)")
SOON = {"Retry-After": "0.02"}
MOST = 20
SIZES = {
    "Standard_DS3_v2": ("standardDSv2Family", 4),
    "Standard_F4s_v2": ("standardFSv2Family", 4),
    "Standard_DS2_v2": ("standardDSv2Family", 2),
    "Standard_D4s_v5": ("standardDSv5Family", 4),
}
INSTANCE_TYPES = {"defaultinstancetype", "small"}
"""Of a Kubernetes compute: whoever runs the cluster defines them."""
LOADING = 60.0


@dataclass(frozen=True)
class Answered:
    """One request of a caller that a deployment answered: when (seconds since 1970), how, and in how many seconds."""

    at: float
    status: int
    seconds: float
    mirrored: bool = False
    direct: bool = False


@dataclass
class Deployment:
    """One deployment: its body as it was sent, how far it is, and the process that serves it."""

    name: str
    body: dict[str, Any]
    state: str = "Creating"
    pid: int = 0
    port: int = 0
    log: Path | None = None
    answered: list[Answered] = field(default_factory=list)


@dataclass
class OnlineEndpoint:
    """One endpoint."""

    name: str
    body: dict[str, Any]
    state: str = "Succeeded"
    deployments: dict[str, Deployment] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=lambda: {name: secrets.token_urlsafe(24) for name in ("primaryKey", "secondaryKey")})
    asked: int = 0

    @property
    def kubernetes(self) -> bool:
        return bool(self.body["properties"].get("compute"))

    def share(self, which: str) -> dict[str, int]:
        return {name: int(percent) for name, percent in (self.body["properties"].get(which) or {}).items() if percent}


@dataclass
class Endpoints:
    """All of a workspace. What a test turns on is at the top."""

    workspace: Workspace
    folder: Path
    taken: set[str] = field(default_factory=set)
    """Names that somebody else in the region has."""
    limits: dict[str, int] = field(default_factory=dict)
    """Cores of a family that may be used; what is not named has plenty."""
    broken: dict[str, int] = field(default_factory=dict)
    """Deployment -> the status that callers get of it, whatever its process says. Requests that name the deployment are answered rightly."""
    slow: dict[str, float] = field(default_factory=dict)
    """Deployment -> seconds that its answers take longer."""
    late: dict[str, str] = field(default_factory=dict)
    """Deployment -> the error that its creation ends with after all; `*` for an endpoint's."""
    takes: float = 0.0
    """Seconds that a change takes at least."""
    deaf: bool = False
    """Whether Azure Monitor has nothing to tell yet."""
    found: dict[str, OnlineEndpoint] = field(default_factory=dict)
    scales: dict[str, Any] = field(default_factory=dict)
    """Autoscale rules by name."""
    history: list[tuple[str, dict[str, int], dict[str, int]]] = field(default_factory=list)
    """Every state of the traffic and the mirror that there was, of each endpoint, in order."""
    _operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    _host: subprocess.Popen[str] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def clear(self) -> None:
        """Forget every endpoint and every switch."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        for endpoint in self.found.values():
            for one in endpoint.deployments.values():
                self._kill(one)
        for one in (self.found, self.taken, self.limits, self.broken, self.slow, self.late, self.scales, self.history, self._operations):
            one.clear()
        self.takes, self.deaf = 0.0, False

    def close(self) -> None:
        self.clear()
        if self._host is not None:
            self._host.kill()
            with self._host:
                pass

    # What Resource Manager is asked.

    def listed(self) -> list[dict[str, Any]]:
        return [self.told(one) for one in self.found.values()]

    def get(self, name: str) -> OnlineEndpoint:
        if name not in self.found:
            raise Refused(404, "ResourceNotFound", f"The online endpoint {name} was not found in workspace {self.workspace.name}.")
        return self.found[name]

    def told(self, endpoint: OnlineEndpoint) -> dict[str, Any]:
        """Return an endpoint as ARM tells it."""
        address = f"https://{endpoint.name}.{self.workspace.region}.inference.ml.azure.com"
        own = {"provisioningState": endpoint.state, "scoringUri": f"{address}/score", "swaggerUri": f"{address}/swagger.json"}
        properties = {"traffic": {}, "mirrorTraffic": {}, "properties": {}, **endpoint.body["properties"], **own}
        return {
            **self._resource(f"onlineEndpoints/{endpoint.name}", endpoint.name, endpoint.body),
            "properties": properties,
            "kind": "K8S" if endpoint.kubernetes else "Managed",
        }

    def told_deployment(self, endpoint: OnlineEndpoint, one: Deployment) -> dict[str, Any]:
        sent = {key: value for key, value in one.body["properties"].items() if value is not None}
        usual = {"properties": {}, "scaleSettings": {"scaleType": "Default"}, "environmentVariables": {}}
        usual |= {
            "requestSettings": {"requestTimeout": "PT5S"},
            **{key: {"period": "PT10S"} for key in ("livenessProbe", "readinessProbe")},
        }
        if endpoint.kubernetes:  # azure-ai-ml cannot read a deployment without; the cluster's default instance type has these
            limits = {
                "containerResourceRequests": {"cpu": "100m", "memory": "2Gi"},
                "containerResourceLimits": {"cpu": "2", "memory": "8Gi"},
            }
            usual |= {"containerResourceRequirements": limits}
        properties = {**usual, **sent, "provisioningState": one.state}
        made = self._resource(f"onlineEndpoints/{endpoint.name}/deployments/{one.name}", one.name, one.body)
        return {**made, "properties": properties, "sku": one.body.get("sku", {"name": "Default", "capacity": 1})}

    def _resource(self, below: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        kind = f"Microsoft.MachineLearningServices/workspaces/{'/'.join(below.split('/')[::2])}"
        who = {"createdAt": moment(), "createdBy": "somebody", "createdByType": "User", "lastModifiedAt": moment()}
        made = {
            "id": f"{self.workspace.id}/{below}",
            "name": name,
            "type": kind,
            "location": self.workspace.region,
            "tags": body.get("tags") or {},
        }
        return {**made, "identity": body.get("identity") or {"type": "SystemAssigned"}, "systemData": who}

    def put(self, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Create an endpoint, or move its traffic.

        Raises:
            Refused: A name that is taken or not allowed, traffic that breaks a rule, or a change that still goes on.
        """
        with self._lock:
            there = self.found.get(name)
            if there is None:
                return self._created(name, body)
            self._free(there)
            for one in there.deployments.values():
                if one.state not in {"Succeeded", "Failed"}:
                    raise Refused(409, "Conflict", f"Deployment {one.name} of {name} is {one.state}; the endpoint cannot be updated now.")
            self._check_traffic(there, body["properties"])
            there.state = "Updating"

        def move() -> None:
            there.body = body
            self.history.append((name, there.share("traffic"), there.share("mirrorTraffic")))

        headers = self._operate(there, move, lambda error: setattr(there, "state", "Succeeded" if error is None else "Failed"))
        return 200, {**self.told(there), "_headers": {**headers, **SOON}}

    def _created(self, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if not NAME.fullmatch(name):
            raise Refused(400, "UserError", f"The endpoint name {name} is invalid: 3 to 32 letters, digits and dashes, a letter first.")
        if name in self.taken:
            raise Refused(400, "BadRequest", f"An endpoint with the name {name} already exists in the region. Choose another name.")
        if body["properties"].get("traffic"):
            raise Refused(400, "UserError", "Traffic of an endpoint without deployments.")
        self._check_compute(body["properties"])
        made = self.found[name] = OnlineEndpoint(name, body, "Creating")

        def end(error: str | None) -> None:
            made.state = "Succeeded" if error is None else "Failed"

        headers = self._operate(made, lambda: self._late("*"), end)
        return 201, {**self.told(made), "_headers": {**headers, **SOON}}

    def _check_compute(self, properties: dict[str, Any]) -> None:
        """Refuse what an endpoint on Kubernetes cannot be."""
        if not properties.get("compute"):
            return
        self.workspace.refer(properties)
        if properties["compute"].rpartition("/")[2] not in self.workspace.kubernetes:
            raise Refused(400, "UserError", f"{properties['compute']} is no Kubernetes compute.")
        if properties["authMode"].lower() == "aadtoken":
            raise Refused(400, "UserError", "AADToken auth mode is not supported for Kubernetes endpoints.")
        if properties.get("publicNetworkAccess"):
            raise Refused(400, "UserError", "publicNetworkAccess is of managed endpoints.")

    def _check_traffic(self, endpoint: OnlineEndpoint, properties: dict[str, Any]) -> None:
        traffic, mirror = ({n: int(p) for n, p in (properties.get(key) or {}).items() if p} for key in ("traffic", "mirrorTraffic"))
        for name in {**traffic, **mirror}:
            if name not in endpoint.deployments or endpoint.deployments[name].state != "Succeeded":
                raise Refused(400, "UserError", f"Traffic can only go to a deployment in state Succeeded, and {name} is not.")
        if sum(traffic.values()) not in {0, 100}:
            raise Refused(400, "UserError", f"Traffic must sum to 0 or 100, and is {sum(traffic.values())}.")
        if mirror and endpoint.kubernetes:
            raise Refused(400, "UserError", "Mirrored traffic is not supported for Kubernetes endpoints.")
        if len(mirror) > 1 or sum(mirror.values()) > 50:
            raise Refused(400, "UserError", "Mirror traffic goes to one deployment, and is at most 50.")
        if set(mirror) & set(traffic):
            raise Refused(
                400, "UserError", f"{next(iter(mirror))} has live traffic: a deployment receives live or mirrored traffic, not both."
            )

    def delete(self, name: str) -> tuple[int, dict[str, Any] | None]:
        if name not in self.found:
            return 204, None
        endpoint = self.found[name]
        self._free(endpoint)

        def end() -> None:
            for one in endpoint.deployments.values():
                self._kill(one)
            del self.found[name]

        return 202, {"_headers": self._operate(endpoint, end, lambda _: None)}

    def put_deployment(self, name: str, deployment: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Create a deployment: the model is fetched, and a process loads it.

        Raises:
            Refused: Its name, its size, or the endpoint's state does not allow it.
        """
        with self._lock:
            endpoint = self.get(name)
            self._free(endpoint)
            if not NAME.fullmatch(deployment):
                raise Refused(400, "UserError", f"The deployment name {deployment} is invalid.")
            if deployment not in endpoint.deployments and len(endpoint.deployments) >= MOST:
                raise Refused(400, "UserError", f"An endpoint has at most {MOST} deployments.")
            if body["properties"].get("endpointComputeType") == "Managed" and body["properties"].get("instanceType") not in SIZES:
                raise Refused(
                    400, "BadRequest", f"The VM size {body['properties'].get('instanceType')} is not supported in {self.workspace.region}."
                )
            self._check_machines(endpoint, body["properties"])
            self.workspace.refer(body["properties"])
            made = endpoint.deployments[deployment] = Deployment(deployment, body)

        def end(error: str | None) -> None:
            made.state = "Succeeded" if error is None else "Failed"

        headers = self._operate(endpoint, lambda: self._begin(endpoint, made), end)
        return 201, {**self.told_deployment(endpoint, made), "_headers": {**headers, **SOON}}

    @staticmethod
    def _check_machines(endpoint: OnlineEndpoint, properties: dict[str, Any]) -> None:
        """Refuse a deployment that is not of the endpoint's kind of machines."""
        kind = "Kubernetes" if endpoint.kubernetes else "Managed"
        if properties.get("endpointComputeType") != kind:
            raise Refused(
                400, "UserError", f"Deployments of {endpoint.name} are {kind}, and this is {properties.get('endpointComputeType')}."
            )
        if kind == "Managed":
            if (properties.get("scaleSettings") or {}).get("scaleType", "Default") != "Default":
                raise Refused(400, "UserError", "Managed deployments are scaled by Azure Monitor.")
            return
        if (properties.get("instanceType") or "defaultinstancetype") not in INSTANCE_TYPES:
            raise Refused(400, "UserError", f"The instance type {properties['instanceType']} is not found in the Kubernetes cluster.")
        if properties.get("egressPublicNetworkAccess"):
            raise Refused(400, "UserError", "egressPublicNetworkAccess is of managed deployments.")

    def delete_deployment(self, name: str, deployment: str) -> tuple[int, dict[str, Any] | None]:
        with self._lock:
            endpoint = self.get(name)
            if deployment not in endpoint.deployments:
                return 204, None
            if endpoint.share("traffic").get(deployment) or endpoint.share("mirrorTraffic").get(deployment):
                raise Refused(400, "BadRequest", f"Deployment {deployment} cannot be deleted while it has traffic.")
            one = endpoint.deployments[deployment]
            if one.state == "Creating":
                raise Refused(409, "Conflict", f"Deployment {deployment} is being created.")
            one.state = "Deleting"

        def end() -> None:
            self._kill(one)
            endpoint.deployments.pop(deployment, None)

        return 202, {"_headers": self._operate(endpoint, end, lambda _: None)}

    def deployment(self, name: str, deployment: str) -> Deployment:
        found = self.get(name).deployments.get(deployment)
        if found is None:
            raise Refused(404, "ResourceNotFound", f"The deployment {deployment} of {name} was not found.")
        return found

    def logs(self, name: str, deployment: str, lines: int) -> dict[str, Any]:
        one = self.deployment(name, deployment)
        text = one.log.read_text(encoding="utf-8") if one.log and one.log.exists() else ""
        return {"content": "\n".join(text.splitlines()[-lines:])}

    def regenerate(self, name: str, which: str) -> tuple[int, dict[str, Any]]:
        endpoint = self.get(name)

        def end() -> None:
            endpoint.keys[f"{which.lower()}Key"] = secrets.token_urlsafe(24)

        return 202, {"_headers": self._operate(endpoint, end, lambda _: None)}

    def token(self, name: str) -> dict[str, Any]:
        """Return a token of Azure ML that opens one endpoint for a while."""
        endpoint = self.get(name)
        if endpoint.body["properties"]["authMode"].lower() != "amltoken":
            raise Refused(400, "UserError", f"The endpoint {name} has no tokens of Azure ML.")
        until = int(time.time()) + 3600
        return {
            "accessToken": endpoint.keys["primaryKey"],
            "expiryTimeUtc": until,
            "refreshAfterTimeUtc": until - 600,
            "tokenType": "Bearer",
        }

    # Long-running operations.

    def _free(self, endpoint: OnlineEndpoint) -> None:
        if endpoint.state in {"Creating", "Updating"}:
            raise Refused(409, "Conflict", f"The endpoint {endpoint.name} is {endpoint.state}: another operation is in progress.")

    def _operate(self, endpoint: OnlineEndpoint, carry_out: Callable[[], None], end: Callable[[str | None], None]) -> dict[str, str]:
        name = str(uuid.uuid4())
        self._operations[name] = {"status": "InProgress"}

        def work() -> None:
            time.sleep(self.takes)
            error = None
            try:
                carry_out()
            except Refused as refused:
                error = {"code": refused.code, "message": refused.message}
            with self._lock:
                end(error["message"] if error else None)
                self._operations[name] = {"status": "Failed", "error": error} if error else {"status": "Succeeded"}

        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()
        subscription = f"/subscriptions/{self.workspace.subscription}/providers/Microsoft.MachineLearningServices"
        address = f"https://management.azure.com{subscription}/locations/{self.workspace.region}/mfeOperationsStatus/{name}?api-version=2022-02-01-preview"
        return {"Azure-AsyncOperation": address, "Location": address, "Retry-After": "1"}

    def operation(self, name: str) -> dict[str, Any]:
        if name not in self._operations:
            raise Refused(404, "ResourceNotFound", f"No operation {name}.")
        return {**self._operations[name], "_headers": dict(SOON)}

    def _late(self, name: str) -> None:
        if name in self.late:
            raise Refused(400, "InternalServerError", self.late.pop(name))

    # Machines and containers.

    def usages(self) -> list[dict[str, Any]]:
        told = []
        for family in sorted({family for family, _ in SIZES.values()}):
            place = f"{self.workspace.id.partition('/resourceGroups')[0]}/providers/Microsoft.MachineLearningServices/locations/{self.workspace.region}/usages/{family}"
            told.append(
                {
                    "id": place,
                    "type": "Microsoft.MachineLearningServices/vmFamily/usages",
                    "unit": "Count",
                    "currentValue": self.used(family),
                }
            )
            told[-1] |= {"limit": self.limits.get(family, 1000), "name": {"value": family, "localizedValue": family}}
        return told

    def used(self, family: str) -> int:
        """Return the cores that deployments reserve: a fifth more machines than they run."""
        total = 0
        for endpoint in self.found.values():
            for one in endpoint.deployments.values():
                own, cores = SIZES.get(one.body["properties"].get("instanceType", ""), ("", 0))
                count = int(one.body.get("sku", {}).get("capacity", 1))
                total += -(-6 * count // 5) * cores if own == family and one.state != "Failed" else 0
        return total

    @staticmethod
    def sizes() -> list[dict[str, Any]]:
        common = {
            "gpus": 0,
            "osVhdSizeMB": 1_000_000,
            "maxResourceVolumeMB": 1,
            "memoryGB": 14,
            "lowPriorityCapable": True,
            "premiumIO": True,
        }
        return [
            {**common, "name": name, "family": family, "vCPUs": cores, "supportedComputeTypes": ["AmlCompute", "ComputeInstance"]}
            for name, (family, cores) in SIZES.items()
        ]

    def _begin(self, endpoint: OnlineEndpoint, one: Deployment) -> None:
        family, _ = SIZES.get(one.body["properties"].get("instanceType", ""), ("", 0))
        if family in self.limits and self.used(family) > self.limits[family]:
            raise Refused(400, "OutOfQuota", f"Not enough quota for {family}: the core limit of {self.limits[family]} is exceeded.")
        self._late(one.name)
        place = self.folder / endpoint.name / f"{one.name}-{uuid.uuid4().hex[:8]}"
        place.mkdir(parents=True)
        model = self._fetched(one.body["properties"]["model"], place / "model")
        script = self._script(one.body["properties"].get("codeConfiguration"), place / "code")
        one.log = place / "log.txt"
        ready = place / "ready"
        asked = {"model": str(model), "script": str(script) if script else None, "log": str(one.log), "ready": str(ready)}
        one.pid = self._fork(asked)
        until = time.monotonic() + LOADING
        while not ready.exists():
            if time.monotonic() > until or not _alive(one.pid):
                told = f"User container has crashed or terminated. Please see the logs of the deployment {one.name}."
                raise Refused(400, "ResourceNotReady", told)
            time.sleep(0.01)
        one.port = int(ready.read_text())
        for collection in ((one.body["properties"].get("dataCollector") or {}).get("collections") or {}).values():
            collection["dataCollectionMode"] = collection["dataCollectionMode"].capitalize()  # as the description writes it

    def _fork(self, asked: dict[str, Any]) -> int:
        with self._lock:
            if self._host is None:
                root = Path(__file__).parents[3]
                clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
                self._host = subprocess.Popen(
                    [sys.executable, "-m", "tests.azure.loopback.container"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=root,
                    env={**clean, "OMP_NUM_THREADS": "1"},
                )
            assert self._host.stdin
            assert self._host.stdout
            self._host.stdin.write(json.dumps(asked) + "\n")
            self._host.stdin.flush()
            return int(self._host.stdout.readline())

    def _fetched(self, identity: str, place: Path) -> Path:
        """Bring the files of a model, and return the folder with MLmodel."""
        above, _, below = identity.partition("/models/")
        name, _, version = below.partition("/versions/")
        holder = self.workspace.registries.get(above.removeprefix("azureml://registries/"), self.workspace)
        container, path = holder.held_at(holder.held("models", name, version)["properties"]["modelUri"])
        _bring(self.workspace.blobs.get_container_client(container), path.rstrip("/"), place)
        return next((one.parent for one in sorted(place.rglob("MLmodel"))), place)

    def _script(self, code: dict[str, Any] | None, place: Path) -> Path | None:
        if not code:
            return None
        name, _, version = code["codeId"].partition("/codes/")[2].partition("/versions/")
        uri = self.workspace.held("codes", name, version)["properties"]["codeUri"].removeprefix(f"{self.workspace.account_url}/")
        container, _, prefix = uri.partition("/")
        _bring(self.workspace.blobs.get_container_client(container), prefix, place)
        return next(place.rglob(code["scoringScript"]))

    @staticmethod
    def _kill(one: Deployment) -> None:
        if one.pid and _alive(one.pid):
            os.kill(one.pid, signal.SIGKILL)

    # What callers ask.

    def score(self, name: str, named: str, raw: bytes) -> tuple[int, bytes]:
        """Answer a caller: by the deployment that is named, else by the traffic; some of them are asked of the mirror as well."""
        endpoint = self.get(name)
        if named:
            return self._ask(name, self.deployment(name, named), raw, direct=True)
        with self._lock:
            endpoint.asked += 1
            turn = endpoint.asked * 37 % 100
            chosen, mirrors = _chosen(endpoint.share("traffic"), turn), endpoint.share("mirrorTraffic")
        if chosen is None or chosen not in endpoint.deployments:
            raise Refused(404, "NoTraffic", f"The endpoint {name} sends no traffic to any deployment.")
        for mirror, percent in mirrors.items():
            if endpoint.asked * 61 % 100 < percent:
                self._ask(name, endpoint.deployments[mirror], raw, mirrored=True)
        return self._ask(name, endpoint.deployments[chosen], raw)

    def _ask(self, name: str, one: Deployment, raw: bytes, *, mirrored: bool = False, direct: bool = False) -> tuple[int, bytes]:
        began = time.time()
        connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=30)
        try:
            connection.request("POST", "/score", raw, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
        except OSError:
            status, body = 502, b'{"error": "no healthy upstream"}'
        finally:
            connection.close()
        time.sleep(self.slow.get(one.name, 0.0))
        status = status if direct else self.broken.get(one.name, status)
        one.answered.append(Answered(began, status, time.time() - began, mirrored, direct))
        if status == 200:
            collector.keep(self.workspace, name, one, raw, body)
        return status, body

    # What Azure Monitor tells.

    def metrics(self, name: str, query: dict[str, str]) -> dict[str, Any]:
        """Return requests or the 95th percentile of one deployment by the minute, as Azure Monitor does for an endpoint.

        Raises:
            Refused: A metric, a grain or a filter that there is not.
        """
        metric, chosen = query.get("metricnames", ""), re.search(r"deployment eq '([^']+)'", query.get("$filter", ""))
        if metric not in {"RequestsPerMinute", "RequestLatency_P95"} or query.get("interval") != "PT1M" or chosen is None:
            raise Refused(
                400,
                "BadRequest",
                f"Failed to find metric configuration for {metric} at {query.get('interval')} with {query.get('$filter')}.",
            )
        one, (since, until) = self.get(name).deployments.get(chosen[1]), map(_seconds, query["timespan"].split("/"))
        answered = [a for a in (one.answered if one and not self.deaf else []) if since <= a.at < until + 1]
        if metric == "RequestLatency_P95":
            series = [{"metadatavalues": [_value("deployment", chosen[1])], "data": _minutes(answered, _p95)}] if answered else []
        else:
            classes = sorted({f"{a.status // 100}xx" for a in answered})
            series = [
                {
                    "metadatavalues": [_value("deployment", chosen[1]), _value("statuscodeclass", one_class)],
                    "data": _minutes([a for a in answered if f"{a.status // 100}xx" == one_class], len),
                }
                for one_class in classes
            ]
        return {
            "timespan": query["timespan"],
            "interval": "PT1M",
            "value": [{"name": {"value": metric}, "unit": "Count", "timeseries": series}],
        }


def _bring(container: ContainerClient, prefix: str, place: Path) -> None:
    for name in container.list_blob_names(name_starts_with=prefix):
        file = place / name.removeprefix(prefix).lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(container.download_blob(name).readall())


def _value(name: str, value: str) -> dict[str, Any]:
    return {"name": {"value": name, "localizedValue": name}, "value": value}


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def _minutes(answered: list[Answered], of: Callable[[list[Answered]], float]) -> list[dict[str, Any]]:
    minutes: dict[int, list[Answered]] = {}
    for one in answered:
        minutes.setdefault(int(one.at // 60), []).append(one)
    return [
        {"timeStamp": time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(60 * minute)), "average": float(of(found))}
        for minute, found in minutes.items()
    ]


def _p95(answered: list[Answered]) -> float:
    times = sorted(1000 * one.seconds for one in answered)
    return times[int(0.95 * (len(times) - 1))]


def _chosen(traffic: dict[str, int], turn: int) -> str | None:
    for name, percent in sorted(traffic.items()):
        if turn < percent:
            return name
        turn -= percent
    return None


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

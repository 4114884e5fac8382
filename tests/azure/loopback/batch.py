"""Batch endpoints: deployments of pipeline components, the one that is the default, and jobs that are asked for and really run.

Changes are long-running operations of `endpoints.py`, and may fail late (its `late`). A job that is asked for is a pipeline job of the component, under a name
that the service gives it.
"""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .endpoints import NAME
from .entra import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from .endpoints import Endpoints
    from .jobs import Jobs

Row = tuple[str, str, str, "Callable[..., tuple[int, Any]]"]
KINDS = {
    "uri_file": "UriFile",
    "uri_folder": "UriFolder",
    "mltable": "MLTable",
    "mlflow_model": "MLFlowModel",
    "custom_model": "CustomModel",
}
_ASKED = {"inputData", "outputData", "properties", "name"}
_STORED = re.compile(r"azureml://datastores/[^/]+/paths/.+")
_DATA = re.compile(r"(azureml:)?/subscriptions/.+/data/[^/]+/versions/[^/]+")
_COMPONENT = re.compile(r"(?:azureml:)?/subscriptions/.+/components/([^/]+)/versions/(.+)")


@dataclass
class Deployment:
    """One deployment, as it was sent."""

    name: str
    body: dict[str, Any]
    state: str = "Creating"


@dataclass
class Endpoint:
    """One endpoint."""

    name: str
    body: dict[str, Any]
    state: str = "Creating"
    deployments: dict[str, Deployment] = field(default_factory=dict)

    @property
    def default(self) -> str | None:
        return (self.body["properties"].get("defaults") or {}).get("deploymentName")


@dataclass
class BatchEndpoints:
    """All of a workspace."""

    online: Endpoints
    jobs: Jobs
    found: dict[str, Endpoint] = field(default_factory=dict)
    history: list[str | None] = field(default_factory=list)
    """Every default that there was, in order."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Of each job that was asked for, the deployment and the job's name."""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def clear(self) -> None:
        for one in (self.found, self.history, self.asked):
            one.clear()

    def get(self, name: str) -> Endpoint:
        if name not in self.found:
            raise Refused(404, "ResourceNotFound", f"The batch endpoint {name} was not found in workspace {self.online.workspace.name}.")
        return self.found[name]

    def deployment(self, endpoint: str, name: str) -> Deployment:
        found = self.get(endpoint).deployments.get(name)
        if found is None:
            raise Refused(404, "ResourceNotFound", f"The batch deployment {name} of {endpoint} was not found.")
        return found

    def told(self, one: Endpoint) -> dict[str, Any]:
        address = f"https://{one.name}.{self.online.workspace.region}.inference.ml.azure.com"
        own = {"provisioningState": one.state, "scoringUri": f"{address}/jobs", "swaggerUri": f"{address}/swagger.json"}
        made = self.online._resource(f"batchEndpoints/{one.name}", one.name, one.body)
        return {**made, "properties": {"properties": {}, **one.body["properties"], **own}}

    def told_deployment(self, endpoint: Endpoint, one: Deployment) -> dict[str, Any]:
        made = self.online._resource(f"batchEndpoints/{endpoint.name}/deployments/{one.name}", one.name, one.body)
        return {**made, "properties": {"properties": {}, **one.body["properties"], "provisioningState": one.state}}

    def put(self, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Create an endpoint, or change its default and tags.

        Raises:
            Refused: A name that is taken or not allowed, a default that is not there, or a change that still goes on.
        """
        default = (body["properties"].get("defaults") or {}).get("deploymentName")
        with self._lock:
            there = self.found.get(name)
            if there is None and (name in self.online.taken or not NAME.fullmatch(name)):
                raise Refused(400, "BadRequest", f"The endpoint name {name} is invalid, or already exists in the region.")
            if there is not None:
                self._free(there)
            if default and (there is None or default not in there.deployments or there.deployments[default].state != "Succeeded"):
                raise Refused(400, "UserError", f"The default deployment {default} is not a deployment in state Succeeded.")
            if str(body["properties"].get("authMode")).lower() != "aadtoken":
                raise Refused(400, "UserError", "Batch endpoints take Entra tokens alone.")
            made = there or self.found.setdefault(name, Endpoint(name, body))
            made.state = "Creating" if there is None else "Updating"

        def change() -> None:
            if there is None:
                self.online._late("batch")
            made.body = body
            self.history.append(made.default)

        def end(error: str | None) -> None:
            made.state = "Failed" if error else "Succeeded"

        return (201 if there is None else 200), {**self.told(made), "_headers": self.online._operate(made, change, end)}

    def delete(self, name: str) -> tuple[int, dict[str, Any] | None]:
        if name not in self.found:
            return 204, None
        self._free(self.found[name])
        headers = self.online._operate(self.found[name], lambda: self.found.pop(name, None) and None, lambda _: None)
        return 202, {"_headers": headers}

    def put_deployment(self, endpoint: str, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Create a deployment or put another component into it.

        Raises:
            Refused: Its name, what it names, or the endpoint's state does not allow it.
        """
        with self._lock:
            there = self.get(endpoint)
            self._free(there)
            if not NAME.fullmatch(name):
                raise Refused(400, "UserError", f"The deployment name {name} is invalid.")
            self._check(body["properties"])
            one = there.deployments.setdefault(name, Deployment(name, body))
            one.state = "Creating"

        def carry_out() -> None:
            self.online._late(name)
            one.body = body

        def end(error: str | None) -> None:
            one.state = "Failed" if error else "Succeeded"

        return 201, {**self.told_deployment(there, one), "_headers": self.online._operate(there, carry_out, end)}

    def _check(self, properties: dict[str, Any]) -> None:
        configuration = properties.get("deploymentConfiguration") or {}
        if configuration.get("deploymentConfigurationType") != "PipelineComponent":
            raise Refused(400, "UserError", "The loopback deploys pipeline components alone.")
        self.online.workspace.refer(properties)
        if self._spec(configuration["componentId"]["assetId"]).get("type") != "pipeline":
            raise Refused(400, "UserError", "Only a pipeline component can be deployed.")
        compute = (configuration.get("settings") or {}).get("default_compute")
        if compute not in self.online.workspace.computes:
            raise Refused(400, "UserError", f"Compute target {compute} was not found in workspace {self.online.workspace.name}.")

    def _spec(self, component: str) -> dict[str, Any]:
        found = _COMPONENT.fullmatch(component)
        if found is None:
            raise Refused(400, "UserError", f"{component} is no component of a workspace.")
        return self.online.workspace.held("components", found[1], found[2])["properties"]["componentSpec"]

    def delete_deployment(self, endpoint: str, name: str) -> tuple[int, dict[str, Any] | None]:
        with self._lock:
            there = self.get(endpoint)
            if name not in there.deployments:
                return 204, None
            if there.default == name:
                raise Refused(400, "BadRequest", f"Deployment {name} is the default of {endpoint} and cannot be deleted.")
            there.deployments[name].state = "Deleting"
        headers = self.online._operate(there, lambda: there.deployments.pop(name, None) and None, lambda _: None)
        return 202, {"_headers": headers}

    @staticmethod
    def _free(there: Endpoint) -> None:
        if there.state in {"Creating", "Updating"}:
            raise Refused(409, "Conflict", f"The endpoint {there.name} is {there.state}: another operation is in progress.")

    def invoke(self, endpoint: str, named: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Begin a job of a deployment: the one that is named, else the default.

        Raises:
            Refused: There is none, or it is asked for with what its component does not take.
        """
        there = self.get(endpoint)
        one = self.deployment(endpoint, named or there.default or "")
        configuration = one.body["properties"]["deploymentConfiguration"]
        component = configuration["componentId"]["assetId"]
        spec, asked = self._spec(component), (body or {}).get("properties")
        if not isinstance(asked, dict) or set(body) != {"properties"} or set(asked) - _ASKED:
            raise Refused(400, "UserError", f"The request is invalid: {sorted(set(body or {}) | set(asked or {}))}")
        inputs = _checked(spec.get("inputs") or {}, asked.get("inputData") or {})
        outputs = _written(spec.get("outputs") or {}, asked.get("outputData") or {})
        name = f"pipelinejob-{uuid.uuid4()}"  # whatever `name` was asked for
        settings = {**configuration["settings"], "_source": "REMOTE.WORKSPACE.COMPONENT"}
        properties = {
            "jobType": "Pipeline",
            "componentId": component,
            "inputs": inputs,
            "outputs": outputs,
            "settings": settings,
            "experimentName": (asked.get("properties") or {}).get("experimentName", endpoint),
            "displayName": name,
            "properties": {"azureml.deploymentname": one.name, "azureml.endpointname": endpoint},
        }
        self.asked.append((one.name, name))
        status, job = self.jobs.submit(name, {"properties": properties})
        told = f"{self.online.workspace.id}/batchEndpoints/{endpoint}/deployments/{one.name}/jobs/{name}"
        return status, {"id": told, "name": name, "type": "jobs", "properties": {"status": job.status}}

    def rows(self, scope: str) -> list[Row]:
        """Return method, path, action and handler of each operation."""
        one, own = f"{scope}/batchEndpoints/{{endpoint}}", "batchEndpoints"
        deployment = f"{one}/deployments/{{deployment}}"

        def deployments(at: dict[str, str], **_: Any) -> tuple[int, Any]:
            there = self.get(at["endpoint"])
            return 200, {"value": [self.told_deployment(there, each) for each in list(there.deployments.values())]}

        def deployed(at: dict[str, str], **_: Any) -> tuple[int, Any]:
            return 200, self.told_deployment(self.get(at["endpoint"]), self.deployment(at["endpoint"], at["deployment"]))

        return [
            (
                "GET",
                f"{scope}/batchEndpoints",
                f"{own}/read",
                lambda **_: (200, {"value": [self.told(each) for each in self.found.values()]}),
            ),
            ("GET", one, f"{own}/read", lambda at, **_: (200, self.told(self.get(at["endpoint"])))),
            ("PUT", one, f"{own}/write", lambda at, body, **_: self.put(at["endpoint"], body)),
            ("DELETE", one, f"{own}/delete", lambda at, **_: self.delete(at["endpoint"])),
            ("GET", f"{one}/deployments", f"{own}/deployments/read", deployments),
            ("GET", deployment, f"{own}/deployments/read", deployed),
            (
                "PUT",
                deployment,
                f"{own}/deployments/write",
                lambda at, body, **_: self.put_deployment(at["endpoint"], at["deployment"], body),
            ),
            (
                "DELETE",
                deployment,
                f"{own}/deployments/delete",
                lambda at, **_: self.delete_deployment(at["endpoint"], at["deployment"]),
            ),
        ]


def _checked(declared: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs of a job, as a submitted one has them.

    Raises:
        Refused: One is unknown, missing, of another kind, or where nobody can read it.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise Refused(400, "UserError", f"The deployment takes no input {unknown[0]}. It takes: {', '.join(sorted(declared))}.")
    made: dict[str, Any] = {}
    for name, port in declared.items():
        if name not in given:
            if port.get("default") is None and not port.get("optional"):
                raise Refused(400, "UserError", f"The required input {name} is missing.")
            continue
        wire, kind = given[name], KINDS.get(port["type"], "Literal")
        if wire.get("jobInputType") != kind:
            raise Refused(400, "UserError", f"The input {name} is a {kind}, and was given as {wire.get('jobInputType')}.")
        if kind == "Literal":
            made[name] = {"jobInputType": "literal", "value": str(wire["value"])}
            continue
        uri = str(wire.get("uri"))
        if not (_STORED.fullmatch(uri) or _DATA.fullmatch(uri)):
            raise Refused(400, "UserError", f"The input {name} is at {uri}: a path of a datastore or a data asset is taken.")
        made[name] = {"jobInputType": port["type"], "uri": uri}
    return made


def _written(declared: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise Refused(400, "UserError", f"The deployment has no output {unknown[0]}.")
    for name, wire in given.items():
        kind = KINDS[declared[name]["type"]]
        if wire.get("jobOutputType") != kind or not _STORED.fullmatch(str(wire.get("uri"))):
            raise Refused(400, "UserError", f"The output {name} is a {kind} at a path of a datastore, and was asked for as {wire}.")
    where = {name: {"uri": wire["uri"]} for name, wire in given.items()}
    return {name: {"jobOutputType": port["type"], **where.get(name, {})} for name, port in declared.items()}

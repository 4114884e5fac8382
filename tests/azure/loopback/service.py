"""The HTTP side: which request is which operation, what it needs, and what is refused before it is carried out."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import description
from .administration import Administration
from .batch import BatchEndpoints
from .entra import LOGIN, Entra, Identity, Refused
from .ingestion import PATHS
from .roles import Judge, chain
from .routes import rows
from .workspace import ASSETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .endpoints import Endpoints
    from .faults import Fault, Faults
    from .ingestion import Ingestion
    from .jobs import Job, Jobs, Step
    from .registry import Registries
    from .schedules import Schedules
    from .workspace import Workspace

ARM = "management.azure.com"
AUDIENCES = {
    ARM: {"https://management.azure.com", "https://management.core.windows.net"},
    "api.azureml.ms": {"https://ml.azure.com", "https://management.azure.com"},
}
_SCOPE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
_OF = "Microsoft.MachineLearningServices/workspaces"
_INVOKE = "batchEndpoints/deployments/jobs/write"
_HISTORY = {"v1.0", "2023-06-01-preview"}
VERSIONS = {
    "2022-02-01-preview",
    "2022-05-01",
    "2022-10-01",
    "2022-10-01-preview",
    "2023-02-01-preview",
    "2023-04-01",
    "2023-04-01-preview",
}
VERSIONS |= {"2023-06-01-preview", "2023-08-01-preview", "2023-10-01", "2024-01-01-preview", "2024-04-01", "2024-04-01-preview"}
VERSIONS |= {"2024-10-01", "2024-10-01-preview", "2025-01-01-preview", "2025-06-01", "2025-09-01", "2025-12-01"}
IMAGES = {"2024-10-01-preview", "2025-01-01-preview", "2026-05-15-preview"}
"""In which an environment's version tells of its image."""
VERSIONS |= IMAGES
_UPLOAD = "/versions/startPendingUpload/action"
USUAL, PAGE = 50, 100  # children in an answer: without asking, and at most


@dataclass(frozen=True)
class Call:
    """One request, when it came (monotonic seconds), and how it was answered; `body` is what it sent."""

    at: float
    host: str
    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int
    action: str


@dataclass
class Service:
    """Speaks for Azure's hosts. `calls` has every request in the order of the answers."""

    entra: Entra
    workspace: Workspace
    jobs: Jobs
    faults: Faults
    drop: Callable[[], None]
    endpoints: Endpoints
    registries: Registries
    schedules: Schedules
    ingestion: Ingestion
    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """What the description does not allow in the requests that came."""
    gone: bool = False
    """The workspace was deleted."""
    after: Callable[[Call], None] | None = None
    """Is told of each request that was carried out, before whoever asked has the answer."""
    judge: Judge = field(default_factory=Judge)
    administration: Administration = field(init=False)
    operations: list[tuple[str, str, str]] = field(default_factory=list)
    """What can be asked for: method, path and action of each; an action without a provider is one below a workspace."""
    batch: BatchEndpoints = field(init=False)
    _polls: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.administration = Administration(self.entra)
        self.registries.told = self.violations.extend
        self.batch = BatchEndpoints(self.endpoints, self.jobs)

    def application(self) -> Starlette:
        ws = f"{_SCOPE}"
        history = f"/history/v1.0{_SCOPE}"
        versions = "/{kind:str}/{name:str}/versions/{version:str}"
        table: list[tuple[str, str, str, Callable[..., tuple[int, Any]]]] = [
            ("GET", ws, "read", self._workspace),
            ("GET", f"{ws}/datastores", "datastores/read", self._datastores),
            ("GET", f"{ws}/datastores/{{name}}", "datastores/read", lambda at, **_: (200, self.workspace.datastore(at["name"]))),
            ("POST", f"{ws}/datastores/{{name}}/listSecrets", "datastores/listSecrets/action", self._secrets),
            ("GET", f"{ws}/computes/{{name}}", "computes/read", lambda at, **_: (200, self.workspace.compute(at["name"]))),
            ("GET", f"{ws}/jobs", "jobs/read", self._list),
            ("PUT", f"{ws}/jobs/{{name}}", "jobs/write", self._submit),
            ("GET", f"{ws}/jobs/{{name}}", "jobs/read", self._get),
            ("POST", f"{ws}/jobs/{{name}}/cancel", "jobs/cancel/action", self._cancel),
            ("GET", f"{ws}/operations/{{name}}", "jobs/read", self._operation),
            ("POST", f"{ws}{versions}/startPendingUpload", f"{{kind}}{_UPLOAD}", lambda **_: (200, self.workspace.open_upload())),
            ("GET", f"{ws}/{{kind}}/{{name}}/versions", "{kind}/versions/read", self._versions),
            ("PUT", f"{ws}{versions}", "{kind}/versions/write", self._create),
            ("GET", f"{ws}{versions}", "{kind}/versions/read", self._find),
            ("GET", f"{ws}/{{kind}}/{{name}}", "{kind}/read", lambda at, **_: (200, self.workspace.container(at["kind"], at["name"]))),
            ("PUT", f"{ws}/{{kind}}/{{name}}", "{kind}/write", self._put_away),
            ("GET", f"{ws}/{{kind}}", "{kind}/read", lambda at, query, **_: (200, {"value": self.workspace.containers(at["kind"], query)})),
            ("GET", f"{history}/runs/{{name}}", "experiments/runs/read", self._run),
            ("GET", f"{history}/runs/{{name}}/details", "experiments/runs/read", self._run),
            ("GET", f"{history}/runs/{{name}}/children", "experiments/runs/read", self._children),
            ("POST", f"{history}/rundata", "experiments/runs/read", self._rundata),
            *((method, f"/mlflow/v1.0{_SCOPE}/{{path:path}}", "experiments/runs/read", self._mlflow) for method in ("GET", "POST")),
            ("POST", f"/data/v1.0{_SCOPE}/dataversion/batchGetResolvedUris", "data/versions/read", self._resolved),
            ("POST", f"/modelregistry/v1.0{_SCOPE}/models/batchGetResolvedUris", "models/versions/read", self._resolved),
        ]
        table += self.administration.rows(_SCOPE)
        table = rows(self.endpoints, self.administration, _SCOPE) + self.batch.rows(_SCOPE) + self.schedules.rows(_SCOPE) + table
        shared = self.registries
        table = [(method, path, action, shared.carried_out(handler)) for method, path, action, handler in shared.rows()] + table
        self.operations = [(method, path, action) for method, path, action, _ in table]
        routes = [Route("/score", self._scored, methods=["POST"])]
        routes += [Route("/jobs", self._endpoint(self._invoked, f"{_OF}/{_INVOKE}"), methods=["POST"])]
        routes += [Route(path, self.ingestion.track, methods=["POST"]) for path in PATHS]
        routes += [Route(path, self._guarded(action, handler), methods=[method]) for method, path, action, handler in table]
        routes += [
            Route("/discovery", self._open(self._discovery)),
            Route("/metadata/endpoints", self._open(self._metadata)),
            Route("/common/discovery/instance", self._open(lambda **_: (200, self.entra.discovery("common")))),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._open(lambda at, **_: (200, self.entra.discovery(at["tenant"])))),
            Route(
                "/{tenant}/oauth2/v2.0/token",
                self._open(lambda at, form, **_: (200, self.entra.token(at["tenant"], form))),
                methods=["POST"],
            ),
            Route("/{rest:path}", self._open(self._unknown), methods=["GET", "PUT", "POST", "PATCH", "DELETE"]),
        ]
        return Starlette(routes=routes)

    def _guarded(self, action: str, handler: Callable[..., tuple[int, Any]]) -> Callable[[Request], Any]:
        """Return the endpoint of an operation: who may, in which version, with which body; then it is carried out."""

        def carry_out(request: Request, query: dict[str, str], body: Any) -> tuple[int, Any]:
            at = request.path_params
            host = next((name for name in AUDIENCES if request.url.hostname.endswith(name)), "")
            who, claims = self.entra.who(request.headers.get("authorization", ""))
            if claims["aud"] not in AUDIENCES.get(host, set()):
                raise Refused(
                    401, "InvalidAuthenticationTokenAudience", f"The audience {claims['aud']} is not one of {request.url.hostname}."
                )
            self._in_place(at)
            needed = action if not action or action.startswith("Microsoft.") else f"{_OF}/{action.format(**at)}"
            if needed and not self.judge.allows(who.role, needed, chain(request.url.path)):
                told = f"The client '{who.client}' with object id '{who.object}' does not have authorization to perform action '{needed}' "
                raise Refused(403, "AuthorizationFailed", f"{told}over scope '{self.workspace.id}' or the scope is invalid.")
            self._linked(who, request.method, body)
            if host == ARM:
                self._judge(request, query, body)
            return handler(at=at, query=query, body=body, who=who)

        return self._endpoint(carry_out, action if action.startswith("Microsoft.") else f"{_OF}/{action}")

    def _linked(self, who: Identity, method: str, body: Any) -> None:
        """Refuse a resource that is to act as an identity, to whoever may not assign that one."""
        assigned = (body.get("identity") or {}).get("userAssignedIdentities") if method == "PUT" and isinstance(body, dict) else None
        action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
        for name in assigned or ():
            if not self.judge.allows(who.role, action, chain(name)):
                told = f"The client '{who.client}' has permission to perform the action, however, it does not have permission to perform action"
                raise Refused(403, "LinkedAuthorizationFailed", f"{told}(s) '{action}' on the linked scope(s) '{name}'.")

    def _invoked(self, request: Request, _query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Begin a job of a batch endpoint for somebody who signs in."""
        who, claims = self.entra.who(request.headers.get("authorization", ""))
        if claims["aud"] != "https://ml.azure.com":
            raise Refused(401, "Unauthorized", "invalid_audience")
        if not self.judge.allows(who.role, f"{_OF}/{_INVOKE}", ("workspace",)):
            raise Refused(403, "AuthorizationFailed", f"The client '{who.client}' is not granted {_INVOKE}.")
        name = (request.url.hostname or "").partition(".")[0]
        return self.batch.invoke(name, request.headers.get("azureml-model-deployment", ""), body)

    async def _scored(self, request: Request) -> Response:
        raw = await request.body()
        return await run_in_threadpool(self._score, request, raw)

    def _score(self, request: Request, raw: bytes) -> Response:
        """Answer a caller of an endpoint, who signs in or shows its key."""
        name, named = (request.url.hostname or "").partition(".")[0], request.headers.get("azureml-model-deployment", "")
        try:
            self._called(name, request.headers.get("authorization", ""))
            status, body = self.endpoints.score(name, named, raw)
        except Refused as error:
            return JSONResponse({"error": {"code": error.code, "message": error.message}}, error.status)
        return Response(body, status, media_type="application/json")

    def _called(self, name: str, header: str) -> None:
        endpoint = self.endpoints.get(name)
        if endpoint.body["properties"]["authMode"].lower() != "aadtoken":
            if header.removeprefix("Bearer ") not in endpoint.keys.values():
                raise Refused(401, "Unauthorized", "key_auth_access_denied")
            return
        who, claims = self.entra.who(header)
        if claims["aud"] != "https://ml.azure.com":
            raise Refused(401, "Unauthorized", "invalid_audience")
        if not self.judge.allows(who.role, f"{_OF}/onlineEndpoints/score/action", chain(f"{self.workspace.id}/onlineEndpoints/{name}")):
            raise Refused(403, "Forbidden", "action_not_granted")

    def _open(self, handler: Callable[..., tuple[int, Any]]) -> Callable[[Request], Any]:
        """Return an endpoint that asks for no token."""

        def carry_out(request: Request, query: dict[str, str], body: Any) -> tuple[int, Any]:
            return handler(at=request.path_params, query=query, form=body if isinstance(body, dict) else {})

        return self._endpoint(carry_out, "")

    def _endpoint(self, carry_out: Callable[..., tuple[int, Any]], action: str) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            raw = await request.body()
            return await run_in_threadpool(self._answered, request, raw, carry_out, action)

        return endpoint

    def _answered(self, request: Request, raw: bytes, carry_out: Callable[..., tuple[int, Any]], action: str) -> Response:
        query, fault = dict(request.query_params), self.faults.take(request.method, request.url.path)
        form = "urlencoded" in request.headers.get("content-type", "")
        body = dict(parse_qsl(raw.decode())) if form else json.loads(raw) if raw else None
        try:
            answer = self._faulty(fault) if fault and not fault.after else None
            if answer is None:
                status, told = carry_out(request, query, body)
                headers = told.pop("_headers", {}) if isinstance(told, dict) else {}
                answer = (
                    Response(status_code=status, headers=headers) if told is None or status == 202 else JSONResponse(told, status, headers)
                )
        except Refused as error:
            answer = _refusal(request, error)
        call = Call(
            time.monotonic(),
            request.url.hostname or "",
            request.method,
            request.url.path,
            query,
            None if form else body,
            answer.status_code,
            action,
        )
        with self._lock:
            self.calls.append(call)
        if self.after is not None:
            self.after(call)
        return self._faulty(fault) if fault and fault.after else answer

    def _faulty(self, fault: Fault) -> Response:
        if fault.drop:
            self.drop()
            return Response(status_code=502)
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        told = fault.body or {"error": {"code": fault.code, "message": fault.message}}
        return JSONResponse(told, fault.status, headers)

    def _in_place(self, at: dict[str, str]) -> None:
        """Refuse another place than the one there is, as ARM does: subscription, group, workspace, in this order; a registry is elsewhere."""
        if "registry" in at:
            return
        own = self.workspace
        if at["subscription"].lower() != own.subscription:
            raise Refused(404, "SubscriptionNotFound", f"The subscription '{at['subscription']}' could not be found.")
        if "group" not in at:
            return
        if at["group"].lower() != own.group.lower():
            raise Refused(404, "ResourceGroupNotFound", f"Resource group '{at['group']}' could not be found.")
        if "workspace" not in at:
            return
        if at["workspace"].lower() != own.name.lower() or self.gone:
            kind = f"Microsoft.MachineLearningServices/workspaces/{at['workspace']}"
            raise Refused(404, "ResourceNotFound", f"The Resource '{kind}' under resource group '{own.group}' was not found.")
        if at.get("kind", "codes") not in ASSETS:
            raise Refused(404, "InvalidResourceType", f"The resource type '{at['kind']}' could not be found.")

    def _judge(self, request: Request, query: dict[str, str], body: Any) -> None:
        elsewhere = ("/Microsoft.Insights/", "/providers/Microsoft.Authorization/")
        if "workspace" not in request.path_params or any(part in request.url.path for part in elsewhere):
            return  # another service, which has versions of its own
        version, below = query.get("api-version", ""), request.url.path.partition(f"/workspaces/{request.path_params['workspace']}")[2]
        if version not in VERSIONS:
            raise Refused(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid.")
        if request.method in {"PUT", "POST"} and body is not None:
            found = description.mistakes(version, request.method, below, body)
            self.violations += [f"{request.method} {below} ({version}): {one}" for one in found]
            if found:
                raise Refused(400, "UserError", f"The request is invalid: {'; '.join(found[:5])}")

    @staticmethod
    def _unknown(at: dict[str, str], **_: Any) -> tuple[int, Any]:
        raise Refused(404, "NotFound", f"The loopback does not speak /{at['rest']}")

    def _discovery(self, **_: Any) -> tuple[int, Any]:
        api = f"https://{self.workspace.region}.api.azureml.ms"
        return 200, dict.fromkeys(("api", "history", "experimentation", "catalog", "modelmanagement", "mlflow"), api) | {
            "studio": "https://ml.azure.com"
        }

    @staticmethod
    def _metadata(**_: Any) -> tuple[int, Any]:
        suffixes = {"storage": "core.windows.net", "keyVaultDns": "vault.azure.net"}
        login = {"loginEndpoint": f"https://{LOGIN}", "audiences": [f"https://{ARM}"]}
        return 200, [
            {
                "name": "AzureCloud",
                "portal": "https://portal.azure.com",
                "resourceManager": f"https://{ARM}",
                "authentication": login,
                "suffixes": suffixes,
            }
        ]

    def _workspace(self, **_: Any) -> tuple[int, Any]:
        return 200, self.workspace.told()

    def _datastores(self, query: dict[str, str], **_: Any) -> tuple[int, Any]:
        names = ["workspaceblobstore"] if query.get("isDefault", "").lower() == "true" else ["workspaceblobstore", "workspaceartifactstore"]
        return 200, {"value": [self.workspace.datastore(name) for name in names]}

    @staticmethod
    def _secrets(**_: Any) -> tuple[int, Any]:
        raise Refused(400, "UserError", "No secrets for credentials of type None.")

    def _submit(self, at: dict[str, str], body: Any, **_: Any) -> tuple[int, Any]:
        status, job = self.jobs.submit(at["name"], body)
        return status, _told(job)

    def _get(self, at: dict[str, str], **_: Any) -> tuple[int, Any]:
        job, step = self.jobs.run(at["name"])
        return 200, _told(job) if step is None else _told_step(job, step)

    def _list(self, **_: Any) -> tuple[int, Any]:
        return 200, {"value": [_told(job) for job in reversed(self.jobs.found.values())]}

    def _cancel(self, at: dict[str, str], **_: Any) -> tuple[int, Any]:
        self.jobs.cancel(at["name"])
        query = urlencode({"api-version": "2023-02-01-preview"})
        place = f"https://{ARM}{self.workspace.id}/operations/{at['name']}?{query}"
        return 202, {"_headers": {"Location": place, "Azure-AsyncOperation": place, "Retry-After": "1"}}

    def _operation(self, at: dict[str, str], **_: Any) -> tuple[int, Any]:
        job = self.jobs.get(at["name"])
        if self.faults.late:
            return 200, {"status": "Failed", "error": {"code": "UserError", "message": self.faults.late}}
        return 200, {"status": "InProgress" if job.status == "CancelRequested" else "Succeeded"}

    def _versions(self, at: dict[str, str], query: dict[str, str], **_: Any) -> tuple[int, Any]:
        return 200, {"value": self.workspace.versions(at["kind"], at["name"], query)}

    def _create(self, at: dict[str, str], body: Any, **_: Any) -> tuple[int, Any]:
        return self.workspace.create(at["kind"], at["name"], at["version"], body)

    def _find(self, at: dict[str, str], query: dict[str, str], **_: Any) -> tuple[int, Any]:
        found = self.workspace.find(at["kind"], at["name"], at["version"])
        digest = self.workspace.images.get((at["name"], at["version"]))
        if at["kind"] != "environments" or query["api-version"] not in IMAGES:
            return 200, found
        image = {"hostname": "crloopback.azurecr.io", "repository": f"azureml/azureml_{digest}", "tag": "1", "digest": f"sha256:{digest}"}
        details = {"exists": True, "image": image} if digest else {"exists": False}
        return 200, {**found, "properties": {**found["properties"], "imageDetails": details}}

    def _put_away(self, at: dict[str, str], body: Any, **_: Any) -> tuple[int, Any]:
        return 200, self.workspace.put_away(at["kind"], at["name"], body)

    def _run(self, at: dict[str, str], **_: Any) -> tuple[int, Any]:
        job, step = self.jobs.run(at["name"])
        return 200, self._history(job, step)

    def _children(self, at: dict[str, str], query: dict[str, str], **_: Any) -> tuple[int, Any]:
        job, _ = self.jobs.run(at["name"])
        told = [self._history(job, step) for step in self.jobs.children(at["name"])]
        start, most = int(query.get("$continuationtoken", "0")), min(int(query.get("$top", USUAL)), PAGE)
        page: dict[str, Any] = {"value": told[start : start + most]}
        if start + most < len(told):
            page["continuationToken"] = str(start + most)
        return 200, page

    def _mlflow(self, at: dict[str, str], query: dict[str, str], body: Any, **_: Any) -> tuple[int, Any]:
        method = "GET" if body is None else "POST"
        return 200, self.jobs.ask_mlflow(method, f"/{at['path']}{f'?{urlencode(query)}' if query else ''}", body)

    def _rundata(self, body: Any, **_: Any) -> tuple[int, Any]:
        job, step = self.jobs.run(body["runId"])
        return 200, {"runMetadata": self._history(job, step)}

    def _history(self, job: Job, step: Step | None) -> dict[str, Any]:
        made = step.outputs if step else job.outputs()
        kinds = {
            "mlflow_model": "MLFlowModel",
            "custom_model": "CustomModel",
            "uri_file": "uri_file",
            "uri_folder": "uri_folder",
            "mltable": "mltable",
        }
        outputs = {
            name: {"assetId": f"azureml://loopback/{below}", "type": kinds.get(kind, "uri_folder")} for name, (kind, below) in made.items()
        }
        told = {
            "runId": job.name,
            "displayName": job.properties["displayName"],
            "status": job.status,
            "startTimeUtc": job.began,
            "outputs": outputs,
        }
        told |= {"experimentId": "experiment", "rootRunId": job.name, "properties": {}, "tags": {}}
        message = job.error
        if step:
            properties = {"azureml.isreused": "true", "azureml.reusedrunid": step.reused} if step.reused else {}
            told |= {
                "runId": step.run,
                "parentRunId": job.steps[step.under].run if step.under in job.steps and not job.single else job.name,
                "displayName": _title(job, step),
                "status": step.status,
                "startTimeUtc": step.began,
            }
            told |= {"properties": properties, **({"endTimeUtc": step.ended} if step.ended else {})}
            message = step.error
        return told | ({"error": {"error": {"code": "UserError", "message": message}}} if message else {})

    def _resolved(self, body: Any, **_: Any) -> tuple[int, Any]:
        uris = {one: f"azureml:/{self.workspace.id.replace('/providers/Microsoft.MachineLearningServices', '')}" for one in body["values"]}
        told = {one: f"{uri}/datastores/workspaceblobstore/paths/{one.removeprefix('azureml://loopback/')}" for one, uri in uris.items()}
        return 200, {"values": {one: {"uri": uri, "path": uri, "type": "uri"} for one, uri in told.items()}}


def _told(job: Job) -> dict[str, Any]:
    return {**job.told, "properties": {**job.properties, "status": job.status}}


def _title(job: Job, step: Step) -> str:
    """Return what the studio calls a step: as its node says, or as the node is called."""
    return (job.properties.get("jobs") or {}).get(step.name, {}).get("display_name") or step.title


def _told_step(job: Job, step: Step) -> dict[str, Any]:
    """Return a step as ARM tells it: a job without a type that it could be read by, whose facts are in run history."""
    parent = job.told["id"].rpartition("/")[0]
    properties = {"jobType": "Pipeline", "status": step.status, "properties": {"azureml.pipelineid": job.name}, "services": {}}
    return {**job.told, "id": f"{parent}/{step.run}", "name": step.run, "properties": properties}


def _refusal(request: Request, error: Refused) -> Response:
    if request.url.hostname == LOGIN:
        return JSONResponse({"error": error.code, "error_description": error.message, "error_codes": []}, error.status)
    return JSONResponse({"error": {"code": error.code, "message": error.message}}, error.status, error.headers)

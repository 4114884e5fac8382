"""An Azure ML registry: found by its name, asked by azure-ai-ml over the data plane of its region. What workspaces share is copied into it, bytes too."""

from __future__ import annotations

import copy
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import description
from .entra import Refused
from .workspace import ASSETS, Asset, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = {"x-ms-retry-after-ms": "20"}
Row = tuple[str, str, str, "Callable[..., tuple[int, Any]]"]
API_VERSION = "2021-10-01-dataplanepreview"
"""Which azure-ai-ml speaks to registries; Microsoft has not published its description."""
JUDGES = {
    "codes": "2023-04-01",
    "components": "2024-01-01-preview",
    "data": "2023-04-01-preview",
    "environments": "2023-04-01-preview",
    "models": "2023-08-01-preview",
}
"""Kind -> the version of a workspace's description that a version of this kind is judged by: the definitions are the same."""
_OF = "Microsoft.MachineLearningServices/registries"
_BASE = "/mferp/managementfrontend/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/registries/{registry}"
_SOURCE = re.compile(r"azureml://locations/([^/]+)/workspaces/([^/]+)/(\w+)/([^/]+)/versions/(.+)")
_REFERENCE = re.compile(r"azureml://registries/([^/]+)/(\w+)/([^/]+)/versions/(.+)")


@dataclass
class Registry(Workspace):
    """One registry. Its bytes are in containers of their own, in the one storage account that there is here."""

    shares: list[str] = field(default_factory=list)
    """What was imported, in the order of the asking."""
    _running: dict[str, tuple[str, str, str, Asset]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return f"{group}/providers/Microsoft.MachineLearningServices/registries/{self.name}"

    def discovered(self) -> dict[str, Any]:
        """Return where the registry is, as its discovery says."""
        return {
            "registryName": self.name,
            "tenantId": self.tenant,
            "primaryRegion": self.region,
            "regions": [self.region],
            "subscriptionId": self.subscription,
            "resourceGroup": self.group,
            "primaryRegionResourceProviderUri": f"https://{self.region}.api.azureml.ms/",
        }

    def _resource(self, below: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        told = super()._resource(below, name, properties)
        kind, _, rest = below.partition("/")
        return told | {
            "id": f"azureml://registries/{self.name}/{kind}/{rest}",
            "type": told["type"].replace("/workspaces/", "/registries/"),
        }

    def take(self, workspace: Workspace, body: dict[str, Any]) -> str:
        """Begin to copy a version of a workspace, and return the name of the operation; it is there when that was asked about.

        Raises:
            Refused: The request has another form; the version is not in the workspace; it is here already.
        """
        said = body.get("properties", {})
        known = {"referenceType", "destinationName", "destinationVersion", "sourceAssetId"}
        found = _SOURCE.fullmatch(str(said.get("sourceAssetId")))
        if set(body) != {"properties"} or set(said) != known or said["referenceType"] != "Id" or not found:
            raise Refused(400, "UserError", f"The request is invalid: {body}")
        if (found[1], found[2]) != (workspace.region, workspace.guid):
            raise Refused(404, "ResourceNotFound", f"There is no workspace {found[2]} in {found[1]}.")
        kind, name, version = found[3], said["destinationName"], said["destinationVersion"]
        if kind not in {"data", "environments", "models"}:
            raise Refused(400, "UserError", f"{kind} cannot be shared from a workspace.")
        source = workspace.held(kind, found[4], found[5])
        if (kind, name, version) in self.assets:
            raise Refused(409, "UserError", f"{kind} {name}:{version} exists in registry {self.name}.")
        properties = self._with_bytes(workspace, copy.deepcopy(source["properties"]))
        operation = uuid.uuid4().hex
        self.shares.append(f"{kind}/{name}:{version}")
        self._running[operation] = (kind, name, version, Asset(self._resource(f"{kind}/{name}/versions/{version}", version, properties)))
        return operation

    def _with_bytes(self, workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
        """Copy what an asset's address holds into a container of the registry's, and let the address be there."""
        for key in {"dataUri", "modelUri"} & set(properties):
            place = workspace.held_at(properties[key])
            if place is None:
                continue
            source = workspace.blobs.get_container_client(place[0])
            target, folder = f"{self.guid[:8]}-{uuid.uuid4().hex}", place[1].rstrip("/")
            self.blobs.create_container(target)
            names = list(source.list_blob_names(name_starts_with=place[1]))
            for name in names:
                self.blobs.get_blob_client(target, name).upload_blob(source.download_blob(name).readall())
            properties[key] = f"{self.account_url}/{target}/{folder}"
        return properties

    def finish(self, operation: str) -> bool:
        """Let what an operation copies be there; return whether it was there before."""
        if operation not in self._running:
            return True
        kind, name, version, asset = self._running.pop(operation)
        self.assets[kind, name, version] = Asset(asset.body)
        return False


@dataclass
class Registries:
    """The registries of a tenant, by their names; `workspace` is where what is shared comes from."""

    workspace: Workspace
    named: dict[str, Registry]
    told: Callable[[list[str]], None] = lambda _found: None
    """Is told what the description does not allow in a request."""

    def rows(self) -> list[Row]:
        """Return method, path, action and handler of each operation."""
        read, write = f"{_OF}/assets/read", f"{_OF}/assets/write"
        one = f"{_BASE}/{{kind}}/{{name}}"
        return [
            ("GET", "/registrymanagement/v1.0/registries/{registry}/discovery", f"{_OF}/read", self._discovered),
            ("PUT", f"{_BASE}/tempdatarefs/{{name}}/versions/{{version}}", write, self._open),
            ("POST", f"{_BASE}/datarefs/{{name}}/versions/{{version}}", read, self._opened),
            ("POST", f"{_BASE}/import", write, self._import),
            ("GET", f"{_BASE}/operations/{{operation}}", read, self._operation),
            ("PUT", f"{one}/versions/{{version}}", write, self._create),
            ("GET", f"{one}/versions/{{version}}", read, lambda here, at, **_: (200, here.find(at["kind"], at["name"], at["version"]))),
            ("GET", f"{one}/versions", read, lambda here, at, query, **_: (200, {"value": here.versions(at["kind"], at["name"], query)})),
            ("GET", one, read, lambda here, at, **_: (200, here.container(at["kind"], at["name"]))),
            ("PUT", one, write, lambda here, at, body, **_: (200, here.put_away(at["kind"], at["name"], body))),
            ("GET", f"{_BASE}/{{kind}}", read, lambda here, at, query, **_: (200, {"value": here.containers(at["kind"], query)})),
        ]

    def carried_out(self, handler: Callable[..., tuple[int, Any]]) -> Callable[..., tuple[int, Any]]:
        """Return a handler that is given the registry which the path names, after place, kind and api-version were found right."""

        def carry_out(at: dict[str, str], query: dict[str, str], body: Any, **_: Any) -> tuple[int, Any]:
            return handler(here=self._in_place(at, query), at=at, query=query, body=body)

        return carry_out

    def _in_place(self, at: dict[str, str], query: dict[str, str]) -> Registry:
        here = self.named.get(at["registry"])
        if here is None:
            raise Refused(404, "UserError", f"Registry {at['registry']} was not found.")
        if "subscription" in at:
            if (at["subscription"], at["group"]) != (here.subscription, here.group):
                raise Refused(404, "ResourceNotFound", f"Registry {here.name} is not in {at['subscription']}/{at['group']}.")
            if query.get("api-version") != API_VERSION:
                raise Refused(400, "InvalidApiVersionParameter", f"The api-version {query.get('api-version')!r} is invalid.")
        if at.get("kind", "codes") not in ASSETS:
            raise Refused(404, "InvalidResourceType", f"The resource type '{at['kind']}' could not be found.")
        return here

    @staticmethod
    def _discovered(here: Registry, **_: Any) -> tuple[int, Any]:
        return 200, here.discovered()

    @staticmethod
    def _open(here: Registry, at: dict[str, str], body: Any, **_: Any) -> tuple[int, Any]:
        found = _REFERENCE.fullmatch(str(body.get("assetId")))
        if (
            set(body) != {"assetId", "temporaryDataReferenceType"}
            or not found
            or (found[1], found[3], found[4])
            != (
                here.name,
                at["name"],
                at["version"],
            )
        ):
            raise Refused(400, "UserError", f"The request is invalid: {body}")
        if (found[2], found[3], found[4]) in here.assets:
            raise Refused(409, "UserError", f"{found[2]} {found[3]}:{found[4]} exists.")
        return 200, here.open_upload()

    @staticmethod
    def _opened(here: Registry, body: Any, **_: Any) -> tuple[int, Any]:
        place = here.held_at(str(body.get("blobUri")))
        if place is None:
            raise Refused(400, "UserError", f"{body.get('blobUri')} is not of registry {here.name}.")
        return 200, here.opened(place[0])

    def _import(self, here: Registry, body: Any, **_: Any) -> tuple[int, Any]:
        operation = here.take(self.workspace, body)
        base = f"https://{here.region}.api.azureml.ms/mferp/managementfrontend{here.id}"
        return 202, {"_headers": {"Location": f"{base}/operations/{operation}?api-version={API_VERSION}", **SOON}}

    @staticmethod
    def _operation(here: Registry, at: dict[str, str], **_: Any) -> tuple[int, Any]:
        return (200, None) if here.finish(at["operation"]) else (202, {"_headers": {**SOON}})

    def _create(self, here: Registry, at: dict[str, str], body: Any, **_: Any) -> tuple[int, Any]:
        below = f"/{at['kind']}/{at['name']}/versions/{at['version']}"
        if at["kind"] == "models" and body["properties"].get("system_metadata", "") is None:
            del body["properties"][
                "system_metadata"
            ]  # which azure-ai-ml sends with every model of a registry, in no case of the description's
        found = description.mistakes(JUDGES[at["kind"]], "PUT", below, body)
        self.told([f"PUT {below} of registry {here.name}: {one}" for one in found])
        if found:
            raise Refused(400, "UserError", f"The request is invalid: {'; '.join(found[:5])}")
        return here.create(at["kind"], at["name"], at["version"], body)

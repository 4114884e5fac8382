"""One workspace: its datastores and computes, the assets that were created in it, and the rules of Azure ML for their names and versions."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from .entra import Refused
from .faults import Faults
from .shelf import Shelf

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from .azurite import Storage

ALTERABLE = ("description", "tags", "properties", "isArchived")
"""What may change of a version that exists."""
ASSETS = ("codes", "components", "data", "environments", "models")
KINDS = {"workspaceblobstore": "azureml-blobstore", "workspaceartifactstore": "azureml", "blobs": "blobs"}
"""Datastore -> its container."""


def moment() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class Asset:
    """One version as it is told, and when it was created."""

    body: dict[str, Any]
    created: float = field(default_factory=time.monotonic)


@dataclass
class Workspace(Shelf):
    """A workspace by its place. `curated` are the environments that exist without having been created."""

    tenant: str
    subscription: str
    group: str
    name: str
    region: str
    storage: Storage
    blobs: BlobServiceClient
    computes: set[str] = field(default_factory=lambda: {"cpu-cluster", "k8s"})
    kubernetes: frozenset[str] = frozenset({"k8s"})
    """Those that are Kubernetes clusters."""
    curated: set[str] = field(default_factory=set)
    faults: Faults = field(default_factory=Faults)
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))
    assets: dict[tuple[str, str, str], Asset] = field(default_factory=dict)
    away: set[tuple[str, str]] = field(default_factory=set)
    images: dict[tuple[str, str], str] = field(default_factory=dict)
    """Environment and version -> the digest of the image that was built from it, when a job first ran in it."""
    registries: dict[str, Any] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    """The containers that were opened for an upload of code, in the order of the asking."""
    signatures: list[str] = field(default_factory=list)
    """The signatures that they were opened with."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def id(self) -> str:
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{self.name}"

    @property
    def account_url(self) -> str:
        return f"https://{self.storage.account}.blob.core.windows.net"

    def prepare(self) -> None:
        for container in KINDS.values():
            self.blobs.create_container(container)

    def told(self) -> dict[str, Any]:
        """Return the workspace as ARM tells it."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers"
        api = f"https://{self.region}.api.azureml.ms"
        properties = {
            "friendlyName": self.name,
            "workspaceId": self.guid,
            "tenantId": self.tenant,
            "provisioningState": "Succeeded",
            "discoveryUrl": f"{api}/discovery",
            "mlFlowTrackingUri": f"azureml://{self.region}.api.azureml.ms/mlflow/v1.0{self.id}",
            "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/{self.storage.account}",
            "keyVault": f"{group}/Microsoft.KeyVault/vaults/kv-loopback",
            "applicationInsights": f"{group}/Microsoft.Insights/components/ai-loopback",
            "systemDatastoresAuthMode": "Identity",
            "publicNetworkAccess": "Enabled",
        }
        kind = {"type": "Microsoft.MachineLearningServices/workspaces", "kind": "Default", "location": self.region}
        return {"id": self.id, "name": self.name, **kind, "tags": {}, "properties": properties}

    def datastore(self, name: str) -> dict[str, Any]:
        if name not in KINDS:
            raise Refused(404, "UserError", f"Could not find datastore: {name}.")
        properties = {
            "datastoreType": "AzureBlob",
            "accountName": self.storage.account,
            "containerName": KINDS[name],
            "endpoint": "core.windows.net",
            "protocol": "https",
            "credentials": {"credentialsType": "None"},
            "isDefault": name == "workspaceblobstore",
            "serviceDataAccessAuthIdentity": "None",
            "tags": {},
            "properties": {},
        }
        return self._resource(f"datastores/{name}", name, properties)

    def compute(self, name: str) -> dict[str, Any]:
        if name not in self.computes:
            raise Refused(404, "ResourceNotFound", f"Compute with name {name} was not found in workspace {self.name}.")
        if name in self.kubernetes:
            properties = {"computeType": "Kubernetes", "provisioningState": "Succeeded", "properties": {"namespace": "default"}}
            return {**self._resource(f"computes/{name}", name, properties), "location": self.region}
        own = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4}}
        properties = {"computeType": "AmlCompute", "provisioningState": "Succeeded", "properties": own}
        return {**self._resource(f"computes/{name}", name, properties), "location": self.region}

    def create(self, kind: str, name: str, version: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Create one version of an asset; again with the same content is no harm, with another it is refused.

        Raises:
            Refused: The version exists with other content; or it names code or an environment that does not exist.
        """
        with self.lock:
            there = self.assets.get((kind, name, version))
            if there:
                self._unchanged(kind, name, version, there.body["properties"], body["properties"])
                there.body["properties"].update({key: body["properties"][key] for key in ALTERABLE if key in body["properties"]})
                return 200, there.body
            self.refer(body)
            self.uploaded(kind, body["properties"])
            own = {"tags": {}, "properties": {}, "isArchived": False, "isAnonymous": False}
            own |= {} if kind == "data" else {"provisioningState": "Succeeded"}
            own |= {"flavors": {}} if kind == "models" else {}
            told = self._resource(f"{kind}/{name}/versions/{version}", version, {**own, **body["properties"]})
            self.assets[kind, name, version] = Asset(told)
            return 201, told

    @staticmethod
    def _unchanged(kind: str, name: str, version: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        fixed = {
            "codes": ("codeUri",),
            "data": ("dataUri", "dataType"),
            "models": ("modelUri", "modelType"),
            "components": ("componentSpec",),
        }
        fixed["environments"] = ("image", "condaFile", "build")
        changed = [key for key in fixed[kind] if before.get(key) != after.get(key)]
        if changed:
            told = f"The {kind} {name}:{version} exists and cannot be changed: {', '.join(changed)} differ. Versions are immutable."
            raise Refused(409, "UserError", told)

    def find(self, kind: str, name: str, version: str) -> dict[str, Any]:
        """Return one version.

        Raises:
            Refused: There is none, or it is so new that it is not seen yet.
        """
        found = self.assets.get((kind, name, version))
        if found is not None and time.monotonic() - found.created < self.faults.lag:
            raise Refused(404, "ResourceNotFound", f"No {kind} {name}:{version} in workspace {self.name}, yet.")
        return self.held(kind, name, version)

    def held(self, kind: str, name: str, version: str) -> dict[str, Any]:
        """Return one version as the service itself sees it, at once."""
        found = self.assets.get((kind, name, version))
        if kind == "environments" and found is None and f"{name}:{version}" in self.curated:
            return self._curated(name, version)
        if found is None:
            raise Refused(404, "ResourceNotFound", f"No {kind} {name}:{version} in workspace {self.name}.")
        return found.body

    def _curated(self, name: str, version: str) -> dict[str, Any]:
        return self._resource(f"environments/{name}/versions/{version}", version, {"image": "curated", "osType": "Linux"})

    def open_upload(self) -> dict[str, Any]:
        """Open a container for an upload, and return where it is with a signature that lets one write there for an hour."""
        container = f"{self.guid[:8]}-{uuid.uuid4().hex}"
        self.blobs.create_container(container)
        self.uploads.append(container)
        return self.opened(container)

    def opened(self, container: str) -> dict[str, Any]:
        """Return where a container is, with a signature for an hour."""
        may = ContainerSasPermissions(read=True, write=True, list=True, create=True, add=True)
        until = datetime.now(UTC) + timedelta(hours=1)
        signature = generate_container_sas(self.storage.account, container, self.storage.key, permission=may, expiry=until)
        self.signatures.append(signature)
        address = f"{self.account_url}/{container}"
        account = self.told()["properties"]["storageAccount"]
        reference = {
            "blobUri": address,
            "storageAccountArmId": account,
            "credential": {"credentialType": "SAS", "sasUri": f"{address}?{signature}"},
        }
        kind = {"pendingUploadId": str(uuid.uuid4()), "pendingUploadType": "TemporaryBlobReference"}
        return {**kind, "blobReferenceForConsumption": reference}

    def refer(self, node: Any) -> None:
        """Check everything that a body refers to by an ARM id or as azureml:NAME:VERSION.

        Raises:
            Refused: Something that it names does not exist.
        """
        if isinstance(node, dict):
            for value in node.values():
                self.refer(value)
        elif isinstance(node, list):
            for value in node:
                self.refer(value)
        elif isinstance(node, str):
            found = re.fullmatch(r"(?:azureml:)?(/subscriptions/.+/workspaces/[^/]+)/(\w+)/([^/]+)(?:/versions/(.+))?", node)
            if found:
                self._exists(*found.groups())
            shared = re.fullmatch(r"azureml://registries/([^/]+)/(\w+)/([^/]+)/versions/(.+)", node)
            if shared and not (shared[1] in self.registries and shared.groups()[1:] in self.registries[shared[1]].assets):
                raise Refused(400, "UserError", f"There is no {node}.")

    def build(self, name: str, version: str) -> None:
        """Let the image of an environment be there; it is told by its digest."""
        if (name, version) not in self.images and ("environments", name, version) in self.assets:
            said = self.assets["environments", name, version].body["properties"]
            told = json.dumps({key: said.get(key) for key in ("image", "condaFile", "build")}, sort_keys=True, default=str)
            self.images[name, version] = hashlib.sha256(told.encode()).hexdigest()

    def _exists(self, workspace: str, kind: str, name: str, version: str | None) -> None:
        if workspace.lower() != self.id.lower():
            raise Refused(400, "UserError", f"{workspace} is not this workspace.")
        if kind == "computes":
            if name not in self.computes:
                raise Refused(400, "UserError", f"Compute target {name} was not found in workspace {self.name}.")
        elif kind in ASSETS and version and (kind, name, version) not in self.assets and f"{name}:{version}" not in self.curated:
            raise Refused(400, "UserError", f"No {kind} {name}:{version} in workspace {self.name}.")

    def _resource(self, below: str, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        kind = f"Microsoft.MachineLearningServices/workspaces/{below.partition('/')[0]}"
        who = {"createdAt": moment(), "createdBy": "somebody", "createdByType": "User", "lastModifiedAt": moment()}
        return {"id": f"{self.id}/{below}", "name": name, "type": kind, "properties": properties, "systemData": who}

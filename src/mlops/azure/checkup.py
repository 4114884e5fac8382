"""What stands between this machine and an environment's workspace: login, place, roles, quota, network, providers, who CI signs in as, and the registry.

Each look asks Azure and changes nothing. What the signed-in identity may not read is told as not seen: neither right nor wrong.
"""

from __future__ import annotations

import importlib.metadata
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from azure.core import PipelineClient
from azure.core.exceptions import AzureError, DeserializationError, HttpResponseError
from azure.core.rest import HttpRequest

from mlops.azure.arm import Arm
from mlops.azure.az import find_az
from mlops.azure.catalogue import ACTIVE
from mlops.azure.connection import ARM, connect, credential_of
from mlops.azure.failures import clean, explained
from mlops.azure.infra import find_place, read_parameters
from mlops.azure.names import names, workspace_id
from mlops.azure.registries import client_of
from mlops.azure.roles import Role, read_roles
from mlops.azure.submission import silent
from mlops.azure.tokens import claims_of
from mlops.errors import MlopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mlops.settings import AzureSettings

PROVIDERS = (
    "Microsoft.MachineLearningServices",
    "Microsoft.Storage",
    "Microsoft.KeyVault",
    "Microsoft.ContainerRegistry",
    "Microsoft.Insights",
    "Microsoft.OperationalInsights",
    "Microsoft.ManagedIdentity",
)
"""What an environment's resources are of (infra/main.bicep)."""
_OF = "Microsoft.MachineLearningServices/workspaces"
ACTIONS = {
    "look": ("read", "jobs/read", "models/versions/read", "datastores/read", "computes/read", "onlineEndpoints/read"),
    "run": ("jobs/write", "jobs/cancel/action", "codes/versions/write", "components/versions/write", "environments/versions/write"),
    "register": ("data/versions/write", "models/versions/write"),
    "deploy": ("onlineEndpoints/write", "onlineEndpoints/deployments/write", "batchEndpoints/write"),
    "schedule": ("schedules/write", "schedules/delete"),
    "read keys": ("listKeys/action", "onlineEndpoints/listKeys/action", "datastores/listsecrets/action"),
    "delete models and data": ("models/versions/delete", "data/versions/delete"),
    "change machines": ("computes/write", "computes/delete"),
}
"""What a person would call it -> the actions below a workspace that it takes."""
_VERSIONS = {
    "workspace": "2024-04-01",
    "usages": "2024-04-01",
    "permissions": "2022-04-01",
    "providers": "2021-04-01",
    "identity": "2024-11-30",
}
_PATIENCE = 10.0  # seconds for a name that does not answer
_ASK = "Ask who owns the subscription; without it, this is not known."


@dataclass(frozen=True)
class Look:
    """What one look showed. Not `seen`: it could not be told, so that `good` means nothing."""

    name: str
    good: bool
    said: str
    mend: str = ""
    seen: bool = True


@dataclass
class Checkup:
    """One environment's workspace, asked about by whoever is signed in."""

    root: Path
    environment: str
    place: AzureSettings

    def looks(self) -> list[tuple[str, Callable[[], Look]]]:
        """Return the name of each look, and the look, in order: from the second on they need the login."""
        return [
            ("versions", self.versions),
            ("login", self.login),
            ("workspace", self.workspace),
            ("roles", self.roles),
            ("quota", self.quota),
            ("network", self.network),
            ("providers", self.providers),
            ("identity of CI", self.federated),
            *([("registry", self.registry)] if self.place.registry else []),
        ]

    def findings(self) -> list[Look]:
        """Look at everything; without a login, or without a workspace, at what can be known then."""
        found: list[Look] = []
        missing = ""
        for name, look in self.looks():
            if missing and name != "versions":
                found.append(Look(name, good=False, said=f"not looked at: {missing}", seen=False))
                continue
            seen = self._seen(name, look)
            found.append(seen)
            if not seen.good and seen.seen and name in {"login", "workspace"}:
                missing = "nobody is signed in to this tenant" if name == "login" else "the workspace is not there"
        return found

    def _seen(self, name: str, look: Callable[[], Look]) -> Look:
        try:
            return look()
        except (AzureError, DeserializationError, MlopsError) as error:
            cause = error.__cause__ if isinstance(error, MlopsError) else error
            if isinstance(cause, HttpResponseError) and cause.status_code == 403:
                return Look(name, good=False, said=f"not seen, as this is not allowed: {clean(cause)}", mend=_ASK, seen=False)
            return _told(name, error if isinstance(error, MlopsError) else explained(error, f"look at {name}", self._file))

    @property
    def _file(self) -> str:
        return f"environments/{self.environment}.yml"

    @cached_property
    def _arm(self) -> Arm:
        return Arm(credential_of(self.place))

    @property
    def _subscription(self) -> str:
        return f"/subscriptions/{self.place.subscription}"

    @property
    def _group(self) -> str:
        return f"{self._subscription}/resourceGroups/{self.place.resource_group}"

    @property
    def id(self) -> str:
        """The workspace's id."""
        return workspace_id(self.place)

    @cached_property
    def _workspace(self) -> dict[str, Any]:
        return self._ask(self.id, "workspace")

    @cached_property
    def _parameters(self) -> dict[str, Any]:
        return read_parameters(find_place(self.root, self.environment).file)

    @cached_property
    def _claims(self) -> Mapping[str, Any]:
        return claims_of(self._arm.credential.get_token(ARM).token)

    def _ask(self, path: str, kind: str) -> dict[str, Any]:
        return self._arm.ask("GET", path, {"api-version": _VERSIONS[kind]})

    def versions(self) -> Look:
        """Which releases speak to Azure."""
        packages = ("azure-ai-ml", "azure-identity", "azure-core")
        said = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
        try:
            az = find_az()
        except MlopsError as error:
            needed = "" if "too old" in error.message else "; make infra needs it"
            return Look(
                "versions", good=not error.message.startswith("az "), said=f"{said}; {error.message}{needed}", mend=error.hint or ""
            )
        return Look("versions", good=True, said=f"{said}, az at {az.program}")

    def login(self) -> Look:
        """Who is signed in, and whether in the tenant and the subscription that the environment's file names."""
        tenant, who = str(self._claims.get("tid", "")), self._who()
        if tenant.lower() != self.place.tenant.lower():
            said = f"{who} of tenant {tenant}; {self._file} names {self.place.tenant}"
            return Look("login", good=False, said=said, mend=f"az login --tenant {self.place.tenant}")
        wanted = os.environ.get("AZURE_SUBSCRIPTION_ID", self.place.subscription)
        if wanted.lower() != self.place.subscription.lower():
            said = f"AZURE_SUBSCRIPTION_ID is {wanted}; {self._file} names {self.place.subscription}"
            return Look("login", good=False, said=said, mend=f"export AZURE_SUBSCRIPTION_ID={self.place.subscription}, or correct the file")
        return Look("login", good=True, said=f"{who}, tenant {tenant}, subscription {wanted}")

    def _who(self) -> str:
        claims = self._claims
        return str(claims.get("upn") or claims.get("unique_name") or f"application {claims.get('appid', '?')}")

    def workspace(self) -> Look:
        """Whether the workspace is there, and finished."""
        told = self._workspace
        state = str(told["properties"].get("provisioningState", "?"))
        said = f"{self.place.workspace} in {told.get('location')}: {state}"
        return Look("workspace", state == "Succeeded", said, f"make infra ENV={self.environment}")

    def roles(self) -> Look:
        """Compare what whoever is signed in may do in the workspace with what infra/roles.json grants such an identity."""
        told = self._ask(f"{self.id}/providers/Microsoft.Authorization/permissions", "permissions")
        own = [_role(entry) for entry in told.get("value", ())]
        who = "data-scientists" if self._claims.get("scp") else "ci"
        table = read_roles(self.root)
        lacking, more = [], []
        for name, actions in ACTIONS.items():
            for action in (f"{_OF}/{action}" for action in actions):
                may, granted = any(role.allows(action) for role in own), table.allows(who, action, "workspace")
                lacking += [action.removeprefix(f"{_OF}/")] if granted and not may else []
                more += [name] if may and not granted else []
        said = f"held against `{who}` of infra/roles.json"
        said += f"; may not: {', '.join(lacking)}" if lacking else "; all that it grants"
        said += f"; may more than that: {', '.join(dict.fromkeys(more))}" if more else ""
        oid = self._claims.get("oid", "<object id>")
        role = next(grant.role for grant in table.grants if grant.who == who and grant.scope == "workspace")
        mend = f"make infra ENV={self.environment}, with the identity {oid} as `{who}` (role {role.key}); a new role takes minutes to count"
        return Look("roles", not lacking, said, mend)

    def quota(self) -> Look:
        """Compare what the environment's cluster may grow to with the cores that are left of its family."""
        size, nodes = str(self._parameters.get("trainingVmSize", "")), int(self._parameters.get("trainingMaxNodes", 1))
        place = f"{self._subscription}/providers/Microsoft.MachineLearningServices/locations/{self._workspace['location']}"
        sizes = self._ask(f"{place}/vmSizes", "usages").get("value", ())
        machine = next((one for one in sizes if str(one.get("name", "")).lower() == size.lower()), None)
        if machine is None:
            said = f"{size} is no size that Azure ML has in {self._workspace['location']}"
            return Look("quota", good=False, said=said, mend=f"another trainingVmSize in infra/{self.environment}.bicepparam")
        low = self._parameters.get("trainingPriority") == "LowPriority"
        family, needed = "low priority" if low else str(machine["family"]), int(machine["vCPUs"]) * nodes
        usage = _usage(self._ask(f"{place}/usages", "usages").get("value", ()), family)
        if usage is None:
            return Look("quota", good=False, said=f"no usage of {family} is told", mend=_ASK, seen=False)
        left = int(usage["limit"]) - int(usage["currentValue"])
        said = f"{nodes} machines {size} take {needed} cores of {family}; {left} of {usage['limit']} are left"
        mend = f"ask for more in the portal under Quotas, or less trainingMaxNodes in infra/{self.environment}.bicepparam"
        return Look("quota", left >= needed, said, mend)

    def network(self) -> Look:
        """Whether the workspace's services and its storage answer here at all, whatever they answer."""
        properties = self._workspace["properties"]
        account = str(properties.get("storageAccount", "")).rpartition("/")[2]
        hosts = [str(properties.get("discoveryUrl", "")).split("/")[2], f"{account}.blob.core.windows.net"]
        silent = [host for host in hosts if not _answers(host)]
        private = properties.get("publicNetworkAccess") == "Disabled"
        kind = "private endpoints only" if private else "public addresses"
        if not silent:
            return Look("network", good=True, said=f"{kind}; {' and '.join(hosts)} answer")
        mend = (
            "run it inside of the network: peering, a VPN or a runner there (docs/azure.md#private)"
            if private
            else "let a firewall or HTTPS_PROXY lead there"
        )
        return Look("network", good=False, said=f"{kind}; no answer from {', '.join(silent)}", mend=mend)

    def providers(self) -> Look:
        """Whether the subscription has what an environment is made of."""
        wrong = {}
        for name in PROVIDERS:
            state = str(self._ask(f"{self._subscription}/providers/{name}", "providers").get("registrationState"))
            if state != "Registered":
                wrong[name] = state
        said = ", ".join(f"{name}: {state}" for name, state in wrong.items()) or f"{len(PROVIDERS)} registered"
        return Look("providers", not wrong, said, "; ".join(f"az provider register --namespace {name}" for name in wrong))

    def registry(self) -> Look:
        """Whether the registry that the environment's file names is there, and its models can be read."""
        name = self.place.registry
        client = client_of(connect(self.place, self.environment), name)
        with silent():
            next(iter(client.models.list(list_view_type=ACTIVE)), None)
        return Look("registry", good=True, said=f"{name} is there, and its models can be read")

    def federated(self) -> Look:
        """Compare the subjects that CI's jobs show with those that the environment's identity believes, letter by letter."""
        project = str(self._parameters.get("project", ""))
        identity = names(project, self.environment, (), "").identities[2]
        path = f"{self._group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{identity}/federatedIdentityCredentials"
        configured = [str(one["properties"]["subject"]) for one in self._ask(path, "identity").get("value", ())]
        expected = self._subjects()
        said = f"{identity} believes {', '.join(configured) or 'nobody'}"
        if not expected:
            return Look("identity of CI", good=True, said=f"{said}; nothing says what CI shows (AZURE_GITHUB_REPOSITORY)", seen=False)
        missing = [subject for subject in expected if subject not in configured]
        mend = f"AZURE_GITHUB_REPOSITORY=... make infra ENV={self.environment}: the subject is compared letter by letter"
        return Look("identity of CI", not missing, f"CI shows {', '.join(missing or expected)}; {said}", mend)

    def _subjects(self) -> list[str]:
        """Return what the tokens of CI's jobs say that they are, as far as something here tells."""
        if given := self._parameters.get("githubSubjects"):
            return list(map(str, given))
        if given := os.environ.get("AZURE_DEVOPS_SUBJECT"):
            return [given]
        repository = os.environ.get("AZURE_GITHUB_REPOSITORY") or os.environ.get("GITHUB_REPOSITORY")
        jobs = self._parameters.get("githubJobs") or [f"environment:{self.environment}"]
        return [f"repo:{repository}:{job}" for job in jobs] if repository else []


def _told(name: str, error: MlopsError) -> Look:
    return Look(name, good=False, said=error.message, mend=error.hint or "docs/azure.md")


def _role(entry: Mapping[str, Any]) -> Role:
    """Return one entry of what the permissions of a scope answer."""
    parts = (tuple(entry.get(key) or ()) for key in ("actions", "notActions", "dataActions"))
    return Role("", "", "", *parts)


def _usage(entries: Sequence[Mapping[str, Any]], family: str) -> Mapping[str, Any] | None:
    """Return the usage of a family, however it is spelled."""
    wanted = family.replace(" ", "").lower()
    for entry in entries:
        words = [str(entry["name"].get(key, "")).replace(" ", "").lower() for key in ("value", "localizedValue")]
        if any(word == wanted or (wanted == "lowpriority" and wanted in word) for word in words):
            return entry
    return None


def _answers(host: str) -> bool:
    with PipelineClient(base_url=f"https://{host}", policies=[]) as client:
        try:
            client.send_request(HttpRequest("GET", f"https://{host}/"), connection_timeout=_PATIENCE, read_timeout=_PATIENCE)
        except AzureError:
            return False
    return True

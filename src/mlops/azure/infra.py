"""An environment's resources on Azure: what would change, the change, and the end of it. Everything goes through the program `az`."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.azure.names import COST_OWNER, ENVIRONMENT, PROJECT, group_name
from mlops.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops.azure.az import Az

FOLDER = Path("infra")
ENDPOINT = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
SHARED = "shared"
MARKS = {"Create": "+", "Modify": "~", "Deploy": "!", "Delete": "-", "Unsupported": "?"}
"""How a change is marked, as az itself marks it; what stays as it is has no mark."""
LOST = {
    "Microsoft.MachineLearningServices/workspaces": "its jobs, metrics, models, schedules: nothing of them is anywhere else. Kept by the service for 14 days, "
    "and its name with it, where soft delete is on",
    "Microsoft.MachineLearningServices/registries": "every version of models, components and images that environments share",
    ENDPOINT: "it stops answering at once; its address goes with it",
    "Microsoft.Storage/storageAccounts": "data, code snapshots and outputs. Not to be counted on after that, though it may be recoverable for 14 days",
    "Microsoft.KeyVault/vaults": "kept, unreadable, for 90 days. Nobody can shorten that, and its name cannot be used again until then: the same environment "
    "in a group of the same name needs `az keyvault recover`",
    "Microsoft.ContainerRegistry/registries": "the images that jobs and endpoints run in",
    "Microsoft.OperationalInsights/workspaces": "logs. Recoverable for 14 days",
    "Microsoft.Insights/components": "telemetry of endpoints",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "one of that name that is made later is another, without its roles. What it was granted in the shared "
    "registry stays behind as `Identity not found`",
}
"""What the end of a kind of resource means."""
_ORDER = list(LOST)
_PARAMETER = re.compile(r"^param (\w+) = (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """What is deployed where."""

    environment: str
    file: Path
    project: str
    group: str
    models: tuple[str, ...]
    cost_owner: str


@dataclass(frozen=True)
class Change:
    """What would happen to one resource."""

    kind: str
    name: str
    what: str
    """Create, Modify, Deploy, Delete, NoChange, Ignore or Unsupported."""
    details: tuple[str, ...] = ()
    """Of a Modify: what would be otherwise, as `path: before -> after`."""


def read_parameters(file: Path) -> dict[str, Any]:
    """Return those parameters of a .bicepparam file that are plain: texts, numbers, truths, lists of them on one line."""
    plain = {}
    for name, text in _PARAMETER.findall(file.read_text(encoding="utf-8")):
        try:
            plain[name] = json.loads(text.strip().replace('"', '\\"').replace("'", '"'))
        except ValueError:
            continue
    return plain


def find_place(root: Path, environment: str, group: str = "") -> Place:
    """Return what an environment is made of.

    Args:
        root: The project.
        environment: staging, production or shared: infra/<environment>.bicepparam.
        group: The resource group; by default rg-<project>-<environment>.

    Raises:
        UsageError: There is no such file, or the project's or environment's name would make names that Azure refuses.
    """
    file = root / FOLDER / f"{environment}.bicepparam"
    if not file.is_file():
        there = ", ".join(sorted(path.stem for path in (root / FOLDER).glob("*.bicepparam"))) or "none"
        raise UsageError(f"there is no infra/{environment}.bicepparam", hint=f"There are: {there}")
    given = read_parameters(file)
    project = str(given.get("project", ""))
    if not PROJECT.fullmatch(project):
        raise UsageError(
            f"project = {project!r} cannot be part of Azure's names",
            where=f"infra/{file.name}",
            hint="3 to 10 lower-case letters and digits, a letter first.",
        )
    if not ENVIRONMENT.fullmatch(environment):
        raise UsageError(
            f"{environment!r} cannot be part of Azure's names", hint="3 to 12 lower-case letters, digits and dashes, a letter first."
        )
    models = tuple(map(str, given.get("models", ())))
    return Place(environment, file, project, group or group_name(project, environment), models, str(given.get("costOwner", "")))


def group_exists(az: Az, place: Place) -> bool:
    """Whether the resource group is there."""
    return bool(az.ask("group", "exists", "--name", place.group))


def create_group(az: Az, place: Place, location: str) -> None:
    """Make the resource group, with the tags of what will be in it."""
    tags = (f"project={place.project}", f"environment={place.environment}", f"{COST_OWNER}={place.cost_owner}")
    az.ask("group", "create", "--name", place.group, "--location", location, "--tags", *tags)


def resources(az: Az, place: Place) -> list[dict[str, Any]]:
    """Return what is in the group, as az lists it."""
    return list(az.ask("resource", "list", "--resource-group", place.group) or [])


def parameters(place: Place, there: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Return the arguments that a deployment takes: the file, and which endpoints are to be made.

    An endpoint that is there is left out: a template that writes it without its traffic takes the traffic away.
    """
    words = ("--resource-group", place.group, "--parameters", str(place.file))
    if place.environment == SHARED:
        return words
    serving = {(entry.get("tags") or {}).get("model") for entry in there if entry["type"].lower() == ENDPOINT.lower()}
    return (*words, "--parameters", f"newEndpoints={json.dumps([model for model in place.models if model not in serving])}")


def what_if(az: Az, arguments: tuple[str, ...]) -> tuple[Change, ...]:
    """Return what a deployment would do.

    Raises:
        PlatformError: Azure could not tell.
    """
    told = az.ask("deployment", "group", "what-if", "--no-pretty-print", *arguments)
    if told.get("error") or told.get("status") not in {None, "Succeeded"}:
        raise PlatformError(f"Azure could not tell what would change: {told.get('error') or told.get('status')}")
    return tuple(sorted((_change(entry) for entry in told["changes"]), key=lambda change: (change.kind, change.name)))


def _change(entry: dict[str, Any]) -> Change:
    kind, name = split_id(entry["resourceId"])
    return Change(kind, name, entry["changeType"], tuple(_details(entry.get("delta") or [], "")))


def _details(delta: Sequence[dict[str, Any]], above: str) -> Iterator[str]:
    for entry in delta:
        path = f"{above}{entry['path']}"
        if entry.get("children"):
            yield from _details(entry["children"], f"{path}.")
        elif entry.get("propertyChangeType") != "NoEffect":
            yield f"{path}: {json.dumps(entry.get('before'))} -> {json.dumps(entry.get('after'))}"


def split_id(resource: str) -> tuple[str, str]:
    """Return the kind and the name of a resource, from its id: `Microsoft.X/a/b` and `name/below`."""
    parts = resource.rsplit("/providers/", 1)[-1].split("/")
    if len(parts) < 2:
        return "", resource
    return "/".join([parts[0], *parts[1::2]]), "/".join(parts[2::2])


def deploy(az: Az, place: Place, arguments: tuple[str, ...]) -> dict[str, Any]:
    """Carry a deployment out, and return its outputs by name."""
    told = az.ask("deployment", "group", "create", "--name", f"infra-{place.environment}", *arguments)
    return {name: entry["value"] for name, entry in (told["properties"].get("outputs") or {}).items()}


def losses(there: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return name, kind and meaning of each resource whose end is a loss, the worst kinds first."""
    known = {kind.lower(): kind for kind in LOST}
    found = [(entry["name"], known[entry["type"].lower()]) for entry in there if entry["type"].lower() in known]
    return [(name, kind, LOST[kind]) for name, kind in sorted(found, key=lambda one: (_ORDER.index(one[1]), one[0]))]


def others(there: Sequence[dict[str, Any]]) -> Counter[str]:
    """Return how many there are of each kind that can be made again as it was."""
    known = {kind.lower() for kind in LOST}
    return Counter(entry["type"] for entry in there if entry["type"].lower() not in known)


def destroy(az: Az, place: Place) -> None:
    """Delete the resource group and all that is in it."""
    az.ask("group", "delete", "--name", place.group, "--yes")

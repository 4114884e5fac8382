"""What is told of versions of assets: which there are, which is the newest, which are put away. What is so new that it is not seen yet is in no answer."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from .entra import Refused

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

    from .faults import Faults
    from .workspace import Asset

VIEWS = ("ActiveOnly", "ArchivedOnly", "All")
_DATASTORE = re.compile(r"azureml://(?:.+/)?datastores/([^/]+)/paths/(.*)")

COLLECTED = "/paths/modelDataCollector/"
"""Where a deployment's data collector will write."""


class Shelf:
    """The versions that a workspace or a registry keeps, in the order of their making."""

    assets: dict[tuple[str, str, str], Asset]
    away: set[tuple[str, str]]
    """Kind and name of what was archived as a whole."""
    faults: Faults
    curated: set[str]
    blobs: BlobServiceClient
    name: str

    def versions(self, kind: str, name: str, given: dict[str, str]) -> list[dict[str, Any]]:
        """Return what a list of versions answers, the newest first; with `hash`, those of any name with these bytes."""
        if "hash" in given:
            told = [body for body in self._seen(kind) if body["properties"].get("properties", {}).get("hash_sha256") == given["hash"]]
        else:
            told = [body for body in self._seen(kind, name) if self._in_view(kind, name, body, given)]
        if kind == "environments":
            told += [self._curated(name, one.rpartition(":")[2]) for one in self.curated if one.rpartition(":")[0] == name]
        return told[: int(given.get("$top", len(told)) or len(told))]

    def containers(self, kind: str, given: dict[str, str]) -> list[dict[str, Any]]:
        """Return each name of a kind that has a version in view, as `container` tells it."""
        names = dict.fromkeys(name for own, name, _ in self.assets if own == kind)
        shown = [name for name in names if any(self._in_view(kind, name, body, given) for body in self._seen(kind, name))]
        return [self.container(kind, name, given) for name in shown if not self._nameless(kind, name)]

    def container(self, kind: str, name: str, given: dict[str, str] | None = None) -> dict[str, Any]:
        """Return what is told of a name: its newest version that is seen and in view, and the next number."""
        seen = self._seen(kind, name)
        if not seen:
            raise Refused(404, "ResourceNotFound", f"No {kind} {name} in {self.name}.")
        view = given or {}
        newest = next((body for body in seen if self._in_view(kind, name, body, view)), seen[0])
        numbers = [int(body["name"]) for body in seen if body["name"].isdigit()]
        own = {"latestVersion": newest["name"], "nextVersion": str(max(numbers, default=0) + 1), "tags": {}, "properties": {}}
        own |= {"dataType": newest["properties"]["dataType"]} if kind == "data" else {}
        return self._resource(f"{kind}/{name}", name, own | {"isArchived": (kind, name) in self.away})

    def put_away(self, kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Archive a name as a whole, or bring it back."""
        told = self.container(kind, name)
        (self.away.add if body["properties"].get("isArchived") else self.away.discard)((kind, name))
        return told

    def _seen(self, kind: str, name: str | None = None) -> list[dict[str, Any]]:
        found = [asset for (own, one, _), asset in reversed(self.assets.items()) if own == kind and name in {None, one}]
        return [asset.body for asset in found if time.monotonic() - asset.created >= self.faults.lag]

    def _in_view(self, kind: str, name: str, body: dict[str, Any], given: dict[str, str]) -> bool:
        view = given.get("listViewType", VIEWS[0])
        if view not in VIEWS:
            raise Refused(400, "UserError", f"listViewType {view!r} is none of {', '.join(VIEWS)}.")
        archived = body["properties"].get("isArchived", False) or (kind, name) in self.away
        return view == "All" or archived == (view == "ArchivedOnly")

    def _nameless(self, kind: str, name: str) -> bool:
        return all(body["properties"].get("isAnonymous") for body in self._seen(kind, name))

    def uploaded(self, kind: str, properties: dict[str, Any]) -> None:
        """Refuse code, data or a model whose bytes are not where it says, as far as that is a place of this storage account.

        Raises:
            Refused: There is nothing.
        """
        uri = properties.get({"codes": "codeUri", "data": "dataUri", "models": "modelUri"}.get(kind, ""), "")
        place = self.held_at(uri)
        if COLLECTED in uri:  # is named before there is anything in it
            return
        if place and not any(True for _ in self.blobs.get_container_client(place[0]).list_blob_names(name_starts_with=place[1])):
            raise Refused(400, "UserError", f"There are no bytes of {kind} at {uri}.")

    def held_at(self, uri: str) -> tuple[str, str] | None:
        """Return container and prefix of an address in this storage account; None where it is elsewhere."""
        if uri.startswith(f"{self.account_url}/"):
            container, _, prefix = uri.removeprefix(f"{self.account_url}/").partition("/")
            return container, prefix
        found = _DATASTORE.fullmatch(uri)
        return (self.datastore(found[1])["properties"]["containerName"], found[2]) if found else None

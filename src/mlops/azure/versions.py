"""Where model versions are kept on Azure ML: a store for `registry/versions.py`.

A version is a model asset of the workspace, its files a folder of the workspace's own blob store. What can change about it (tags, and which
version each environment is at) is one blob for each model, `slipway/registry/<model>.json`, written only where it is as it was read (`If-Match`
with its ETag): of two machines that change it at once, one is refused and decides again on what the other has left. A block of changes is one
write, so that a process that is killed has made all of it or none. Azure ML's models know neither aliases nor such a condition; what the studio
shows on them as tags is written after that blob, from it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure.ai.ml.entities import Model
from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import ContentSettings

from mlops.azure.failures import told
from mlops.azure.store import opened
from mlops.azure.submission import silent
from mlops.errors import MlopsError, PlatformError
from mlops.registry.artifacts import copied
from mlops.registry.store import ChangedElsewhereError, Stored
from mlops.registry.versions import DIGEST, ROLLED_BACK, VERDICT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from azure.storage.blob import ContainerClient

    from mlops.azure.connection import Connection

DATASTORE = "workspaceblobstore"
PATHS = f"azureml://datastores/{DATASTORE}/paths/"
_SHOWN = ("slipway.run", "slipway.commit")
_LONGEST = 256  # letters of a tag, as Azure's resources have it


@dataclass
class _Open:
    """A model's blob as it was read, and as it is to be written."""

    facts: dict[str, Any]
    etag: str | None
    before: str

    @property
    def text(self) -> str:
        return json.dumps(self.facts, ensure_ascii=False, sort_keys=True)


@dataclass
class WorkspaceStore:
    """The versions in one workspace.

    Args:
        connection: The way there.
    """

    connection: Connection
    _container: ContainerClient | None = field(default=None, init=False, repr=False)
    _open: dict[str, _Open] = field(default_factory=dict, init=False, repr=False)

    @property
    def uri(self) -> str:
        """The workspace, for messages."""
        return f"workspace {self.connection.settings.workspace}"

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Take the model's blob, and write it at the end of the block where it is still what was read.

        Raises:
            ChangedElsewhereError: It is not; nothing was written.
        """
        self._open[name] = self._read(name)
        try:
            yield
            found = self._open[name]
            if found.text != found.before:
                self._write(name, found)
        finally:
            del self._open[name]
        self._show(name, found.facts)

    def versions(self, name: str) -> list[Stored]:
        """Return every version of a model."""
        facts = self._facts(name)
        return [Stored(int(number), one["created"], one["run"], one["tags"]) for number, one in facts["versions"].items()]

    def aliases(self, name: str) -> dict[str, int]:
        """Return what each environment is at."""
        found: dict[str, int] = self._facts(name)["aliases"]
        return dict(found)

    def run(self, name: str, wanted: str | None) -> str:  # noqa: ARG002 - files here are not a run's
        """Return the job that made the model, if any: files are kept by their digest."""
        return wanted or ""

    def keep(self, run: str, folder: Path, place: str) -> str:  # noqa: ARG002
        """Upload a folder; a file that lies there already, by its MD5, is not sent again."""
        with self._told("keep files"):
            container = self._blobs()
            there = {
                blob.name: bytes(blob.content_settings.content_md5 or b"") for blob in container.list_blobs(name_starts_with=f"{place}/")
            }
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                blob = f"{place}/{path.relative_to(folder).as_posix()}"
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "md5").digest()
                    if there.get(blob) != digest:
                        file.seek(0)
                        container.upload_blob(blob, file, overwrite=True, content_settings=ContentSettings(content_md5=bytearray(digest)))
        return PATHS + place

    def fetch(self, address: str, digest: str, cache: Path) -> Path:
        """Return a folder of the blob store on this machine: copied once, under its digest."""
        prefix = address.removeprefix(PATHS) + "/"

        def download(fresh: Path) -> Path:
            place = fresh / "folder"
            place.mkdir()
            for blob in self._blobs().list_blobs(name_starts_with=prefix):
                target = place / blob.name.removeprefix(prefix)
                if not target.resolve().is_relative_to(place.resolve()):
                    raise PlatformError(f"a file there has a path that leads out of its folder: {blob.name}", where=address)
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    self._blobs().download_blob(blob.name).readinto(file)
            return place

        with self._told("fetch files"):
            return copied(digest, cache, download)

    def create(self, name: str, place: str, run: str, tags: Mapping[str, str]) -> None:
        """Let there be the model asset, and then the version: one that a try before had made, and could not write down, is taken."""
        facts = self._facts(name)
        with self._told("register the model"):
            made = {int(one.version): one for one in self._assets(name)}
            left = next((number for number, one in made.items() if one.tags.get(DIGEST) == tags[DIGEST]), None)
            number = left or max([0, *made, *map(int, facts["versions"])]) + 1
            if left is None:
                model = Model(name=name, version=str(number), path=PATHS + place, type="mlflow_model", tags={DIGEST: tags[DIGEST]})
                try:
                    self._put(model)
                except ResourceExistsError as error:  # another machine has taken the number in this moment
                    raise ChangedElsewhereError from error
        facts["versions"][str(number)] = {"created": time.time(), "run": run or None, "tags": dict(tags)}

    def delete(self, name: str, number: int) -> None:
        """Take a version away: it is archived, since nobody may delete a model."""
        self._facts(name)["versions"].pop(str(number), None)
        with self._told("archive the model"):
            self.connection.client.models.archive(name, version=str(number))

    def tag(self, name: str, number: int, key: str, value: str) -> None:
        """Set a tag of a version."""
        self._facts(name)["versions"][str(number)]["tags"][key] = value

    def untag(self, name: str, number: int, key: str) -> None:
        """Take a tag away."""
        self._facts(name)["versions"][str(number)]["tags"].pop(key, None)

    def point(self, name: str, alias: str, number: int) -> None:
        """Point an alias at a version."""
        self._facts(name)["aliases"][alias] = number

    def unpoint(self, name: str, alias: str) -> None:
        """Take an alias away."""
        self._facts(name)["aliases"].pop(alias, None)

    def _facts(self, name: str) -> dict[str, Any]:
        """Return what is known of a model: within a block what the block makes of it."""
        return (self._open.get(name) or self._read(name)).facts

    def _read(self, name: str) -> _Open:
        with self._told("read the registry"):
            try:
                found = self._blobs().download_blob(_blob(name))
                facts = json.loads(found.readall())
            except ResourceNotFoundError:
                return _Open({"versions": {}, "aliases": {}}, None, "")
        opened = _Open(facts, found.properties.etag, "")
        opened.before = opened.text
        return opened

    def _write(self, name: str, found: _Open) -> None:
        """Write a model's blob where it is as it was read.

        Raises:
            ChangedElsewhereError: It is not.
        """
        found.facts["change"] = change = uuid.uuid4().hex
        unchanged = {"match_condition": MatchConditions.IfNotModified, "etag": found.etag} if found.etag else {}
        with self._told("write the registry"):
            try:
                self._blobs().upload_blob(_blob(name), found.text.encode(), overwrite=bool(found.etag), **unchanged)
            except (ResourceModifiedError, ResourceExistsError) as error:
                if self._read(name).facts.get("change") != change:  # else it was written, and the answer was lost
                    raise ChangedElsewhereError from error

    def _show(self, name: str, facts: Mapping[str, Any]) -> None:
        """Write on the model assets, as tags, what the studio is to show; that this fails undoes nothing, and the next change writes it."""
        try:
            with self._told("write the tags of models"):
                for one in self._assets(name):
                    known = facts["versions"].get(str(one.version))
                    tags = _shown(int(one.version), known["tags"], facts["aliases"]) if known else None
                    if tags is not None and tags != dict(one.tags):
                        one.tags = tags
                        self._put(one)
        except MlopsError as error:
            print(f"  the studio shows older tags for now: {error.message}", file=sys.stderr)

    def _assets(self, name: str) -> list[Model]:
        """Return the model assets that are versions of a registry; a workspace that only serves has others, called by their digest."""
        try:
            return [one for one in self.connection.client.models.list(name=name) if str(one.version).isdigit()]
        except ResourceNotFoundError:
            return []

    def _put(self, model: Model) -> None:
        with silent():
            self.connection.client.models.create_or_update(model)

    def _blobs(self) -> ContainerClient:
        if self._container is None:
            self._container = opened(self.connection, DATASTORE)
        return self._container

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        with told(what, where=self.uri):
            yield


def _blob(name: str) -> str:
    return f"slipway/registry/{quote(name, safe='')}.json"


def _shown(number: int, tags: Mapping[str, str], aliases: Mapping[str, int]) -> dict[str, str]:
    """Return the tags of a model asset: its digest, where it is, whether the gate approved it, on which evidence, and what made it."""
    verdict = json.loads(tags.get(VERDICT) or "{}")
    stages = sorted(alias for alias, at in aliases.items() if at == number and alias != "champion")
    against = f"v{verdict['against']}" if verdict.get("against") else "no champion"
    found = {
        DIGEST: tags[DIGEST],
        "stage": ", ".join(stages),
        "champion": "true" if aliases.get("champion") == number else "",
        "verdict": f"approved against {against}" if verdict.get("approved") else "not approved",
        "evidence": verdict.get("evidence", ""),
        "rolled_back": tags.get(ROLLED_BACK, ""),
        **{key: tags.get(key, "") for key in _SHOWN},
    }
    return {key: value[:_LONGEST] for key, value in found.items() if value}

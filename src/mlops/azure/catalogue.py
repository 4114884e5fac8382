"""The versions of one kind of asset in a workspace or in a registry: created by their content, found, listed, archived.

A version that was created here carries the digest of its content as a tag. So it is known without a byte being sent whether a content is there
already, and whether a version that a file names is another one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from azure.ai.ml import load_component, load_data, load_environment, load_model
from azure.ai.ml.exceptions import AssetPathException
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from marshmallow import ValidationError

from mlops.azure.content import CONTENT, content_of, version_of
from mlops.azure.failures import clean, told
from mlops.azure.submission import silent
from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.ai.ml import MLClient

    from mlops.assets.reference import Reference
    from mlops.spec.source import Source

LABELS = ("latest", "default")
PLURALS = {"data": "data", "component": "components", "environment": "environments", "model": "models"}
"""How a kind is called in ids."""
_LOADERS = {"data": load_data, "component": load_component, "environment": load_environment, "model": load_model}
_REFUSED = {400, 409}
ACTIVE, ARCHIVED, EVERY = "ActiveOnly", "ArchivedOnly", "All"
"""What a list shows, as words: azure-ai-ml 1.35.2 asks a registry for `ListViewType.ACTIVE_ONLY`, by that name, where its own enumeration is given."""


@dataclass(frozen=True)
class Version:
    """One version as the service tells it. `new` where it was not there before it was asked for."""

    kind: str
    name: str
    version: str
    registry: str | None
    type: str = ""
    digest: str = ""
    """Of its content; empty where somebody else created it."""
    path: str = ""
    image: str = ""
    conda_file: Mapping[str, Any] | None = None
    build: str = ""
    description: str = ""
    origin: str = ""
    """Who created it."""
    created: str = ""
    archived: bool = False
    new: bool = False

    @property
    def reference(self) -> str:
        """What a job names it by."""
        if self.registry:
            return f"azureml://registries/{self.registry}/{PLURALS[self.kind]}/{self.name}/versions/{self.version}"
        return f"azureml:{self.name}:{self.version}"


@dataclass
class Catalogue:
    """The assets of one kind.

    Args:
        kind: data, component, environment or model.
        client: A workspace's, or a registry's.
        where: Which one, for messages.
        registry: Its name, where it is one.
    """

    kind: str
    client: MLClient
    where: str
    registry: str | None = None

    @property
    def operations(self) -> Any:
        """azure-ai-ml's operations for this kind."""
        return getattr(self.client, self.kind if self.kind == "data" else PLURALS[self.kind])

    def create(self, source: Source, version: str | None) -> Version:
        """Register a version, unless it is there with this content.

        Args:
            source: Its YAML, with what the command line says in its place.
            version: None: the one that is made from the content.

        Raises:
            UsageError: The version is there with other content, or azure-ai-ml or the service does not take the file.
            PlatformError: It could not be done now.
        """
        content = content_of(self.kind, source)
        wanted = version or version_of(content)
        with told(f"register the {self.kind}", where=str(source.path)), silent():
            made = self._loaded(source, wanted)
            there = self.get(str(made.name), wanted)
            if there is not None and there.digest:
                if there.digest != content:
                    raise self._other(there, source)
                return there
            made.tags = {**(made.tags or {}), CONTENT: content}
            try:
                found = self.operations.create_or_update(made)
            except (AssetPathException, HttpResponseError) as error:
                return self._taken(source, str(made.name), wanted, content, error)
        return replace(self._told(found), new=there is None)

    def _taken(self, source: Source, name: str, version: str, content: str, error: AssetPathException | HttpResponseError) -> Version:
        """Return the version where another machine has registered this content in the same moment; else raise what there is to say."""
        there = self.get(name, version) if isinstance(error, AssetPathException) or error.status_code in _REFUSED else None
        if there is None:
            raise error
        if there.digest != content:
            raise self._other(there, source, clean(error)) from error
        return there

    def _loaded(self, source: Source, version: str) -> Any:
        """Return azure-ai-ml's own reading of the file, in which the command line's words are."""
        text = io.StringIO(yaml.safe_dump(source.value | {"version": version}, sort_keys=False))
        beside = source.path if source.path.is_file() else Path.cwd() / "asset.yml"
        try:
            return _LOADERS[self.kind](text, relative_origin=str(beside.resolve()))
        except ValidationError as error:
            raise UsageError(f"azure-ai-ml does not take it: {clean(error)}", where=str(source.path), hint="docs/azure.md") from error

    def _other(self, there: Version, source: Source, said: str = "") -> UsageError:
        what = f"{self.kind} {there.name}:{there.version} is in the {self.where} already, with other content"
        hint = "A version never changes. Leave `version` out, and it is made from the content; or take one that is free: --version NUMBER."
        return UsageError(f"{what}{f': {said}' if said else ''}", where=str(source.path), hint=hint)

    def get(self, name: str, version: str) -> Version | None:
        """Return one version, or None where there is none; what Azure raises is not turned into an error of ours."""
        try:
            return self._told(self.operations.get(name, version=version))
        except ResourceNotFoundError:
            return None

    def find(self, reference: Reference) -> Version:
        """Return the version that a reference names; without version and label the newest that was created and is not archived.

        Raises:
            UsageError: There is none.
        """
        if reference.label and reference.label not in LABELS:
            raise UsageError(f"{self.kind} {reference}: there is no label {reference.label!r}", hint=f"Labels: {', '.join(LABELS)}")
        with told(f"find the {self.kind} {reference}", where=self.where):
            if reference.version is None:
                alive = self._versions(reference.name, ACTIVE)
                found = max(alive, key=lambda one: one.created, default=None)
                return self._whole(found) if found else self._none(reference)
            one = self.get(reference.name, reference.version)
            if one is None:
                return self._none(reference)
            put_away = self._versions(reference.name, ARCHIVED)
            return replace(one, archived=any(other.version == one.version for other in put_away))

    def _whole(self, found: Version) -> Version:
        """Return a version with all its facts: a registry's list leaves some out."""
        return (self.get(found.name, found.version) if self.registry else None) or found

    def _none(self, reference: Reference) -> Version:
        known = [one.version for one in self._versions(reference.name, EVERY)]
        there = f"Its versions: {', '.join(known)}\n" if known else ""
        to = f" --registry-name {self.registry}" if self.registry else ""
        hint = f"{there}Add it: mlops {self.kind} create -f FILE.yml --where azure{to}"
        raise UsageError(f"{self.kind} {reference} is not in the {self.where}", hint=hint)

    def listing(self, name: str | None, *, every: bool = False, archived: bool = False) -> list[Version]:
        """Return the versions of a name, the newest first, or of each name the newest.

        Args:
            name: None: each name.
            every: Archived ones too.
            archived: Archived ones alone.

        Raises:
            UsageError: Archived ones are asked for, and cannot be.
        """
        if (every or archived) and not self.tells_archived:
            raise UsageError(f"azure-ai-ml does not ask a registry which {self.kind} is archived", hint="The studio shows it.")
        view = EVERY if every else ARCHIVED if archived else ACTIVE
        with told(f"list each {self.kind}", where=self.where):
            if name:
                return sorted(self._versions(name, view), key=lambda one: one.created, reverse=True)
            return sorted(self._names(view), key=lambda one: one.name)

    def _names(self, view: str) -> Iterator[Version]:
        """Yield each name with its newest version, as the service tells both in one answer; it says less than of a version."""
        for one in self.operations.list(list_view_type=view):
            if one.latest_version:
                told_type = self._told(one).type if self.kind in {"data", "environment"} else ""
                yield replace(self._told(one), version=str(one.latest_version), type=told_type, archived=view == ARCHIVED)

    def _versions(self, name: str, view: str) -> list[Version]:
        """Return the versions of a name; which of them are archived is what a list of the archived ones holds."""
        if view == ARCHIVED and not self.tells_archived:
            return []
        try:
            found = [self._told(one) for one in self.operations.list(name, list_view_type=view)]
        except ResourceNotFoundError:
            return []
        if view == ACTIVE:
            return found
        away = {one.version for one in (self._versions(name, ARCHIVED) if view == EVERY else found)}
        return [replace(one, archived=one.version in away) for one in found]

    @property
    def tells_archived(self) -> bool:
        """Whether lists can be asked for what is archived: azure-ai-ml 1.35.2 asks a registry for it where data are meant, and else for what it gives."""
        return not self.registry or self.kind == "data"

    def archive(self, reference: Reference, *, archived: bool) -> list[Version]:
        """Archive (or bring back) one version, or a name with all its versions; return them.

        Raises:
            UsageError: There is none.
        """
        with told(f"{'archive' if archived else 'restore'} the {self.kind} {reference}", where=self.where), silent():
            one = [self.find(reference)] if reference.version or reference.label else []
            meant = one or self._versions(reference.name, EVERY) or [self._none(reference)]
            do = self.operations.archive if archived else self.operations.restore
            do(reference.name, **({"version": one[0].version} if one else {}))
        return [replace(one, archived=archived) for one in meant]

    def _told(self, one: Any) -> Version:
        """Return what azure-ai-ml's entity says, as a value."""
        context = one.creation_context
        made = getattr(context, "created_at", None)
        return Version(
            self.kind,
            str(one.name),
            str(one.version),
            self.registry,
            type="environment" if self.kind == "environment" else str(getattr(one, "type", "") or "").removesuffix("_component"),
            digest=str((one.tags or {}).get(CONTENT, "")),
            path=str(getattr(one, "path", "") or "") if self.kind in {"data", "model"} else "",
            image=str(getattr(one, "image", "") or ""),
            conda_file=getattr(one, "conda_file", None) or None,
            build=str(getattr(getattr(one, "build", None), "path", "") or ""),
            description=str(one.description or ""),
            origin=str(getattr(context, "created_by", "") or ""),
            created=made.isoformat() if isinstance(made, datetime) else str(made or ""),
        )

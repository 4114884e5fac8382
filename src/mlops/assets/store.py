"""The asset store: versions of data, models, environments and components under `.mlops/assets/`, one small JSON file each.

A version never changes. `latest` is the newest that was created and is not archived, whatever its number, as on Azure ML. Archived versions
stay where they are and can still be named; they are only left out of lists and of `latest`.
"""

from __future__ import annotations

import json

from mlops.assets.objects import Objects
from mlops.errors import UsageError
from mlops.files import locked, read_json, write_json
from mlops.local.runs import now
from mlops.records import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from mlops.assets.reference import Reference

KINDS = ("data", "component", "environment", "model")
LABELS = ("latest", "default")


@dataclass(frozen=True)
class Draft:
    """An asset that is to be registered."""

    kind: str
    name: str
    version: str | None
    """None: the next number that is free."""
    type: str
    path: Path | None = None
    """What is kept with it: a file or a folder here."""
    uri: str = ""
    """Where it is, for what stays elsewhere: it is looked up when it is used."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """What else decides what it is, as JSON: of an environment its image and packages."""
    described: Mapping[str, Any] = field(default_factory=dict)
    """What is said about it and decides nothing: description, tags, stage."""
    origin: str = ""
    registry: str | None = None
    link: bool = False
    """Whether the bytes may be shared with `path`: it is a run's own, and read-only."""

    def keeping(self, path: Path) -> Draft:
        """Return the draft with a file or folder that is kept with it."""
        return replace(self, path=path)


@dataclass(frozen=True)
class Version:
    """A registered version of an asset."""

    kind: str
    name: str
    version: str
    type: str
    path: str
    """Of what is kept with it, below the store's folder; empty where nothing is."""
    digest: str
    uri: str
    body: Mapping[str, Any]
    described: Mapping[str, Any]
    origin: str
    created: str
    number: int
    """How manieth of its name it was: clocks go back, this does not."""
    archived: bool = False
    registry: str | None = None

    @property
    def same(self) -> tuple[Any, ...]:
        """What two versions have in common that are the same asset."""
        return self.type, self.digest, self.uri, self.body

    @property
    def reference(self) -> str:
        if self.registry:
            kinds = "data" if self.kind == "data" else f"{self.kind}s"
            return f"azureml://registries/{self.registry}/{kinds}/{self.name}/versions/{self.version}"
        return f"azureml:{self.name}:{self.version}"


class AssetStore:
    """The assets of one state folder."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "assets"
        self.objects = Objects(self.folder / "objects")

    def create(self, draft: Draft, *, anew: bool = True) -> Version:
        """Register a version, or return the one that is there with the same content.

        Args:
            draft: What to register.
            anew: Without a version in the draft, make a new one although the newest has the same content.

        Raises:
            UsageError: The version is there with other content.
            PlatformError: The disk is full, or not writable.
        """
        path, digest = self.objects.keep(draft.path, link=draft.link) if draft.path else (None, "")
        with locked(self.folder / "lock"):
            before = self.versions(draft.kind, draft.name, draft.registry)
            made = _numbered(draft, before, path.relative_to(self.folder).as_posix() if path else "", digest)
            there = next((one for one in before if one.version == made.version), None)
            if there is None and draft.version is None and not anew:
                there = next((one for one in before[-1:] if one.same == made.same), None)
            if there is None:
                self._write(made)
                return made
        if there.same != made.same:
            said = f"{made.kind} {made.name}:{made.version} is registered already, with other content (from {there.origin})"
            hint = f"A version never changes. The next free one: --set version={_next(before)}, or leave `version` out."
            raise UsageError(said, where=draft.origin, hint=hint)
        return there

    def versions(self, kind: str, name: str, registry: str | None = None) -> list[Version]:
        """Return the versions of a name, archived ones too, in the order in which they were created."""
        found = (read_json(path) for path in self._folder(kind, registry).joinpath(name).glob("*.json"))
        return sorted((Version(**facts) for facts in found if facts), key=lambda one: one.number)

    def names(self, kind: str, registry: str | None = None) -> list[str]:
        """Return the names that have versions."""
        folder = self._folder(kind, registry)
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def find(self, kind: str, reference: Reference) -> Version:
        """Return the version that a reference names.

        Raises:
            UsageError: There is none; the hint says which there are, or the command that adds it.
        """
        versions = self.versions(kind, reference.name, reference.registry)
        if reference.label and reference.label not in LABELS:
            hint = f"Labels here: {', '.join(LABELS)}; or name the version: {_listed(versions)}"
            raise UsageError(f"{kind} {reference}: there is no label {reference.label!r}", hint=hint)
        alive = [one for one in versions if not one.archived]
        wanted = [one for one in versions if one.version == reference.version] if reference.version else alive[-1:]
        if wanted:
            return wanted[0]
        raise UsageError(f"{kind} {reference} is not in the asset store", hint=self._how(kind, reference, versions))

    def listing(self, kind: str, registry: str | None = None) -> Iterator[tuple[str, list[Version]]]:
        """Yield each name with its versions, archived ones too."""
        for name in self.names(kind, registry):
            yield name, self.versions(kind, name, registry)

    def archive(self, kind: str, reference: Reference, *, archived: bool = True) -> list[Version]:
        """Archive (or bring back) one version, or all of a name; return them.

        Raises:
            UsageError: There is none.
        """
        with locked(self.folder / "lock"):
            one = [self.find(kind, reference)] if reference.version or reference.label else None
            meant = one or self.versions(kind, reference.name, reference.registry)
            if not meant:
                self.find(kind, reference)
            for version in meant:
                self._write(replace(version, archived=archived))
        return [replace(version, archived=archived) for version in meant]

    def content(self, version: Version) -> Path | None:
        """Return where the bytes of a version are; None where it keeps none."""
        return self.folder / version.path if version.path else None

    def _how(self, kind: str, reference: Reference, versions: list[Version]) -> str:
        more = f" --registry-name {reference.registry}" if reference.registry else ""
        if versions and reference.version is None:
            return f"All its versions are archived: mlops {kind} restore --name {reference.name}{more}"
        version = f" version={reference.version}" if reference.version else ""
        add = f"Add it: mlops {kind} create -f FILE.yml --set name={reference.name}{version}{more}"
        near = _near(reference.name, self.names(kind, reference.registry))
        there = f"Its versions: {_listed(versions)}" if versions else f"Did you mean {' or '.join(near)}?" if near else ""
        return f"{there}\n{add}" if there else add

    def _folder(self, kind: str, registry: str | None) -> Path:
        return self.folder / "registries" / registry / kind if registry else self.folder / kind

    def _write(self, version: Version) -> None:
        from dataclasses import asdict

        facts = {**asdict(version), "body": dict(version.body), "described": dict(version.described)}
        write_json(self._folder(version.kind, version.registry) / version.name / f"{version.version}.json", facts)


def _near(name: str, known: list[str]) -> list[str]:
    if not known:
        return []
    import difflib

    return difflib.get_close_matches(name, known, n=3)


def _numbered(draft: Draft, before: list[Version], path: str, digest: str) -> Version:
    """Return the version that a draft becomes after those that there are."""
    return Version(
        draft.kind,
        draft.name,
        draft.version or _next(before),
        draft.type,
        path,
        digest,
        draft.uri,
        _plain(draft.body),
        _plain(draft.described),
        draft.origin,
        now(),
        max((one.number for one in before), default=0) + 1,
        registry=draft.registry,
    )


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping as JSON gives it back: a day of YAML's is a text."""
    return dict(json.loads(json.dumps(value, default=str)))


def _next(versions: list[Version]) -> str:
    return str(max((int(one.version) for one in versions if one.version.isdecimal()), default=0) + 1)


def _listed(versions: list[Version]) -> str:
    return ", ".join(f"{one.version}{' (archived)' if one.archived else ''}" for one in versions) or "none yet"

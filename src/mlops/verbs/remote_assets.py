"""What the verbs about assets do where they are in a workspace or a registry on Azure ML. Imported only then."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops.api import place
from mlops.assets.definition import read_definition
from mlops.assets.lookup import open_assets
from mlops.assets.pins import loose
from mlops.azure.built_images import built_image
from mlops.azure.built_images import pin as pinned
from mlops.azure.registries import catalogue
from mlops.azure.sharing import share as shared
from mlops.errors import UsageError
from mlops.spec.pipeline import check_component
from mlops.spec.recognition import asset_kind
from mlops.spec.source import read
from mlops.verbs.assets import table
from mlops.verbs.remote import chosen, workspace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from mlops.assets.reference import Reference
    from mlops.azure.catalogue import Catalogue, Version
    from mlops.spec.source import Source

FOLDERS = {"component": "src/pipelines/components", "environment": "environments/images"}
"""Where the project keeps the files of a kind: without a file, all of them are meant."""


def create(arguments: argparse.Namespace, settings: Mapping[str, str]) -> int:
    """Register what a file says; of a folder, or of the project's own folder, each file."""
    kind = arguments.verb
    sources = _sources(kind, arguments, settings)
    if kind == "component":
        _check(sources)
    there = _catalogue(arguments)
    made = [there.create(source, _version(kind, source, settings)) for source in sources]
    if arguments.json:
        found = [facts(one) | {"new": one.new} for one in made]
        print(json.dumps(found if kind == "component" or _whole_folder(arguments, settings) else found[0], ensure_ascii=False))
        return 0
    for one in made:
        print(f"{kind} {one.reference}   {'new' if one.new else 'was there'}")
    for said in [said for source in sources for said in loose(source)] if kind == "environment" else []:
        print(f"  note: {said}")
    return 0


def _whole_folder(arguments: argparse.Namespace, settings: Mapping[str, str]) -> bool:
    return Path(arguments.file).is_dir() if arguments.file else not settings


def _sources(kind: str, arguments: argparse.Namespace, settings: Mapping[str, str]) -> list[Source]:
    """Return the definitions that are meant.

    Raises:
        UsageError: There is none.
        SpecError: One cannot be read.
    """
    if not _whole_folder(arguments, settings):
        return [read_definition(Path(arguments.file) if arguments.file else None, settings)]
    if kind not in FOLDERS:
        raise UsageError("nothing to create", hint=f"Name the file: mlops {kind} create -f FILE.yml --where azure")
    folder = Path(arguments.file) if arguments.file else place()[0] / FOLDERS[kind]
    files = sorted(folder.glob("*.yml") if kind == "component" else folder.rglob("*.yml"))
    found = [read_definition(file, settings) for file in files if kind == "component" or asset_kind(read(file).value) == kind]
    if not found:
        raise UsageError(f"there is no {kind} at {folder}", hint=f"mlops {kind} create -f FILE_OR_FOLDER --where azure")
    return found


def _version(kind: str, source: Source, settings: Mapping[str, str]) -> str | None:
    """Return the version that is asked for. Components' files carry one that nobody counts up: theirs is asked for on the command line alone."""
    said = settings.get("version") if kind == "component" else source.value.get("version")
    return None if said is None else str(said)


def _check(sources: list[Source]) -> None:
    for source in sources:
        check_component(source.path, open_assets(*place(), fetching=False))


def _catalogue(arguments: argparse.Namespace) -> Catalogue:
    return catalogue(workspace(arguments.environment), arguments.verb, getattr(arguments, "registry", None))


def facts(one: Version) -> dict[str, Any]:
    """Return a version as `show` prints it: what is empty is left out."""
    said = {**asdict(one), "reference": one.reference}
    del said["new"]
    return {key: value for key, value in said.items() if value not in ("", None) or key == "origin"}


def list_(arguments: argparse.Namespace) -> int:
    """List the names of a kind with their newest version, or the versions of one name."""
    every, archived = getattr(arguments, "include_archived", False), getattr(arguments, "archived_only", False)
    there = _catalogue(arguments)
    found = [facts(one) for one in there.listing(getattr(arguments, "name", None), every=every, archived=archived)]
    rows = [{"type": "", "created": "", "origin": "", **one} for one in found]
    nothing = f"no {there.kind} is in the {there.where}: mlops {there.kind} create -f FILE.yml --where azure"
    print(json.dumps(found, ensure_ascii=False) if arguments.json else "\n".join(table(rows)) or nothing)
    return 0


def show(arguments: argparse.Namespace, reference: Reference) -> int:
    """Show one version of an asset; of an environment of the workspace also the image that was built from it."""
    connection = workspace(arguments.environment)
    one = catalogue(connection, arguments.verb, reference.registry).find(reference)
    told = facts(one)
    if one.kind == "environment" and not one.registry:
        built = built_image(connection, one.name, one.version)
        told["built"] = built.address if built else "the service tells of no image of it"
    print(json.dumps(told, ensure_ascii=False) if arguments.json else yaml.safe_dump(told, sort_keys=False, allow_unicode=True).rstrip())
    return 0


def archive(arguments: argparse.Namespace, reference: Reference, *, archived: bool) -> int:
    """Archive versions, or bring them back."""
    meant = catalogue(workspace(arguments.environment), arguments.verb, reference.registry).archive(reference, archived=archived)
    words = ", ".join(f"{one.name}:{one.version}" for one in meant)
    said = f"{words}: {'archived' if archived else 'restored'}"
    print(json.dumps([facts(one) for one in meant], ensure_ascii=False) if arguments.json else said)
    return 0


def share(arguments: argparse.Namespace, reference: Reference) -> int:
    """Bring a version of the workspace into a registry."""
    registry = arguments.registry or _registry_of(arguments.environment)
    connection = workspace(arguments.environment)
    other = {"name": arguments.share_with_name or "", "version": arguments.share_with_version or ""}
    one = shared(connection, arguments.verb, reference, registry, **other)
    said = f"{arguments.verb} {one.reference}   {'new' if one.new else 'was there'}"
    print(json.dumps(facts(one) | {"new": one.new}, ensure_ascii=False) if arguments.json else said)
    return 0


def _registry_of(environment: str | None) -> str:
    there = chosen(place()[0], environment)
    if not (there.azure and there.azure.registry):
        hint = "--registry NAME, or once `azure: registry: NAME` in the environment's file; make infra ENV=shared prints its name."
        raise UsageError("which registry?", where=f"environments/{there.name}.yml", hint=hint)
    return there.azure.registry


def pin(arguments: argparse.Namespace, reference: Reference) -> int:
    """Register an environment that is the image which was built from another one."""
    connection = workspace(arguments.environment)
    one = catalogue(connection, "environment").find(reference)
    made, built = pinned(connection, one, place()[0])
    if arguments.json:
        print(json.dumps(facts(made) | {"new": made.new, "built_from": one.reference}, ensure_ascii=False))
        return 0
    print(
        f"environment {made.reference}   {'new' if made.new else 'was there'}\n  is         {built.address}\n  built from {one.reference}"
    )
    return 0

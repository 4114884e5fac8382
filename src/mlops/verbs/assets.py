"""The verbs about assets, as `az ml` has them: data, component, environment and model, each with create, list, show, archive, restore."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops.api import place
from mlops.errors import UsageError
from mlops.files import shown

if TYPE_CHECKING:
    import argparse

    from mlops.assets.reference import Reference
    from mlops.assets.store import AssetStore, Draft, Version
    from mlops.spec.source import Source

OPTIONS = ("name", "version", "type", "path", "description", "image", "conda_file")
"""Options of `create` that say what the file may say, too; what is given on the command line counts."""


def create(arguments: argparse.Namespace) -> int:
    """Register a version of an asset."""
    from mlops.assets.definition import read_definition, settings_of

    kind = arguments.verb
    settings = settings_of(arguments.set) | {key: value for key in OPTIONS if (value := getattr(arguments, key, None)) is not None}
    if _there(arguments):
        from mlops.verbs import remote_assets

        return remote_assets.create(arguments, settings)
    if arguments.file is None and not settings:
        raise UsageError("nothing to create", hint=f"Name the file: mlops {kind} create -f FILE.yml")
    source = read_definition(Path(arguments.file) if arguments.file else None, settings)
    store = _store()
    made = _create_component(store, source, arguments) if kind == "component" else store.create(_draft(kind, source, arguments))
    if arguments.json:
        print(json.dumps(_facts(made, store), ensure_ascii=False))
    else:
        print(f"{kind} {made.name}:{made.version}   {made.type}   {made.digest[:19] or made.uri or made.body.get('image') or ''}")
        print(f"  use it     {made.reference}{'' if made.registry else f'  or  azureml:{made.name}@latest'}")
    return 0


def _there(arguments: argparse.Namespace) -> bool:
    return getattr(arguments, "where", "local") == "azure"


def _draft(kind: str, source: Source, arguments: argparse.Namespace) -> Draft:
    from mlops.assets.definition import read_draft

    return read_draft(kind, source, arguments.registry)


def _create_component(store: AssetStore, source: Source, arguments: argparse.Namespace) -> Version:
    """Check a component as a run would, and register it with all that it names."""
    from mlops.assets.bundle import bundle
    from mlops.assets.definition import component_draft
    from mlops.assets.lookup import COMPONENT_FILE
    from mlops.spec.pipeline import check_component

    draft = component_draft(source, arguments.registry)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / draft.name
        if arguments.file:
            check_component(Path(arguments.file), _assets())
        bundle(source, target)
        check_component(target / COMPONENT_FILE, _assets())
        return store.create(draft.keeping(target))


def list_(arguments: argparse.Namespace) -> int:
    """List the names of a kind with their newest version, or the versions of one name."""
    if _there(arguments):
        from mlops.verbs import remote_assets

        return remote_assets.list_(arguments)
    store, kind = _store(), arguments.verb
    found = listed(store, kind, arguments)
    print(json.dumps(found, ensure_ascii=False) if arguments.json else "\n".join(table(found)) or _none(kind))
    return 0


def listed(store: AssetStore, kind: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return what `list` lists: of each name the newest version, or of one name all."""
    every, only = getattr(arguments, "include_archived", False), getattr(arguments, "archived_only", False)
    name, registry = getattr(arguments, "name", None), getattr(arguments, "registry", None)
    found = []
    for one, versions in store.listing(kind, registry):
        chosen = [version for version in versions if every or version.archived == only]
        if name in {None, one}:
            found += [_facts(version, store) for version in (reversed(chosen) if name else chosen[-1:])]
    return found


def table(facts: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a list of versions."""
    rows = [
        (f"{one['name']}:{one['version']}", one["type"], one["created"][:16].replace("T", " "), one["origin"], "archived" * one["archived"])
        for one in facts
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _none(kind: str) -> str:
    return f"no {kind} is registered yet: mlops {kind} create -f FILE.yml"


def show(arguments: argparse.Namespace) -> int:
    """Show one version of an asset."""
    if _there(arguments):
        from mlops.verbs import remote_assets

        return remote_assets.show(arguments, _reference(arguments))
    store = _store()
    facts = _facts(store.find(arguments.verb, _reference(arguments)), store)
    print(json.dumps(facts, ensure_ascii=False) if arguments.json else yaml.safe_dump(facts, sort_keys=False, allow_unicode=True).rstrip())
    return 0


def archive(arguments: argparse.Namespace) -> int:
    """Leave versions out of lists and of `latest`; they can still be named."""
    return _archive(arguments, archived=True)


def restore(arguments: argparse.Namespace) -> int:
    """Bring archived versions back into lists."""
    return _archive(arguments, archived=False)


def share(arguments: argparse.Namespace) -> int:
    """Bring a version from a workspace into a registry."""
    from mlops.verbs import remote_assets

    return remote_assets.share(arguments, _reference(arguments))


def pin(arguments: argparse.Namespace) -> int:
    """Register an environment that is the image which the service built from another one."""
    from mlops.verbs import remote_assets

    return remote_assets.pin(arguments, _reference(arguments))


def _archive(arguments: argparse.Namespace, *, archived: bool) -> int:
    if _there(arguments):
        from mlops.verbs import remote_assets

        return remote_assets.archive(arguments, _reference(arguments), archived=archived)
    store = _store()
    meant = store.archive(arguments.verb, _reference(arguments), archived=archived)
    facts = [_facts(version, store) for version in meant]
    words = ", ".join(f"{one.name}:{one.version}" for one in meant)
    print(json.dumps(facts, ensure_ascii=False) if arguments.json else f"{words}: {'archived' if archived else 'restored'}")
    return 0


def _reference(arguments: argparse.Namespace) -> Reference:
    """Return the asset that the arguments name: `NAME`, `NAME:VERSION`, `azureml:NAME@LABEL`, or with options."""
    from mlops.assets.reference import Reference, parse

    text = arguments.named or arguments.name
    if not text:
        raise UsageError(
            f"which {arguments.verb}?", hint=f"mlops {arguments.verb} {arguments.part} NAME; what there is: mlops {arguments.verb} list"
        )
    found = parse(text if text.startswith("azureml:") else f"azureml:{text}")
    if not isinstance(found, Reference):
        raise UsageError(f"{text!r} names no asset", hint="NAME, NAME:VERSION or NAME@LABEL")
    version, label = arguments.version or found.version, getattr(arguments, "label", None) or found.label
    return Reference(found.name, version, label, getattr(arguments, "registry", None) or found.registry)


def _facts(version: Version, store: AssetStore) -> dict[str, Any]:
    """Return a version as its `show` prints it: what is empty is left out."""
    facts = {**asdict(version), **version.described, **version.body, "reference": version.reference}
    content = store.content(version)
    if content is not None:
        facts["path"] = shown(content, Path.cwd())
    for key in ("described", "body", "number"):
        del facts[key]
    return {key: value for key, value in facts.items() if value not in ("", None) or key == "origin"}


def _store() -> AssetStore:
    from mlops.assets.store import AssetStore

    return AssetStore(place()[1])


def _assets() -> Any:
    from mlops.assets.lookup import open_assets

    return open_assets(*place(), fetching=False)

"""From a workspace into a registry, and so to other workspaces: azure-ai-ml's own `share`, done once for each version."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from mlops.azure.failures import told
from mlops.azure.registries import catalogue
from mlops.azure.submission import silent
from mlops.errors import PlatformError, UsageError

if TYPE_CHECKING:
    from mlops.assets.reference import Reference
    from mlops.azure.catalogue import Catalogue, Version
    from mlops.azure.connection import Connection

PAUSE, PATIENCE = 1.0, 60.0
"""Seconds between two looks for what was shared, and how long it is looked for: a registry tells of what is new a little later."""


def share(connection: Connection, kind: str, reference: Reference, registry: str, *, name: str = "", version: str = "") -> Version:
    """Bring one version of the workspace into a registry; one that is there already is left alone.

    Args:
        connection: The workspace that has it.
        kind: data, environment or model.
        reference: Which one; its newest without a version.
        registry: Where to.
        name: What it is called there; as it is without.
        version: Its version there; as it is without.

    Raises:
        UsageError: It is not in the workspace, or another content is there under this version.
        PlatformError: It could not be done now.
    """
    if kind == "component":
        hint = f"The same file is the same version there: mlops component create -f FILE.yml --where azure --registry-name {registry}"
        raise UsageError("Azure ML shares no component from a workspace", hint=hint)
    here, there = catalogue(connection, kind), catalogue(connection, kind, registry)
    one = here.find(reference)
    name, version = name or one.name, version or one.version
    with told(f"look for the {kind} {name}:{version}", where=there.where):
        known = there.get(name, version)
    if known is not None:
        return _same(one, known)
    with told(f"share the {kind} {one.name}:{one.version}", where=there.where), silent():
        try:
            given = {"share_with_name": name, "share_with_version": version, "registry_name": registry}
            here.operations.share(one.name, one.version, **given)
        except ResourceNotFoundError:
            pass  # azure-ai-ml looks for it in the moment in which it was shared
        return replace(_seen(there, name, version), new=True)


def _same(one: Version, known: Version) -> Version:
    """Return what the registry has, unless both say what they hold, and it is not the same."""
    if one.digest and known.digest and one.digest != known.digest:
        hint = "A version never changes. Share it under another: --share-with-version VERSION"
        raise UsageError(f"{known.reference} is there already, with other content than {one.name}:{one.version}", hint=hint)
    return known


def _seen(there: Catalogue, name: str, version: str) -> Version:
    end = time.monotonic() + PATIENCE
    while (found := there.get(name, version)) is None:
        if time.monotonic() > end:
            hint = "The same command again shares it once more, or finds it."
            raise PlatformError(f"the registry does not show {there.kind} {name}:{version} yet", where=there.where, hint=hint)
        time.sleep(PAUSE)
    return found

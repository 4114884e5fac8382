"""What an asset is, as one digest: of its bytes and of what its YAML says of it. The same content is the same version, whoever registers it and where."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.assets.bundle import bundle
from mlops.assets.definition import read_draft
from mlops.assets.objects import files_of
from mlops.errors import UsageError
from mlops.files import digest_bytes, digest_file, digest_folder

if TYPE_CHECKING:
    from mlops.assets.store import Draft
    from mlops.spec.source import Source

CONTENT = "slipway.content"
"""The tag that says which content a version has; one without it was made by somebody else."""
_LETTERS = 16  # of the digest
_THERE = ("os_type", "inference_config")
"""What of an environment has no effect on this machine, and has one on the service."""


def content_of(kind: str, source: Source) -> str:
    """Return `sha256:<hex>` of what decides what an asset is; its name, its version and what is said about it do not, but of a component.

    Of data and models: type, and the bytes or the address. Of environments: image, conda file, build context. Of components: the whole YAML
    less its version, the code, and all that it names by path.

    Raises:
        SpecError: With every mistake at its line.
        UsageError: Something that it names is not there.
    """
    if kind == "component":
        return digest_bundle(source)
    draft = read_draft(kind, source)
    there = {key: source.value[key] for key in _THERE if key in source.value} if kind == "environment" else {}
    facts = [draft.kind, draft.type, _bytes(draft), draft.uri, _body(draft), there]
    return digest_bytes(json.dumps(facts, sort_keys=True, default=str).encode())


def digest_bundle(source: Source) -> str:
    """Return `sha256:<hex>` of a component or pipeline with its code and all that it names by path."""
    with tempfile.TemporaryDirectory() as folder:
        bundle(source, Path(folder))
        return digest_folder(Path(folder))


def version_of(content: str) -> str:
    """Return the version that a content has, where its file names none."""
    return content.removeprefix("sha256:")[:_LETTERS]


def _bytes(draft: Draft) -> str:
    path = draft.path
    if path is None:
        return ""
    if not path.exists():
        raise UsageError(f"there is no {path.name!r}", where=draft.origin, hint=f"It would be {path}")
    if path.is_file():
        return digest_file(path)
    files = files_of(path)
    return digest_bytes("".join(f"{name}\0{digest_file(files[name])}\n" for name in sorted(files)).encode())


def _body(draft: Draft) -> dict[str, Any]:
    """Return an environment's definition: its conda file as YAML reads it, its build context by its bytes alone."""
    body = dict(draft.body)
    if isinstance(body.get("build"), dict):
        body["build"] = {key: value for key, value in body["build"].items() if key != "path" or draft.path is None}
    return body

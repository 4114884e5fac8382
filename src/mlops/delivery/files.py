"""What a model is made of, as git sees it: the files, and one digest over their content and names.

The same fingerprint means the same data, code, parameters, packages, contract and gate: training again would make the same model.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pathspec

from mlops.files import digest_file, digest_folder, shown
from mlops.spec.values import Asset
from mlops.state.git import answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops.delivery.workspace import Workspace

SHARED = ("requirements.lock", "src/mlops", "environments/staging.yml", "environments/local.yml")
"""What every model of the repository is made with."""
PROSE = pathspec.PathSpec.from_lines("gitignore", ["*.md", "/docs/", "/LICENSE", "/.github/ISSUE_TEMPLATE/", "/.vscode/", "/.editorconfig"])
"""What no check but that of the pages themselves, and no model, depends on."""


def fingerprint(workspace: Workspace, settings: Mapping[str, str]) -> str:
    """Return `sha256:<hex>` over all that decides the model; empty outside of a git repository, or where something is not committed.

    Args:
        workspace: The model.
        settings: Inputs given on the command line: they decide it too.

    Raises:
        SpecError: The pipeline's file is wrong.
    """
    root = workspace.root
    if answer(root, "rev-parse", "--is-inside-work-tree") != "true":
        return ""
    tree = _tree(root, "HEAD")
    parts, outside = places(workspace)
    if answer(root, "status", "--porcelain", "--", *parts):
        return ""
    lines = [f"{name}\0{blob}" for name, blob in sorted(tree.items()) if _below(name, parts)]
    lines += [f"{path}\0{digest_folder(path) if path.is_dir() else digest_file(path)}" for path in outside if path.exists()]
    lines.append(json.dumps(dict(settings), sort_keys=True))
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def places(workspace: Workspace) -> tuple[list[str], list[Path]]:
    """Return the folders and files in the repository that a model is made of, and those outside of git's sight."""
    root, model = workspace.root, workspace.model
    pipeline = workspace.load(model.pipeline, complete=False)
    assets = [Path(bound.path).resolve() for bound in pipeline.values.values() if isinstance(bound, Asset)]
    known = _tree(root, "HEAD")
    within = [shown(path, root) for path in assets if path.is_relative_to(root.resolve())]
    seen = [name for name in within if any(_below(file, [name]) for file in known)]
    outside = [path for path in assets if shown(path, root.resolve()) not in seen]
    own = [model.package, str(Path(model.pipeline).parent)]
    code = {component.code.resolve() for component in pipeline.components if component.code is not None}
    code = {
        folder for folder in code if not (root / model.package).resolve().is_relative_to(folder)
    }  # such as src/, with every model in it
    own += sorted(shown(folder, root.resolve()) for folder in code if folder.is_relative_to(root.resolve()))
    own += [f"environments/{model.name}/{name}.yml" for name in ("staging", "local")]
    return [*SHARED, "src/project/project.yml", *own, model.contract, *seen], outside


def changed(root: Path, base: str | None) -> list[str] | None:
    """Return the files that differ from where this branch left `base`, committed or not; None where that is not known here."""
    if not base or set(base) == {"0"}:
        return None
    fork = answer(root, "merge-base", base, "HEAD") or (base if answer(root, "cat-file", "-t", base) == "commit" else "")
    listed = answer(root, "diff", "--name-only", "--no-renames", "--relative", "-z", fork) if fork else None
    if listed is None:
        return None
    new = answer(root, "ls-files", "--others", "--exclude-standard", "-z") or ""
    return sorted({name for name in (listed + "\0" + new).split("\0") if name})


def without_prose(root: Path, commit: str) -> str:
    """Return a digest of a commit's files, less what is only read by people."""
    lines = [f"{name}\0{blob}" for name, blob in sorted(_tree(root, commit).items()) if not PROSE.match_file(name)]
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def touched(files: Iterable[str], parts: Iterable[str]) -> list[str]:
    """Return the files at or below one of the parts."""
    wanted = list(parts)
    return [name for name in files if _below(name, wanted)]


def _below(name: str, parts: Iterable[str]) -> bool:
    return any(name == part or name.startswith(f"{part.rstrip('/')}/") for part in parts)


def _tree(root: Path, commit: str) -> dict[str, str]:
    listed = answer(root, "ls-tree", "-r", "-z", "--full-tree", commit)
    rows = (row.split("\t", 1) for row in (listed or "").split("\0") if row)
    return {name: facts.split()[2] for facts, name in rows}

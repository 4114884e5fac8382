"""The verbs `release` and `provenance`: a release of this repository, and where a model or a package came from."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import PlatformError, UsageError
from mlops.files import digest_bytes, shown, write_json
from mlops.place import find_root
from mlops.release import provenance as statements
from mlops.release.repository import Repository

if TYPE_CHECKING:
    import argparse

    from mlops.delivery.workspace import Workspace
    from mlops.registry.journal import Move
    from mlops.registry.versions import ModelVersion


def release(arguments: argparse.Namespace) -> int:
    """Make a release, or show what it would be."""
    from mlops.ci.host import current
    from mlops.release.draft import draft
    from mlops.release.number import wanted
    from mlops.release.package import make

    repository = Repository(find_root(Path.cwd()))
    drafted = draft(repository, wanted(arguments.version), datetime.now(UTC).date().isoformat())
    facts: dict[str, Any] = {
        "release": str(drafted.number),
        "tag": drafted.number.tag,
        "changes": sorted(drafted.files),
        "news": drafted.section,
    }
    if not arguments.json:
        print(f"  {drafted.name} {drafted.number}   changes {', '.join(facts['changes']) or 'no file'}\n\n{drafted.section}\n")
    if arguments.dry_run:
        print(json.dumps(facts) if arguments.json else "  Nothing was changed. Without --dry-run (make: DRY=) it is released.")
        return 0
    commit, files = make(repository, drafted, current(os.environ).context.run_url)
    if arguments.push:
        from mlops.state.git import Git, GitRefused

        refs = ("HEAD:refs/heads/main", f"refs/tags/{drafted.number.tag}")
        try:
            Git(repository.root, os.environ).ask("push", "--quiet", "--no-verify", "--atomic", "origin", *refs)
        except GitRefused as error:
            hint = "Where main takes no direct push: bring the version and its changelog in by a pull request first, then release it as it stands."
            hint += f"\nHere commit and tag are made. To begin again: git tag -d {drafted.number.tag} && git reset --hard origin/main"
            raise PlatformError(error.message, where="origin", hint=hint) from error
    facts |= {"commit": commit, "files": [shown(path, repository.root) for path in files]}
    if arguments.json:
        print(json.dumps(facts))
        return 0
    for path in facts["files"]:
        print(f"  {path}")
    print(f"  tagged {drafted.number.tag} at {commit[:10]}")
    print("  pushed to origin" if arguments.push else "  next: git push --follow-tags origin main")
    return 0


def provenance(arguments: argparse.Namespace) -> int:
    """Write where a model version came from, or check what was written."""
    if (arguments.version is None) == (arguments.verify is None):
        raise UsageError("what of?", hint="mlops provenance 3 writes it; mlops provenance --verify FILE checks it")
    return _verify(arguments) if arguments.verify else _write(arguments)


def _write(arguments: argparse.Namespace) -> int:
    from mlops.delivery.shared import on_state
    from mlops.delivery.workspace import open_workspace
    from mlops.release.package import model_sbom

    workspace = open_workspace(arguments.model)
    repository = Repository(workspace.root)

    def look() -> tuple[ModelVersion, Path, list[Move]]:
        found = _version(workspace, arguments.version)
        return found, workspace.registry.fetch(found), workspace.registry.history(found.name)

    version, folder, moves = on_state(workspace, look)
    statement = statements.of_model(version, folder, moves, repository.ask("remote", "get-url", "origin") or "")
    out = Path(arguments.out) / f"{version.name}-v{version.version}.intoto.json"
    files = [out]
    write_json(out, statement)
    if arguments.sbom:
        files.append(out.with_name(f"{version.name}-v{version.version}.cdx.json"))
        model_sbom(version, _lock(repository, version), files[-1], workspace.root)
    print(json.dumps({"files": [str(path) for path in files]}) if arguments.json else "\n".join(f"  {path}" for path in files))
    return 0


def _version(workspace: Workspace, which: str) -> ModelVersion:
    from mlops.delivery.ticket import check_ticket, read_ticket

    ticket = read_ticket(which)
    found = workspace.registry.resolve(workspace.model.name, str(ticket.version) if ticket else which)
    if ticket is not None:
        check_ticket(ticket, found)
    if found is None:
        raise UsageError(f"{workspace.model.name} has no version {which!r}", hint="mlops models lists them")
    return found


def _lock(repository: Repository, version: ModelVersion) -> str:
    """Return the lock file that a version was made with: the one here, or that of its commit."""
    facts = json.loads(version.tags[statements.MADE])
    here = repository.root / "requirements.lock"
    texts = [here.read_text(encoding="utf-8") if here.is_file() else None]
    texts += [repository.text(facts["commit"], here.name) if facts["commit"] else None]
    for text in texts:
        if text is not None and digest_bytes(text.encode()) == facts["digests"].get("lock"):
            return text
    hint = "git fetch --unshallow, where this clone lacks the commit."
    raise PlatformError(
        f"the lock file of {version.name} v{version.version} cannot be had", where=facts["commit"] or "no commit", hint=hint
    )


def _verify(arguments: argparse.Namespace) -> int:
    path = Path(arguments.verify)
    statement = statements.read(path)
    about = statements.about(statement)
    if statements.is_model(statement):
        from mlops.delivery.workspace import open_workspace

        workspace = open_workspace(about["model"])
        version = _version(workspace, str(about["version"]))
        count = statements.check_files(statement, workspace.registry.files(version), whole=True)
        statements.check_facts(statement, version)
        title = f"{version.name} v{version.version}"
    else:
        count = statements.check_files(statement, path.parent, whole=False)
        title = f"{about['name']} {about['version']}"
    builder = statement["predicate"]["runDetails"]["builder"]["id"]
    facts = {"about": title, "files": count, "builder": builder}
    print(json.dumps(facts) if arguments.json else f"  {title}: {count} files as they were made, by {builder}")
    return 0

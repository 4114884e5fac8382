"""The files of a release: package, SBOM and provenance, all made from one commit and from nothing that lies about in the working tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import PlatformError
from mlops.files import read_json, write_json
from mlops.release import provenance
from mlops.release.ownership import LOCK
from mlops.release.repository import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.registry.versions import ModelVersion
    from mlops.release.draft import Draft
    from mlops.release.repository import Repository

SBOM = "cyclonedx-py"


def program(name: str, root: Path, hint: str) -> str:
    """Return the path of a program: of the environment that runs this, of .venv/tools, or of PATH.

    Raises:
        PlatformError: It is nowhere.
    """
    places = (Path(sys.executable).parent, root / ".venv/tools/bin")
    found = next((str(place / name) for place in places if (place / name).exists()), None) or shutil.which(name)
    if found is None:
        raise PlatformError(f"{name} is not installed", hint=hint)
    return found


def sbom_program(root: Path) -> str:
    """Return the program that writes a bill of materials.

    Raises:
        PlatformError: It is nowhere.
    """
    return program(SBOM, root, "It is in the package cyclonedx-bom: uv tool install cyclonedx-bom")


def make(repository: Repository, draft: Draft, builder: str) -> tuple[str, list[Path]]:
    """Make a release: commit, files in dist/, tag. Return the commit and the files.

    Everything that can fail comes before the branch moves. Killed after that and before the tag, the same command makes the tag.

    Raises:
        PlatformError: A program is missing or failed; the branch is as it was.
    """
    uv = program("uv", repository.root, "make setup")
    tool = sbom_program(repository.root)
    entries = {path: Entry("100644", repository.keep(text)) for path, text in draft.files.items()}
    head = repository.git("rev-parse", "HEAD").strip()
    commit = repository.commit(entries, f"Release {draft.number}\n") if entries else head
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name, "source"), Path(name, "out")
        _export(repository, commit, source)
        epoch = repository.git("show", "--no-patch", "--format=%ct", commit).strip()
        _run([uv, "build", "--quiet", "--no-create-gitignore", "--out-dir", str(out), str(source)], epoch)
        title = f"{draft.name}-{draft.number}"
        bill = [tool, "requirements", str(source / LOCK), "--pyproject", str(source / "pyproject.toml")]
        _run([*bill, *_SBOM, str(out / f"{title}.cdx.json")], epoch)
        origin = (repository.ask("remote", "get-url", "origin") or "", commit)
        at = datetime.fromtimestamp(int(epoch), UTC).isoformat().replace("+00:00", "Z")
        statement = provenance.of_package(out, draft.name, str(draft.number), origin, source / LOCK, builder, at)
        write_json(out / f"{title}.intoto.json", statement)
        files = _kept(out, repository.root / "dist")
    if commit != head:
        repository.forward(commit)
    said = f"{draft.number.tag}\n\n{draft.section}\n"
    try:
        repository.git("tag", "-a", "--cleanup=verbatim", "-F", "-", draft.number.tag, commit, stdin=said)
    except PlatformError as error:
        hint = "The commit and the files of dist/ are made. The same command makes the tag."
        raise PlatformError(error.message, where=error.where, hint=hint) from error
    return commit, files


_SBOM = ("--output-reproducible", "--of", "JSON", "-o")


def _export(repository: Repository, commit: str, folder: Path) -> None:
    archive = folder.with_suffix(".tar")
    repository.git("archive", "--format=tar", "-o", str(archive), commit)
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")


def _run(words: list[str], epoch: str) -> None:
    """Run a program whose output depends on the commit and not on the clock."""
    done = subprocess.run(words, env={**os.environ, "SOURCE_DATE_EPOCH": epoch}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PlatformError(f"{Path(words[0]).name} failed:\n{done.stderr.strip()[-1500:]}", hint="Nothing was changed.")


def _kept(made: Path, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    return [Path(shutil.copy2(path, folder / path.name)) for path in sorted(made.iterdir())]


def model_sbom(version: ModelVersion, lock: str, out: Path, root: Path) -> None:
    """Write the bill of materials of a model: the packages of the lock file that it was made with, with their hashes.

    Raises:
        PlatformError: The program is missing, or failed.
    """
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, LOCK)
        path.write_text(lock, encoding="utf-8")
        _run([sbom_program(root), "requirements", str(path), *_SBOM, str(out)], "0")
    write_json(out, _about(read_json(out), version))


def _about(bill: Mapping[str, Any], version: ModelVersion) -> dict[str, Any]:
    """Return a bill of materials whose subject is the model, which depends on all of its packages."""
    model = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": version.name,
        "version": str(version.version),
        "properties": [{"name": "slipway:digest", "value": version.digest}],
    }
    needs = {"ref": "model", "dependsOn": sorted(component["bom-ref"] for component in bill["components"])}
    others = [entry for entry in bill.get("dependencies", []) if entry["ref"] != "model"]
    metadata = {key: value for key, value in bill["metadata"].items() if key != "timestamp"}
    return {**bill, "metadata": {**metadata, "component": model, "timestamp": version.created}, "dependencies": [needs, *others]}

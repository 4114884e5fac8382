"""What there is to know of a data set, in one value: its files, what is wrong with them, what the contract said, its versions and what they made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops.datasets import compare, history
from mlops.datasets.dataset import DataSet, File, as_listed, files, of_pipeline, troubles
from mlops.datasets.listing import version_among
from mlops.delivery import trained
from mlops.errors import MlopsError
from mlops.files import digest_bytes, read_json, shown, write_json
from mlops.local.digests import Digests
from mlops.local.runs import read_runs
from mlops.report.pieces import read_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlops.datasets.listing import Listing
    from mlops.delivery.workspace import Workspace


def open_data(workspace: Workspace) -> DataSet:
    """Return the data set that the model's pipeline reads.

    Raises:
        UsageError: It reads none.
        SpecError: The pipeline, or source.yml, is wrong.
    """
    model = workspace.model
    pipeline = workspace.load(model.pipeline, complete=False, fetching=False)
    return of_pipeline(pipeline, workspace.root / model.contract)


def look(workspace: Workspace, data: DataSet) -> dict[str, Any]:
    """Return what is known, as JSON.

    Raises:
        MlopsError: SHA256SUMS cannot be read, or the registry does not answer.
    """
    digests = Digests(workspace.home / "digests.json")
    found = files(data, digests.of)
    digests.save()
    now = as_listed(data, found)
    said = _validated(workspace, now.version)
    return {
        "model": workspace.model.name,
        "name": data.name,
        "folder": shown(data.folder, workspace.root.resolve()),
        "contract": workspace.model.contract,
        "version": now.version,
        "validated": said,
        "files": _files(workspace, data, found, said),
        "troubles": list(troubles(data, found)),
        "versions": _versions(workspace, data, now),
    }


def made_without(workspace: Workspace, data: DataSet, name: str) -> list[str]:
    """Return which models of the registry, and runs, were made from a version without a file; the newest first."""
    with_it = {version for version, one in trained.known(workspace, data, _now(workspace, data)).items() if name in one.files}
    made = trained.models(workspace, data) or trained.runs(workspace)
    return [one.said for one in made if one.version not in with_it]


def _now(workspace: Workspace, data: DataSet) -> Listing:
    digests = Digests(workspace.home / "digests.json")
    return as_listed(data, files(data, digests.of))


def _files(workspace: Workspace, data: DataSet, found: Iterable[File], said: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    days, rows = history.added(data.folder), _Rows(workspace.home, data)
    listed = [
        {
            "name": file.name,
            "partition": file.label,
            "rows": rows.of(file),
            "bytes": file.size,
            "digest": f"sha256:{file.actual}" if file.actual else None,
            "added": days.get(file.name),
            "trouble": file.trouble,
            "contract": _verdict(file, said),
        }
        for file in found
    ]
    rows.save()
    return listed


def _verdict(file: File, said: Mapping[str, Any] | None) -> str:
    """Return what the contract said of a partition; nothing where it was not asked about these bytes."""
    if said is None or file.trouble or not file.label:
        return ""
    rules = said["broken"].get(file.label, [])
    return f"{len(rules)} broken: {', '.join(rules[:3])}" if rules else "kept" if said["success"] else ""


def _validated(workspace: Workspace, version: str) -> dict[str, Any] | None:
    """Return what the contract said of exactly this version, in the newest run that asked it."""
    for facts in read_runs(workspace.home):
        if version_among(facts.get("inputs") or {}) != version:
            continue
        pieces = read_pieces(workspace.home / "runs" / str(facts["run"]))
        if pieces.validation:
            record = pieces.validation.value
            broken: dict[str, list[str]] = {}
            for rule in record.get("rules", []):
                for label in rule.get("broken_in") or {}:
                    broken.setdefault(label, []).append(rule["rule"])
            return {"run": facts["run"], "success": record.get("success") is True, "summary": pieces.validated, "broken": broken}
    return None


def _versions(workspace: Workspace, data: DataSet, now: Listing) -> list[dict[str, Any]]:
    commits = {commit.listing.version: commit for commit in history.commits(data.folder)}
    made = [trained.models(workspace, data), trained.runs(workspace)]
    listed = []
    for version, listing in reversed(trained.known(workspace, data, now).items()):
        commit = commits.get(version)
        models, runs = ([one.said for one in of if one.version == version] for of in made)
        listed.append(
            {
                "version": version,
                "now": version == now.version,
                "files": len(listing.files),
                "commit": commit.commit if commit else None,
                "when": commit.when if commit else None,
                "models": models,
                "runs": runs,
            }
        )
    return listed


class _Rows:
    """How many rows files have, remembered by their digests and by how they are read."""

    def __init__(self, home: Path, data: DataSet) -> None:
        self.path, self.data = home / "data" / "rows.json", data
        self.how = digest_bytes(data.source.path.read_bytes())[7:19] if data.source else ""
        try:
            self.known: dict[str, int | None] = read_json(self.path) or {}
        except MlopsError:
            self.known = {}
        self.changed = False

    def of(self, file: File) -> int | None:
        if file.actual is None:
            return None
        key = file.actual + self.how
        if key not in self.known:
            self.known[key] = compare.count(self.data.folder / file.name, self.data.source)
            self.changed = True
        return self.known[key]

    def save(self) -> None:
        if self.changed:
            write_json(self.path, self.known)

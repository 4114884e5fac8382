"""Which runs and which model versions were made from which version of a data set, and what a person may call such a version."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.datasets import history
from mlops.datasets.listing import DATA, Listing, kept, version_among
from mlops.datasets.restoring import Wanted
from mlops.errors import JobFailed, UsageError
from mlops.local.runs import read_run, read_runs
from mlops.release.provenance import MADE
from mlops.state.git import answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.datasets.dataset import DataSet
    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion

_SHORT = 4
"""Letters of a digest that are enough to be one."""


@dataclass(frozen=True)
class Made:
    """Something that was made from a data set: a run's model, or a registered version."""

    said: str
    """run 7; flights v3 (champion)."""
    version: str
    """Of the data set; empty where it is not known."""
    commit: str | None


def runs(workspace: Workspace) -> list[Made]:
    """Return the runs of this machine that made a model from the data set, the newest first."""
    here = [facts for facts in read_runs(workspace.home) if (facts.get("outputs") or {}).get("model")]
    found = [Made(f"run {facts['run']}", version_among(facts.get("inputs") or {}), facts.get("commit")) for facts in here]
    return [one for one in found if one.version]


def models(workspace: Workspace, data: DataSet) -> list[Made]:
    """Return the registered versions of the model, the newest first; none where nothing was registered from here.

    Raises:
        PlatformError: The registry does not answer.
    """
    if not (workspace.home / "mlflow.db").exists() and not os.environ.get("MLFLOW_TRACKING_URI"):
        return []
    return [_model(version, data) for version in workspace.registry.versions(workspace.model.name)]


def _model(version: ModelVersion, data: DataSet) -> Made:
    """Return what a version was made from: by its tags, or else by its commit, where nothing was uncommitted."""
    facts = json.loads(version.tags.get(MADE) or "{}")
    known = version.tags.get(DATA) or version_among(facts.get("inputs") or {})
    commit = version.tags.get("slipway.commit") or None
    if not known and commit and version.tags.get("slipway.dirty") == "false":
        known = found.version if (found := history.at(data.folder, commit)).files else ""
    aliases = ", ".join(alias for alias in version.aliases if alias != "production")
    return Made(f"{version.name} v{version.version}{f' ({aliases})' if aliases else ''}", known, commit)


def known(workspace: Workspace, data: DataSet, now: Listing) -> dict[str, Listing]:
    """Return every version of the data set that is known here, with its files."""
    past = {commit.listing.version: commit.listing for commit in reversed(history.commits(data.folder))}
    return {**past, **{version: one for version, one in kept(workspace.home).items() if _of(one, data)}, now.version: now}


def _of(found: Listing, data: DataSet) -> bool:
    """Return whether a version that the state folder remembers is one of this data set: it shares a file's name with it."""
    return bool(found.files.keys() & data.sums.keys())


def wanted(text: str, workspace: Workspace, data: DataSet, now: Listing) -> Wanted:
    """Return the version that a person means: a digest's beginning, a model version (v3), a run's number, or a revision of git.

    Raises:
        UsageError: There is nothing of that name.
        JobFailed: It is known, and its files are not.
    """
    all_of = known(workspace, data, now)
    model = next((one for one in models(workspace, data) if f" {text} " in f"{one.said} "), None) if re.fullmatch(r"v\d+", text) else None
    record = read_run(workspace.home / "runs" / text) if text.isdigit() else None
    if model is not None:
        return _files(model, all_of, data)
    if record is not None:
        return _files(Made(f"run {text}", version_among(record.get("inputs") or {}), record.get("commit")), all_of, data)
    prefix = text.removeprefix("sha256:")
    matches = [version for version in all_of if version.removeprefix("sha256:").startswith(prefix)] if len(prefix) >= _SHORT else []
    commit = answer(data.folder, "rev-parse", "--verify", "--quiet", f"{text}^{{commit}}")
    if len(matches) > 1 or (matches and commit):
        raise UsageError(
            f"{text!r} is the beginning of several", hint="Write more of it: " + ", ".join([*matches, *([commit] if commit else [])])
        )
    if matches:
        return Wanted(all_of[matches[0]], None, f"the data version {matches[0][7:19]}")
    if commit and (listing := history.at(data.folder, commit)).files:
        return Wanted(listing, commit, f"commit {commit[:7]}")
    some = ", ".join(version[7:19] for version in list(all_of)[-5:])
    hint = f"A data version ({some}), a model version (v3), a run's number, or a revision of git. `mlops data list` has them."
    raise UsageError(f"there is no version {text!r} of {data.name}", where=str(data.folder), hint=hint)


def _files(made: Made, all_of: Mapping[str, Listing], data: DataSet) -> Wanted:
    """Return the files that something was made from, by the version's digest, or by its commit where that is the same version."""
    listing = all_of.get(made.version)
    if listing is None and made.commit:
        there = history.at(data.folder, made.commit)
        listing = there if there.files and made.version in {"", there.version} else None
    if listing is None:
        which = f"version {made.version[7:19]}" if made.version else "a version that was not recorded"
        hint = "Its files were neither committed nor remembered by this machine. Look where it was made: mlops data list there."
        if history.is_shallow(data.folder):
            hint += "\nThis clone has only the newest commits: git fetch --unshallow, and try again."
        raise JobFailed(f"{made.said} was made from {which} of {data.name}, and which files that was is not known here", hint=hint)
    return Wanted(listing, made.commit, f"{made.said} (data version {listing.version[7:19]})")

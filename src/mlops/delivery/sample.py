"""A first word on a change: trained on a sample, and compared like for like.

A model of a part of the rows loses against a champion of all of them, whatever the change did. So the champion's own code and parameters are
trained on the same sample (its *twin*), by the steps that are there already where nothing differs, and the two are compared. Where the registry is
on Azure, which the check of a change does not sign in to, the commit that the change goes to stands in for the champion's.
"""

from __future__ import annotations

import io
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pathspec

from mlops.delivery import files
from mlops.errors import MlopsError
from mlops.files import locked, unwritable
from mlops.local.run import LocalRun, Options
from mlops.state.git import Git, GitRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.ci.host import Context
    from mlops.delivery.workspace import Workspace
    from mlops.registry.versions import ModelVersion

ALL_ROWS = "all-data"
"""The label that asks for all rows."""


@dataclass(frozen=True)
class Twin:
    """The code of the champion, or of the commit that a change goes to, trained on the same rows."""

    folder: Path
    digest: str
    commit: str
    version: int | None
    """Of the champion."""
    run: Path
    """The folder of the run that trained it."""


@dataclass(frozen=True)
class Extent:
    """What a change is tried on: the settings of the sample (none: all rows), and why."""

    settings: Mapping[str, str]
    why: str


def extent(workspace: Workspace, context: Context, wanted: str | None) -> Extent:
    """Return what to train on.

    Args:
        workspace: The model: its `sample`, and `all_when_changed`.
        context: The event: labels, and the base to see what changed.
        wanted: `sample` or `all`, where somebody has said so.
    """
    model = workspace.model
    if not model.sample:
        return Extent({}, "src/project/project.yml names no sample")
    if wanted == "all" or (wanted is None and ALL_ROWS in context.labels):
        return Extent({}, "asked for" if wanted else f"the label {ALL_ROWS} asks for it")
    changed = files.changed(workspace.root, context.base) or []
    matched = [name for name in changed if pathspec.PathSpec.from_lines("gitignore", model.all_when_changed).match_file(name)]
    if matched and wanted is None:
        return Extent({}, f"{matched[0]} changed, which is looked at on all rows")
    return Extent(model.sample, "a first word is quick; the label all-data asks for all rows")


def train_twin(workspace: Workspace, champion: ModelVersion, settings: Mapping[str, str]) -> Twin | str:
    """Train the champion's code on the sample.

    Returns:
        The twin; or in words why there can be none (its commit is not to be had, it does not know the sample's inputs, it fails today).

    Raises:
        PlatformError: The state folder is full or not writable.
    """
    commit = champion.tags.get("slipway.commit") or ""
    if not commit or champion.tags.get("slipway.dirty") == "true":
        return f"v{champion.version} was made of files that were not committed"
    return _trained(workspace, commit, champion.version, settings)


def train_base(workspace: Workspace, base: str | None, settings: Mapping[str, str]) -> Twin | str:
    """Train the code of the commit that a change goes to, on the rows that the change is tried on.

    Returns:
        The twin; or in words why there can be none.

    Raises:
        PlatformError: The state folder is full or not writable.
    """
    return _trained(workspace, base, None, settings) if base else "there is no commit to compare with"


def _trained(workspace: Workspace, commit: str, version: int | None, settings: Mapping[str, str]) -> Twin | str:
    who = f"v{version}" if version else commit[:7]
    folder = _checked_out(workspace, commit)
    if folder is None:
        return f"the commit of {who}, {commit[:7]}, is not to be had" if version else f"the commit {who} is not to be had"
    try:
        pipeline = workspace.load(folder / workspace.model.pipeline, settings)
        run = LocalRun(pipeline, workspace.home, workspace.root, Options.of(workspace.local, model=workspace.model.name))
        for _ in run.events():
            pass
    except MlopsError as error:
        return f"the pipeline of {who} cannot be run with the sample: {error.message.splitlines()[0]}"
    made = run.record.facts["outputs"].get("model")
    if run.failed or not made:
        return f"the pipeline of {who} fails on the sample today: {run.record.facts.get('error')}"
    return Twin(Path(made["path"]), made["digest"], commit, version, run.record.folder)


def _checked_out(workspace: Workspace, commit: str) -> Path | None:
    """Return a folder with a commit's files, made once; the work tree, the index and the branches are not touched."""
    folder = workspace.home / "commits" / commit
    with locked(workspace.home / "commits.lock"):
        if not folder.is_dir() and not _written(Git(workspace.root, os.environ), commit, folder):
            return None
    return folder


def _written(git: Git, commit: str, folder: Path) -> bool:
    """Write a commit's files into a folder; return whether the commit was to be had."""
    try:
        if git.ask("cat-file", "-e", commit, good=(0, 1, 128))[0]:
            git.ask("fetch", "--quiet", "--no-tags", "--depth=1", "origin", commit)
        archive = git.ask("archive", "--format=tar", commit)[1]
    except GitRefused:
        return False
    fresh = folder.with_name(f".{commit}")
    try:
        fresh.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(fresh, filter="data")
        fresh.rename(folder)
    except OSError as error:
        raise unwritable(fresh, error) from error
    return True

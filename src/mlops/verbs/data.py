"""The verbs about data sets: list, add, restore, refresh. Those about data assets are in assets.py."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.errors import JobFailed, UsageError
from mlops.files import shown
from mlops.place import PROJECT_FILE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from mlops.datasets.adding import Added
    from mlops.datasets.candidate import Trial
    from mlops.datasets.dataset import DataSet
    from mlops.delivery.workspace import Workspace


def _open(arguments: argparse.Namespace) -> tuple[Workspace, DataSet]:
    from mlops.delivery.catalogue import open_data
    from mlops.delivery.workspace import open_workspace

    workspace = open_workspace(arguments.model)
    return workspace, open_data(workspace)


def list_(arguments: argparse.Namespace) -> int:
    """Show the files of a data set, what is wrong with them, and its versions."""
    from mlops.api import place
    from mlops.assets.store import AssetStore
    from mlops.datasets import change
    from mlops.delivery.catalogue import look
    from mlops.report.datasets import screen
    from mlops.verbs.assets import list_ as list_assets
    from mlops.verbs.assets import listed, table

    if arguments.where == "azure" or not (place()[0] / PROJECT_FILE).is_file():
        return list_assets(arguments)
    workspace, data = _open(arguments)
    change.settle_before_reading(data.folder)
    assets = listed(AssetStore(workspace.home), "data", arguments)
    facts = look(workspace, data) | {"assets": assets}
    if arguments.json:
        print(json.dumps(facts, ensure_ascii=False))
        return 0
    print(screen(facts))
    if assets:
        print("\ndata assets\n" + "\n".join(f"  {line}" for line in table(assets)))
    return 0


def add(arguments: argparse.Namespace) -> int:
    """Add a file to a data set, once it is found to keep the contract."""
    from mlops.datasets.adding import Wishes
    from mlops.datasets.adding import add as add_file
    from mlops.delivery.catalogue import made_without
    from mlops.local.digests import Digests

    workspace, data = _open(arguments)
    wishes = Wishes(arguments.partition, arguments.replace, arguments.gap, arguments.dry_run)
    digests = Digests(workspace.home / "digests.json")
    attempt = _attempt(workspace, quiet=arguments.json)
    done = add_file(data, Path(arguments.file), wishes, workspace.home, digests.of, attempt)
    late = made_without(workspace, data, done.addition.name) if done.addition.newest else []
    facts = _facts(done) | {"model": workspace.model.name, "made_without_it": late}
    print(json.dumps(facts, ensure_ascii=False) if arguments.json else _told(done, data, workspace, late))
    return 0


def _attempt(workspace: Workspace, *, quiet: bool) -> Callable[[DataSet, Path | None], Trial]:
    """Return what tries a data set, with what is staged in it, by the pipeline's first steps."""
    from mlops.datasets.candidate import attempt, laid_out
    from mlops.local.run import Options
    from mlops.report.live import Tree

    options = Options.of(workspace.local)

    def run(data: DataSet, stage: Path | None) -> Trial:
        with Tree(live=False if quiet else None, quiet=quiet) as tree:
            if stage is None:
                return attempt(data, data.folder, workspace.home, workspace.root, options, tree.apply)
            with laid_out(data.folder, stage, workspace.home) as folder:
                return attempt(data, folder, workspace.home, workspace.root, options, tree.apply)

    return run


def _facts(done: Added) -> dict[str, Any]:
    item = done.addition
    trial = {"run": done.trial.run, "summary": done.trial.summary, "report": str(done.trial.report)} if done.trial else None
    return {**asdict(item), "version": done.version, "done": done.done, "trial": trial}


def _told(done: Added, data: DataSet, workspace: Workspace, late: list[str]) -> str:
    from mlops.report.datasets import size

    item, what = done.addition, done.addition.label or done.addition.name
    if item.kind == "same":
        return f"{what} is there already, with these bytes: nothing to do"
    verb = {"new": "added", "other": "replaced", "back": "put back as it was recorded"}[item.kind]
    lines = [
        f"{what} {verb if done.done else f'would be {verb} (--dry-run: nothing was changed)'}: {item.name}, {size(item.size)}, sha256 {item.digest[:12]}…"
    ]
    lines += [f"  rows       {item.difference}"] if item.difference else []
    lines += [f"  contract   {done.trial.summary} (run {done.trial.run}: {shown(done.trial.folder, Path.cwd())})"] if done.trial else []
    lines += [f"  gap        missing before it, by your word: {', '.join(item.gap)}"] if item.gap else []
    if item.newest:
        lines.append(
            f"  late       it is older than {item.newest}"
            + (f"; made without it: {', '.join(late[:8])}" if late else "")
            + ". `make train` takes it in"
        )
    lines.append(f"  version    {done.version[7:19]}")
    if done.done:
        folder = shown(data.folder, workspace.root.resolve())
        lines.append(f"  keep it    git add {folder} && git commit -m 'Data: {what}'      then: make run")
    return "\n".join(lines)


def restore(arguments: argparse.Namespace) -> int:
    """Bring back the files of an old version; with --name, an archived data asset."""
    if arguments.name:
        return _restore_asset(arguments)
    if not arguments.version or not arguments.folder:
        raise UsageError(
            "which version, and where to?", hint="mlops data restore VERSION DIR; of a data asset: mlops data restore --name NAME"
        )
    from mlops.datasets import restoring
    from mlops.datasets.dataset import as_listed, files
    from mlops.delivery.trained import wanted
    from mlops.local.digests import Digests

    workspace, data = _open(arguments)
    digests = Digests(workspace.home / "digests.json")
    meant = wanted(arguments.version, workspace, data, as_listed(data, files(data, digests.of)))
    target = Path(arguments.folder)
    found = restoring.restore(meant, data.folder, target.absolute(), workspace.home)
    facts = {"version": meant.listing.version, "said": meant.said, "folder": str(target), "files": found}
    if arguments.json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print(f"{meant.said}: {len(found)} files, each with its digest, are in {target}\n  version    {meant.listing.version[7:19]}")
        if any(name.startswith("/") for name in meant.listing.files):
            print("  before     source.yml in it still says where the files lay: set its `files:` to those in the folder")
        print(f"  try it     .venv/bin/mlops run {workspace.model.pipeline} --set inputs.{data.given}={target}")
    return 0


def _restore_asset(arguments: argparse.Namespace) -> int:
    from mlops.verbs import assets

    arguments.named, arguments.registry, arguments.version = None, None, arguments.asset_version
    return assets.restore(arguments)


def refresh(arguments: argparse.Namespace) -> int:
    """Fetch what is elsewhere, verify the digests, and hold the data against their contract."""
    from mlops.datasets.dataset import as_listed, files, troubles
    from mlops.datasets.refreshing import refresh as fetch
    from mlops.delivery.catalogue import open_data
    from mlops.local.digests import Digests

    workspace, data = _open(arguments)
    digests = Digests(workspace.home / "digests.json")
    attempt = _attempt(workspace, quiet=arguments.json)
    news = fetch(data, workspace.home, attempt)
    data = open_data(workspace)
    found = files(data, digests.of)
    wrong = troubles(data, found)
    if wrong:
        raise JobFailed(f"{data.name} is not as it was recorded", where=str(data.folder), hint="\n".join(wrong))
    trial = news.trial if news and news.trial else attempt(data, None)
    if trial.failed:
        raise JobFailed(f"{trial.failed} stopped at the data: {trial.reason}", hint=f"The run: {shown(trial.folder, Path.cwd())}")
    version = as_listed(data, found).version
    told = {"what": news.what, "before": news.before, "after": news.after, "rows": str(news.difference or "")} if news else None
    if arguments.json:
        print(json.dumps({"version": version, "files": len(found), "run": trial.run, "summary": trial.summary, "news": told}))
        return 0
    if news:
        print(f"{news.what} is new: sha256 {news.after[:12]}…, before {news.before[:12] or 'nothing'}   {news.difference or ''}".rstrip())
    print(f"{data.name}   {len(found)} file{'s' * (len(found) != 1)} as recorded   {trial.summary}   version {version[7:19]}")
    return 0

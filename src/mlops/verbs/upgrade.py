"""The verb `upgrade`: bring what is ours to a newer release of the template."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.place import find_root

if TYPE_CHECKING:
    import argparse

    from mlops.release.plan import Plan

_LOCK = {
    "keep": "stays as it is",
    "take": "is the release's: both ask for the same packages",
    "resolve": "is resolved anew: the machinery asks for other packages",
}


def upgrade(arguments: argparse.Namespace) -> int:
    """Show what changes, and change it unless it is a rehearsal."""
    from mlops.release.plan import folders
    from mlops.release.repository import Repository
    from mlops.release.upgrade import apply, prepare, source

    repository = Repository(find_root(Path.cwd()))
    decided = prepare(repository, source(repository, arguments.source), arguments.to)
    facts: dict[str, Any] = {"from": str(decided.present), "to": str(decided.release), "source": decided.source, "lock": decided.lock}
    facts |= {key: value for key, value in asdict(decided.plan).items() if key != "entries"} | {"news": decided.news}
    if not arguments.json:
        print(f"  Slipway {decided.present} → {decided.release}   {decided.source}\n")
        for folder, counts in folders(decided.plan).items():
            print(f"  {folder:<24} {', '.join(f'{count} {kind}' for kind, count in counts.items() if count)}")
        print(f"  {'requirements.lock':<24} {_LOCK[decided.lock]}")
        _say_told(decided.plan, decided.release.tag, dry=arguments.dry_run)
        if decided.news:
            print(f"\n{decided.news}\n")
    facts["commit"] = None if arguments.dry_run else apply(repository, decided)
    if arguments.json:
        print(json.dumps(facts, ensure_ascii=False))
    elif arguments.dry_run:
        print("  Nothing was changed. Without --dry-run (make: DRY=) it is done, as one commit.")
    else:
        print(f"  done as commit {facts['commit'][:10]}\n  next: make test\n  back: git revert {facts['commit'][:10]}")
    return 0


def _say_told(chosen: Plan, tag: str, *, dry: bool) -> None:
    """Name the files that a person must know of, each with what to do."""
    before = "HEAD" if dry else "HEAD^"
    told = [
        (chosen.edited, f"edited here, and ours: {'would be ' if dry else ''}replaced; your text: git show {before}:PATH"),
        (chosen.beside, "ours from now on, and edited here: yours stays, the release's is PATH.new; move your changes out, then mv it"),
        (chosen.yours_now, "yours from now on: left as they are"),
        (chosen.left, "your own, in folders of ours: left as they are; better in a folder of yours"),
        (chosen.offered, f"new in the release, and yours to take: git checkout slipway/{tag} -- PATH"),
    ]
    for paths, what in told:
        if paths:
            print(f"\n  {what}")
            for path in paths:
                print(f"    {path}")

"""The repository that a model is adopted into: what must be true before, what goes, and the one commit that is made of it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from mlops.errors import UsageError
from mlops.settings import state_dir
from mlops.state.git import Git, answer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PLACES = (
    "src/",
    "data/",
    "tests/",
    "notebooks/",
    "environments/",
    ".azure-pipelines/",
    "infra/",
    "README.md",
    "pyproject.toml",
    ".editorconfig",
)
"""What adopting may write below: a file that git does not know would be lost there."""
NAMED = 8
ENDED = {"not running", "never started"}
"""What an endpoint is that nobody has to stop."""


def ready(root: Path, given: str) -> None:
    """Refuse what could not be undone by `git revert`.

    Args:
        root: The repository.
        given: The data as the person named them: a file of theirs may lie in the tree.

    Raises:
        UsageError: There is no git, no commit, nobody to make one, or work that is not committed.
    """
    if answer(root, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        hint = "adopt makes one commit, so that `git revert` undoes it. Make the folder a repository: git init && git add -A && git commit -m start"
        raise UsageError("this is no git repository with a commit", where=str(root), hint=hint)
    if answer(root, "var", "GIT_COMMITTER_IDENT") is None or answer(root, "var", "GIT_AUTHOR_IDENT") is None:
        hint = 'Say who you are: git config user.name "Your Name" && git config user.email you@example.org'
        raise UsageError("git does not know who makes the commit", where=str(root), hint=hint)
    dirty = sorted(_dirty(root, given))
    if dirty:
        more = f" and {len(dirty) - NAMED} more" if len(dirty) > NAMED else ""
        message = f"there is work that is not committed: {', '.join(dirty[:NAMED])}{more}"
        raise UsageError(message, where=str(root), hint="Commit it, or put it aside: git stash --include-untracked")


def let_go(root: Path, model: str) -> None:
    """Refuse to take a model away that still serves: nothing would be left that knows how to end it.

    Raises:
        UsageError: An endpoint of it runs.
    """
    from mlops.serving import endpoint

    homes = sorted((state_dir(root) / "endpoints" / model).glob("*"))
    running = [f"{home.name} at {served.address}" for home in homes if (served := endpoint.look(home)).health not in ENDED]
    if running:
        raise UsageError(f"{model} still serves: {', '.join(running)}", where=str(root), hint=f"End it first: make stop MODEL={model}")


def _dirty(root: Path, given: str) -> Iterable[str]:
    own = os.path.relpath(os.path.realpath(given), os.path.realpath(root)) if os.path.exists(given) else ""
    for entry in (answer(root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames") or "").split("\0"):
        state, name = entry[:2], entry[3:]
        if not name or (own and (name == own or name.startswith(f"{own}/"))):
            continue
        if state != "??" or name.startswith(PLACES):
            yield name


def tracked(root: Path, *places: str) -> list[str]:
    """Return the files that git knows below places, whatever signs are in their names."""
    found = Git(root, os.environ).ask("ls-files", "-z", "--", *places)[1].decode(errors="surrogateescape")
    return [name for name in found.split("\0") if name]


def apply(root: Path, stage: Path, removed: Iterable[str], message: str) -> str:
    """Take files away, lay those of `stage` in their places, and commit that; return the commit."""
    git = Git(root, os.environ)
    for name in removed:
        (root / name).unlink(missing_ok=True)
        _prune(root, (root / name).parent)
    written = []
    for path in sorted(path for path in stage.rglob("*") if path.is_file()):
        place = root / path.relative_to(stage)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        written.append(place.relative_to(root).as_posix())
    names = "\0".join([*written, *removed]).encode(errors="surrogateescape")
    git.ask("add", "--all", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", "--", stdin=names)
    git.ask("commit", "--quiet", "--no-verify", "--file=-", stdin=message.encode())
    return git.text("rev-parse", "HEAD")


def _prune(root: Path, folder: Path) -> None:
    """Remove a folder that nothing is left in, and those above it; what Python cached there is nothing."""
    while folder != root and folder.is_dir():
        left = [path for path in folder.iterdir() if path.name != "__pycache__"]
        if left:
            return
        shutil.rmtree(folder)
        folder = folder.parent

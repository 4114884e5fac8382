"""The repository that a model is adopted into: what must be true before, what goes, and the one commit that is made of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.errors import UsageError
from mlops.files import digest_file
from mlops.place import state_dir
from mlops.state.git import Git, answer

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        given: The data as the person named them: they may lie in the tree, as long as git does not know them.

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
        if not name or (state == "??" and own and (name == own or name.startswith(f"{own}/"))):
            continue
        if state != "??" or name.startswith(PLACES):
            yield name


def tracked(root: Path, *places: str) -> list[str]:
    """Return the files that git knows below places, whatever signs are in their names."""
    found = Git(root, os.environ).ask("ls-files", "-z", "--", *places)[1].decode(errors="surrogateescape")
    return [name for name in found.split("\0") if name]


def apply(root: Path, stage: Path, removed: Iterable[str], message: str) -> str:
    """Take files away, lay those of `stage` in their places, and commit that, whole or not at all; return the commit.

    The commit is made first, in an index of its own, and signed where the person signs commits; then the work tree goes forward to it.
    Hooks of `git commit` are not run: they look at a work tree, which has none of the files yet. Those of the next commit and push see them.

    Raises:
        UsageError: A file that git does not know lies where another one would come, or one that is replaced was edited in the meantime.
        PlatformError: The commit cannot be made, or the work tree not written. Everything is as it was.
    """
    git, gone = Git(root, os.environ), list(removed)
    new = [path.relative_to(stage).as_posix() for path in sorted(stage.rglob("*")) if path.is_file()]
    same = _in_the_way(root, stage, new)
    commit = _committed(git, stage, new, gone, message)
    before = git.text("rev-parse", "HEAD")
    _unchanged(git, [*new, *gone])
    try:
        for name in same:
            (root / name).unlink()
        git.ask("merge", "--quiet", "--ff-only", commit)
    except BaseException:
        _go_back(git, before, [*new, *gone])
        for name in same:
            _copy(stage / name, root / name)
        raise
    for name in gone:
        _prune(root, (root / name).parent)
    return commit


def _in_the_way(root: Path, stage: Path, new: list[str]) -> list[str]:
    """Return the files that are there already with the same bytes, though git does not know them: the data, where they lie in the tree."""
    known = set(tracked(root, "."))
    there = [name for name in new if name not in known and (root / name).exists()]
    other = [name for name in there if not (root / name).is_file() or digest_file(root / name) != digest_file(stage / name)]
    if other:
        hint = "Move it away; git does not know it, and could not bring it back. Nothing was changed."
        raise UsageError(f"{', '.join(other[:NAMED])}: this would be written over", where=str(root), hint=hint)
    return there


def _unchanged(git: Git, touched: list[str]) -> None:
    """Refuse to write over an edit that was made since the adoption began."""
    changed = set(git.ask("diff", "-z", "--name-only", "--no-renames", "HEAD")[1].decode(errors="surrogateescape").split("\0"))
    mine = [name for name in touched if name in changed]
    if mine:
        hint = "Commit it, and adopt again. Nothing was changed."
        raise UsageError(f"it was changed in the meantime: {', '.join(mine[:NAMED])}", where=str(git.root), hint=hint)


def _committed(git: Git, stage: Path, new: list[str], gone: list[str], message: str) -> str:
    """Make the commit; nothing points at it yet."""
    place = git.text("rev-parse", "--absolute-git-dir")
    for name in new:
        if (git.root / name).is_file():
            shutil.copymode(git.root / name, stage / name)
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "index")
        git.ask("read-tree", "HEAD", index=index)
        git.ask("update-index", "-z", "--force-remove", "--stdin", stdin=_names(gone), index=index)
        words = (f"--git-dir={place}", "--work-tree=.", "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul")
        Git(stage, git.environ).ask("--literal-pathspecs", *words, stdin=_names(new), index=index)
        tree = git.text("write-tree", index=index)
    sign = ["-S"] if answer(git.root, "config", "--type=bool", "commit.gpgSign") == "true" else []
    return git.text("commit-tree", tree, "-p", "HEAD", *sign, "-F", "-", stdin=message.encode())


def _go_back(git: Git, before: str, touched: list[str]) -> None:
    """Bring touched files back to what they were in a commit."""
    known = set(git.ask("ls-tree", "-r", "-z", "--name-only", before)[1].decode(errors="surrogateescape").split("\0"))
    old = _names(name for name in touched if name in known)
    git.ask("--literal-pathspecs", "checkout", "--quiet", before, "--pathspec-from-file=-", "--pathspec-file-nul", stdin=old)
    for name in touched:
        if name not in known:
            (git.root / name).unlink(missing_ok=True)
            _prune(git.root, (git.root / name).parent)


def _copy(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)


def _names(names: Iterable[str]) -> bytes:
    return "\0".join(names).encode(errors="surrogateescape")


def _prune(root: Path, folder: Path) -> None:
    """Remove a folder that nothing is left in, and those above it; what Python cached there is nothing."""
    while folder != root and folder.is_dir():
        left = [path for path in folder.iterdir() if path.name != "__pycache__"]
        if left:
            return
        shutil.rmtree(folder)
        folder = folder.parent

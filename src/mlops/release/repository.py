"""A git repository as values: a commit's files, what a history has ever held, and a commit made without touching the working tree."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mlops.errors import PlatformError, UsageError
from mlops.release.number import Number, number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

RELEASES = "refs/slipway"
"""Where the template's tags are kept: a fork has tags of its own under refs/tags, perhaps of the same names."""
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")


class Entry(NamedTuple):
    """A file as git keeps it."""

    mode: str
    blob: str


Tree = dict[str, Entry]


@dataclass(frozen=True)
class History:
    """All that a history has ever held: contents, and names."""

    blobs: frozenset[str]
    paths: frozenset[str]


@dataclass(frozen=True)
class Repository:
    """The repository whose working tree is `root`."""

    root: Path

    def git(self, *words: str, stdin: str | None = None, **variables: str) -> str:
        """Return what a git command prints.

        Raises:
            PlatformError: It failed; the message is git's own.
        """
        done = self._run(words, stdin, variables)
        if done.returncode:
            raise PlatformError(f"git {words[0]}: {_last(done.stderr)}", where=str(self.root), hint="Nothing was changed.")
        return done.stdout

    def _run(self, words: tuple[str, ...], stdin: str | None, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        command = ["git", "-c", "core.quotePath=false", *words]
        environ = {**_environ(), **variables}
        try:
            return subprocess.run(
                command,
                cwd=self.root,
                env=environ,
                input=stdin,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                check=False,
            )
        except FileNotFoundError as error:
            raise PlatformError("git is not installed", hint="Install git.") from error

    def ask(self, *words: str) -> str | None:
        """Return what a git command prints, stripped; None where it says no."""
        done = self._run(words, None, {})
        return done.stdout.strip() if done.returncode == 0 else None

    def check_clean(self) -> None:
        """Refuse a working tree with changes that are in no commit.

        Raises:
            UsageError: There are some, or this is not the root of a repository.
        """
        top = self.ask("rev-parse", "--show-toplevel")
        if top is None or Path(top).resolve() != self.root.resolve():
            hint = "The project must be a repository of its own, with a commit."
            raise UsageError("this is not the root of a git repository", where=str(self.root), hint=hint)
        changed = [line[3:] for line in self.git("status", "--porcelain", "--untracked-files=no").splitlines()]
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise UsageError(f"there are changes in no commit: {', '.join(changed[:3])}{more}", hint="Commit them, or: git stash")

    def tree(self, commit: str) -> Tree:
        """Return every file of a commit by its path."""
        lines = self.git("ls-tree", "-r", "-z", commit).split("\0")
        parts = [line.partition("\t") for line in lines if line]
        return {path: Entry(facts.split()[0], facts.split()[2]) for facts, _, path in parts}

    def text(self, commit: str, path: str) -> str | None:
        """Return a file of a commit, or None where it has none of that name."""
        done = self._run(("cat-file", "blob", f"{commit}:{path}"), None, {})
        return done.stdout if done.returncode == 0 else None

    def history(self, commits: Collection[str]) -> History:
        """Return all that some commits and those before them have held.

        Raises:
            UsageError: This clone lacks a part of it.
        """
        if self.git("rev-parse", "--is-shallow-repository").strip() == "true":
            raise UsageError("this clone has only a part of the history", where=str(self.root), hint="git fetch --unshallow")
        objects = self.git("rev-list", "--objects", "--no-object-names", *commits)
        names = self.git("log", "--format=", "--name-only", "--no-renames", "-m", "-z", *commits)
        return History(frozenset(objects.split()), frozenset(names.replace("\n", "").split("\0")))

    def releases(self, below: str = RELEASES) -> dict[Number, str]:
        """Return the commits of the releases that are known below a folder of references, the oldest first."""
        lines = self.git("for-each-ref", "--format=%(refname:lstrip=-1) %(*objectname) %(objectname)", f"{below}/v*").splitlines()
        found = {number(line.split()[0]): line.split()[1] for line in lines}
        return {release: found[release] for release in sorted(key for key in found if key is not None)}

    def commit(self, entries: Mapping[str, Entry | None], message: str) -> str:
        """Return a commit on top of HEAD that differs from it by `entries` (None takes a file away); nothing points at it yet."""
        gone = Entry("0", "0" * 40)
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            self.git("read-tree", "HEAD", **index)
            lines = [f"{(entry or gone).mode} {(entry or gone).blob}\t{path}\0" for path, entry in sorted(entries.items(), key=_gone_first)]
            self.git("update-index", "-z", "--index-info", stdin="".join(lines), **index)
            tree = self.git("write-tree", **index).strip()
        return self.git("commit-tree", tree, "-p", "HEAD", "-F", "-", stdin=message).strip()

    def keep(self, text: str) -> str:
        """Return the name of a content, which is kept from now on."""
        return self.git("hash-object", "-w", "--stdin", stdin=text).strip()

    def forward(self, commit: str) -> None:
        """Bring branch and working tree to a commit on top of HEAD.

        Git does it in a session of its own: when this process is killed, it still ends what it began.

        Raises:
            PlatformError: It would overwrite a file that is not under version control, or somebody moved the branch.
        """
        command = ["git", "-c", "core.hooksPath=/dev/null", "merge", "--quiet", "--ff-only", commit]
        with tempfile.TemporaryFile() as told:
            doing = subprocess.Popen(
                command, cwd=self.root, env=_environ(), stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True
            )
            try:
                doing.wait()
            except KeyboardInterrupt:
                doing.wait()
                raise
            told.seek(0)
            said = told.read().decode(errors="replace")
        if doing.returncode:
            raise PlatformError(f"git could not go to the new commit: {said.strip()}", where=str(self.root), hint="Nothing was changed.")


def _gone_first(item: tuple[str, Entry | None]) -> tuple[bool, str]:
    """Order files so that one is taken away before a folder of its name comes."""
    return item[1] is not None, item[0]


def _environ() -> dict[str, str]:
    """Return the environment without what a git hook sets; a git that only looks takes no lock, which it would leave when it is killed."""
    return {**{name: value for name, value in os.environ.items() if name not in _ELSEWHERE}, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "no word")

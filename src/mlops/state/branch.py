"""One model's registry in a branch of the repository: `<prefix>/<model>`, always a single commit, replaced whole or not at all.

A push says which commit it replaces (compare-and-set): of two jobs that both changed the registry, the second is told `Moved`, brings the new
state here and decides again on what it finds. Each version that reaches production leaves a tag, `<model>/v<n>`, in the same push. The tag is
the state of that moment, so it is an audit record, an undo, and the proof that there was a state where the branch is gone.
"""

from __future__ import annotations

import io
import random
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mlops.errors import PlatformError, UsageError
from mlops.state import portable
from mlops.state.git import Git, GitRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
REMOTE = "origin"
LARGEST = 95 * 2**20
"""Bytes of one file; GitHub takes no file of 100 MiB."""
_AUTHOR = ["-c", "user.name=slipway", "-c", "user.email=slipway@localhost"]
_TRIES = 4


class Moved(Exception):
    """Somebody else's state came in between; ours was not written."""


@dataclass(frozen=True)
class StateBranch:
    """Where one model's registry is kept.

    Args:
        git: The repository; its remote `origin` holds the branch.
        prefix: The beginning of the branch's name.
        model: The model's name.
    """

    git: Git
    prefix: str
    model: str

    @property
    def branch(self) -> str:
        return f"{self.prefix}/{self.model}"

    def bring(self, home: Path) -> str | None:
        """Put the kept registry into `home`, and return its commit; None where there is none yet, and `home` has none then either.

        Raises:
            PlatformError: The remote cannot be asked, the state is not whole, or it is gone though versions were promoted.
        """
        commit = self._there()
        if commit is None:
            self._never_promoted()
            portable.forget(home)
            return None
        here = f"refs/slipway/{self.branch}"
        _again(lambda: self.git.ask("fetch", "--quiet", "--no-tags", REMOTE, f"+refs/heads/{self.branch}:{here}"))
        commit = self.git.text("rev-parse", here)  # it may have moved since it was asked for
        archive = self.git.ask("archive", "--format=tar", commit)[1]
        with tempfile.TemporaryDirectory(dir=home, prefix=".state-") as folder:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(folder, filter="data")
            portable.unpack(Path(folder), home)
        return commit

    def send(self, home: Path, expected: str | None, message: str, *, tag: str | None = None, without: Iterable[str] = ()) -> str:
        """Keep the registry of `home`, in the place of the commit `expected`, and return the new commit.

        Args:
            home: The state folder.
            expected: What `bring` returned.
            message: What was done, for `git log`.
            tag: A tag to leave on it, for a version that reached production.
            without: Folders of versions whose models need not be kept.

        Raises:
            Moved: Another state is kept by now.
            PlatformError: It could not be sent; what is kept is as it was.
        """
        with tempfile.TemporaryDirectory(dir=home, prefix=".state-") as folder:
            portable.pack(home, Path(folder), without)
            commit = self._commit(Path(folder), message)
        refs = [f"{commit}:refs/heads/{self.branch}"]
        if tag is not None:
            about = f"object {commit}\ntype commit\ntag {tag}\ntagger slipway <slipway@localhost> {int(time.time())} +0000\n\n{message}\n"
            made = self.git.text("hash-object", "-t", "tag", "-w", "--stdin", stdin=about.encode())
            refs.append(f"+{made}:refs/tags/{tag}")
        _again(lambda: self._push(commit, expected, refs))
        return commit

    def _push(self, commit: str, expected: str | None, refs: Iterable[str]) -> None:
        """Push once; where that failed, the branch itself says whether it arrived all the same, or somebody else was quicker."""
        lease = f"--force-with-lease=refs/heads/{self.branch}:{expected or ''}"
        try:
            self.git.ask("push", "--quiet", "--no-verify", "--atomic", lease, REMOTE, *refs)
        except PlatformError as error:
            now = self._there()
            if now == commit:  # it arrived, and the answer was lost
                return
            if now != expected:
                raise Moved from error
            raise

    def _there(self) -> str | None:
        found = _again(lambda: self.git.text("ls-remote", REMOTE, f"refs/heads/{self.branch}"))
        return found.split()[0] if found else None

    def _never_promoted(self) -> None:
        """Where the branch is missing: make sure that this is the beginning, and not a loss."""
        tags = _again(lambda: self.git.text("ls-remote", "--tags", REMOTE, f"refs/tags/{self.model}/v*"))
        names = sorted({line.split("refs/tags/")[1].removesuffix("^{}") for line in tags.splitlines()})
        if not names:
            return
        heads = _again(lambda: self.git.text("ls-remote", "--heads", REMOTE, f"refs/heads/*/{self.model}"))
        others = [line.split("refs/heads/")[1].removesuffix(f"/{self.model}") for line in heads.splitlines()]
        if others:
            hint = f"Did you mean MLOPS_STATE={others[0]}?"
            raise UsageError(
                f"there is no branch {self.branch}, and there is {', '.join(f'{one}/{self.model}' for one in others)}",
                where="MLOPS_STATE",
                hint=hint,
            )
        below = f"refs/tags/{self.model}/v*"
        newest = f"$(git for-each-ref --sort=-creatordate --count=1 --format='%(objectname)' '{below}')^{{commit}}"
        raise PlatformError(
            f"the state of {self.model} is gone: there is no branch {self.branch}, and versions were promoted: {', '.join(names[-5:])}",
            where=REMOTE,
            hint=f"Bring back the newest that a tag has: git fetch -q {REMOTE} '+{below}:{below}' && git push {REMOTE} \"{newest}:refs/heads/{self.branch}\"\n"
            f"Or begin anew, without a champion: git push {REMOTE} --delete {' '.join(names)}",
        )

    def _commit(self, folder: Path, message: str) -> str:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        large = next((path for path in files if path.stat().st_size > LARGEST), None)
        if large is not None:
            size = large.stat().st_size / 2**20
            hint = "A branch is for models of some megabytes. Set MLFLOW_TRACKING_URI to a server that keeps them."
            raise PlatformError(f"a file of {size:,.0f} MiB cannot be kept in a branch", where=large.name, hint=hint)
        (folder / ".gitattributes").write_text("* -text\n", encoding="utf-8")  # not a byte of a model may change on its way
        files.append(folder / ".gitattributes")
        listed = "".join(f"{path}\n" for path in files).encode()
        blobs = self.git.text("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=listed).split()
        entries = [f"100644 {blob}\t{path.relative_to(folder).as_posix()}\n" for blob, path in zip(blobs, files, strict=True)]
        index = folder / ".index"
        self.git.ask("update-index", "--index-info", stdin="".join(entries).encode(), index=index)
        tree = self.git.text("write-tree", index=index)
        return self.git.text(*_AUTHOR, "commit-tree", tree, stdin=f"{message}\n".encode())


def _again(question: Callable[[], T]) -> T:
    """Ask the remote, a bounded number of times: its network fails now and then."""
    for attempt in range(_TRIES):
        try:
            return question()
        except GitRefused:
            if attempt == _TRIES - 1:
                raise
            time.sleep(0.2 * 4**attempt * (1 + random.random()))  # noqa: S311 - jitter
    raise AssertionError

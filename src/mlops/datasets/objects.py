"""Where the bytes of a file can still be had: in the data set's folder, among what the state folder keeps, or in git's history."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.datasets.elsewhere import cached
from mlops.errors import MlopsError
from mlops.files import digest_bytes, digest_file, write_atomic
from mlops.state.git import Git, answer

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Found:
    """A file with the wanted digest: a path, or an object of git."""

    path: Path | None = None
    folder: Path | None = None
    blob: str = ""

    @property
    def where(self) -> str:
        return f"git {self.blob[:12]}" if self.blob else str(self.path)

    def read(self) -> bytes:
        """Return its bytes."""
        if self.path is not None:
            return self.path.read_bytes()
        return Git(self.folder or Path(), {}).ask("cat-file", "blob", self.blob)[1]


def store(path: Path, home: Path) -> None:
    """Keep a file's bytes in the state folder, by their digest.

    Raises:
        PlatformError: The disk is full.
    """
    content = path.read_bytes()
    place = _place(home, digest_bytes(content).removeprefix("sha256:"))
    if not place.exists():
        write_atomic(place, content, mode=0o444)


def _place(home: Path, digest: str) -> Path:
    return home / "data" / "objects" / digest[:2] / digest[2:]


def find(folder: Path, name: str, digest: str, home: Path, commit: str | None = None) -> Found | None:
    """Return where a file with this digest can be had, or None.

    Args:
        folder: The data set's.
        name: Of the file below it.
        digest: Its sha256, in hex.
        home: The state folder.
        commit: Where in git to look first.
    """
    for path in (folder / name, _place(home, digest), cached(digest)):
        if path is not None and path.is_file() and digest_file(path) == f"sha256:{digest}":
            return Found(path)
    for blob in _blobs(folder, name, commit):
        found = Found(folder=folder, blob=blob)
        try:
            if digest_bytes(found.read()) == f"sha256:{digest}":
                return found
        except MlopsError:  # a clone without its old files
            continue
    return None


def _blobs(folder: Path, name: str, commit: str | None) -> Iterator[str]:
    """Yield the objects that a file was in git's history, each once: those of `commit` first, then the newest."""
    first = answer(folder, "rev-parse", "--verify", "--quiet", f"{commit}:./{name}") if commit else None
    if first:
        yield first
    listed = answer(folder, "log", "--all", "--format=", "--raw", "--no-abbrev", "--no-renames", "--", f":(literal){name}") or ""
    seen = {first}
    for line in listed.splitlines():
        pieces = line.split()
        for blob in pieces[2:4] if line.startswith(":") and len(pieces) > 4 else ():
            if set(blob) != {"0"} and blob not in seen:
                seen.add(blob)
                yield blob


def last_seen(folder: Path, name: str) -> str:
    """Return the last commit that had a file, and when; empty where git knows none."""
    return answer(folder, "log", "--all", "-1", "--diff-filter=AMD", "--format=%h of %cs", "--", f":(literal){name}") or ""


@contextmanager
def as_file(found: Found, name: str, home: Path) -> Iterator[Path]:
    """Yield a file with the bytes, called as the data set calls it: its name says how it is packed."""
    if found.path is not None and found.path.name == name.rpartition("/")[2]:
        yield found.path
        return
    (home / "data").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home / "data", prefix="old-") as above:
        path = Path(above) / name.rpartition("/")[2]
        path.write_bytes(found.read())
        yield path

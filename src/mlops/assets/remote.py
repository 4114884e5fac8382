"""What lies behind a URL, fetched once and kept under its digest; used again while the server says that it is the same.

A server that cannot be reached, or does not say, is no reason to stop: what was fetched before is used, and a note says so.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops.assets.rules import RULES_FILE, spellings
from mlops.datasets.elsewhere import fetch, status_of
from mlops.errors import MlopsError, PlatformError, UsageError
from mlops.files import digest_file, digest_folder, locked, read_json, write_json
from mlops.local.digests import Digests
from mlops.local.runs import now

_STAMPS = {"ETag", "etag", "Content-MD5", "Last-Modified", "last_modified", "mtime"}


@dataclass
class Remote:
    """The memory of what was fetched, in `folder`."""

    folder: Path
    notes: list[str] = field(default_factory=list)
    """What a person may want to know of how each address was answered."""

    def get(self, url: str, *, folder: bool = False) -> Path:
        """Return the local copy of what is at `url`: a file, or a folder with all that is below it.

        Raises:
            UsageError: The kind of address is not known, or a package is missing for it.
            PlatformError: It cannot be fetched, and was not fetched before.
        """
        name = _name(url)
        memory = self.folder / f"{name}.json"
        with locked(self.folder / f"{name}.lock"):
            known = read_json(memory) or {}
            kept = Path(known["path"]) if known and self._whole(known) else None
            stamp = _stamp(url, folder=folder)
            if kept and (stamp is None or (stamp and stamp == known["stamp"])):
                state = "the server was not asked" if stamp is None else "unchanged on the server"
                self.notes.append(f"{_bare(url)}: fetched {known['at'][:19]}, {known['digest'][:19]}, {state}")
                return kept
            path = self._folder(url, name) if folder else _file(url)
            digest = digest_folder(path) if folder else digest_file(path)
            write_json(memory, {"url": _bare(url), "path": str(path), "digest": digest, "stamp": stamp or {}, "at": now()})
        self.notes.append(f"{_bare(url)}: fetched now, {digest[:19]}")
        return path

    def _whole(self, known: dict[str, Any]) -> bool:
        """Return whether a copy is still what was fetched; a large one is not read again where `stat` says that it is the same."""
        try:
            return Digests(self.folder.parent.parent / "digests.json").of(Path(known["path"])) == str(known["digest"])
        except OSError:
            return False

    def kept(self, url: str) -> Path | None:
        """Return what was fetched from `url` before, if anything was."""
        known = read_json(self.folder / f"{_name(url)}.json")
        return Path(known["path"]) if known and Path(known["path"]).exists() else None

    def _folder(self, url: str, name: str) -> Path:
        """Fetch all that is below `url`; the copy is whole or absent."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as stage:
            target = Path(stage) / "content"
            try:
                _download(_addresses(url, folder=True)[0], target)
            except MlopsError:
                raise
            except (ImportError, ValueError) as error:
                raise UsageError(f"cannot fetch {_bare(url)}: {error}", hint=_hint(url)) from error
            except Exception as error:
                raise PlatformError(f"cannot fetch {_bare(url)}: {type(error).__name__}: {error}", hint=_hint(url)) from error
            if not target.is_dir() or not any(target.iterdir()):
                raise PlatformError(f"there is nothing to be listed at {_bare(url)}", hint=_hint(url))
            kept = self.folder / name / digest_folder(target).removeprefix("sha256:")
            kept.parent.mkdir(exist_ok=True)
            if not kept.exists():
                shutil.move(target, kept)
        return kept


def _download(address: str, target: Path) -> None:
    """Fetch each file that the server lists below an address; a name that leads elsewhere is refused."""
    import fsspec  # type: ignore[import-untyped]

    files, below = fsspec.url_to_fs(address)
    base = below.rstrip("/")
    for one in files.find(f"{base}/"):
        place = target / str(one).removeprefix(base).lstrip("/")
        if not place.resolve().is_relative_to(target.resolve()):
            raise ValueError(f"it lists {str(one)!r}, which is not below it")
        place.parent.mkdir(parents=True, exist_ok=True)
        files.get_file(one, str(place))


def _hint(url: str) -> str:
    return f"Check the address and the network. With a copy here, add a line to {RULES_FILE}: {_bare(url)}: PATH"


def _file(url: str) -> Path:
    """Fetch one file; a blob of Azure's by https first, which needs no package and is enough for a public one or a signed address."""
    error: MlopsError | None = None
    for address in _addresses(url, folder=False):
        try:
            return fetch(address)
        except MlopsError as this:
            error = this
    if error is None:
        raise UsageError(f"cannot fetch {_bare(url)}", hint=_hint(url))
    raise type(error)(error.message.replace(url, _bare(url)), where=_bare(url), hint=_hint(url)) from error


def _addresses(url: str, *, folder: bool) -> list[str]:
    """Return the addresses to try for a place: a blob of Azure's has several, and a folder of blobs is listed by adlfs alone."""
    same = spellings(url)
    if len(same) == 2:
        return [url]
    https = url if url.startswith("http") else same[2]
    if folder and not importlib.util.find_spec("adlfs"):
        raise UsageError(
            f"cannot list the folder {_bare(url)}: the package adlfs is not installed", hint=f"uv pip install adlfs\n{_hint(url)}"
        )
    adlfs = [same[4]] if importlib.util.find_spec("adlfs") else []
    return adlfs if folder else [https, *adlfs]


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:24]


def _bare(url: str) -> str:
    """Return an address without its query, which may hold a signature."""
    return url.split("?", 1)[0]


def _stamp(url: str, *, folder: bool) -> dict[str, Any] | None:
    """Return what the server says of the content now, without fetching it; None where it does not answer, nothing where it does not say."""
    import fsspec

    answer: dict[str, Any] | None = None
    for address in _addresses(url, folder=folder):
        try:
            files, path = fsspec.url_to_fs(address)
            said = files.find(f"{path.rstrip('/')}/", detail=True) if folder else {"": files.info(path)}
        except Exception as error:  # noqa: BLE001 - of any protocol: it does not answer, or refuses, which a fetch tells
            answer = answer if status_of(error) is None else {}
        else:
            stamps = {name: {key: str(one[key]) for key in (*_STAMPS, "size") if one.get(key)} for name, one in said.items()}
            return stamps if stamps and all(_STAMPS & stamp.keys() for stamp in stamps.values()) else {}
    return answer

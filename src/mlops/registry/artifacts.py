"""A version's files: where they lie in MLflow's store, how they come to this machine, and whether they are still those registered."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mlops.errors import PlatformError
from mlops.files import digest_file, digest_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def place(digest: str) -> str:
    """Return the path below a run's artifacts that the files of a version have: no two versions share one."""
    return f"slipway/{digest.removeprefix('sha256:')[:16]}"


def listing(folder: Path) -> str:
    """Return the names and digests of a folder's files as JSON, to tell later which one was changed."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return json.dumps({path.relative_to(folder).as_posix(): digest_file(path)[7:23] for path in files})


def changed(recorded: str, folder: Path) -> str:
    """Return in words the first difference between a recorded listing and a folder."""
    before: Mapping[str, str] = json.loads(recorded)
    after: Mapping[str, str] = json.loads(listing(folder))
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            return f"{name} is gone"
        if name not in before:
            return f"{name} was added"
        if before[name] != after[name]:
            return f"{name} was changed"
    return "its files differ"


def copied(digest: str, cache: Path, download: Callable[[Path], Path]) -> Path:
    """Return the copy of a folder that is kept under its digest; where there is none, or not as it should be any more, it is brought.

    Args:
        digest: What its content should be; what comes is not judged here.
        cache: Folder of the copies.
        download: Brings the files below an empty folder, and returns where they are.
    """
    copy = cache / digest.removeprefix("sha256:")
    if copy.is_dir() and digest_folder(copy) == digest:
        return copy
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as fresh:
        got = download(Path(fresh))
        if not (copy.is_dir() and digest_folder(copy) == digest):  # else somebody else was quicker
            shutil.rmtree(copy, ignore_errors=True)
            got.rename(copy)
    return copy


def local(address: str, digest: str, cache: Path, tracking_uri: str) -> Path:
    """Return a folder of artifacts on this machine; from a server it is copied once, under its digest.

    A copy that is not what it should be any more is fetched again: the server's files are what counts. What comes is not judged here.

    Args:
        address: URI of the folder, as MLflow knows it.
        digest: What its content should be.
        cache: Folder of the copies.
        tracking_uri: The server to ask.

    Raises:
        PlatformError: It cannot be had.
    """
    if urlsplit(address).scheme in {"", "file"}:
        return Path(unquote(urlsplit(address).path))

    def download(fresh: Path) -> Path:
        from mlflow.artifacts import download_artifacts

        return Path(download_artifacts(artifact_uri=address, dst_path=str(fresh), tracking_uri=tracking_uri))

    try:
        return copied(digest, cache, download)
    except Exception as error:  # MLflow's artifact stores raise what they like
        first = (str(error).strip().splitlines() or [repr(error)])[0][:300]
        hint = "Is the server up, and are the artifacts still there? Run the same command again."
        raise PlatformError(f"the files cannot be had: {first}", where=address, hint=hint) from error

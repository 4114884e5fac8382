"""A file behind a URL, fetched once into the user's cache under its digest; one that is not what was recorded is refused."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mlops.datasets.database import filled
from mlops.errors import JobFailed, PlatformError, UsageError
from mlops.files import digest_file

if TYPE_CHECKING:
    from mlops.datasets.source import Source


def fetched(source: Source) -> Path:
    """Return the local copy of a source's URL.

    Raises:
        JobFailed: Its digest is not the recorded one.
        UsageError: The URL's kind is not known, or a variable in it is not set.
        PlatformError: It cannot be fetched.
    """
    kept = _cache() / source.sha256 / name_of(source.url) if source.sha256 else None
    if kept is not None and kept.is_file() and digest_file(kept) == f"sha256:{source.sha256}":
        return kept
    path = fetch(source.url)
    found = path.parent.name
    if source.sha256 and found != source.sha256:
        raise JobFailed(
            f"it is not the file that was recorded: expected sha256 {source.sha256}, found {found}",
            where=source.url,
            hint=f"Get the old one back; or, if the change is meant, set `sha256: {found}` in {source.path}.",
        )
    return path


def fetch(url: str) -> Path:
    """Fetch a URL into the cache; the folder of the file is called by its digest (SHA-256 in hex). Raises as `fetched`."""
    import fsspec  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name_of(url)
        try:
            with fsspec.open(filled(url), "rb") as far, path.open("wb") as near:
                shutil.copyfileobj(far, near)
        except (ImportError, ValueError) as error:
            raise UsageError(
                f"cannot fetch it: {error}", where=url, hint="Install what it names, or download the file and name that."
            ) from error
        except Exception as error:
            message = f"cannot fetch it: {type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else 'no answer'}"
            raise PlatformError(
                message, where=url, hint="Check the address and the network; or download the file and name that."
            ) from error
        kept = _cache() / digest_file(path).removeprefix("sha256:") / path.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, kept)
    return kept


def cached(sha256: str) -> Path | None:
    """Return the file with this digest that was fetched before, or None."""
    return next((path for path in (_cache() / sha256).glob("*") if path.is_file()), None) if sha256 else None


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "slipway" / "data"


def name_of(url: str) -> str:
    """Return the name of the file that a URL is about."""
    return Path(unquote(urlsplit(url).path)).name or "data"

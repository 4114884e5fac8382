"""A file behind a URL, fetched once into the user's cache under its digest; one that is not what was recorded is refused."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.datasets.address import filled, masked, name_of
from mlops.errors import JobFailed, MlopsError, PlatformError, UsageError
from mlops.files import digest_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops.datasets.source import Source


_STATUS: tuple[tuple[Sequence[int], str, str], ...] = (
    (
        (401, 403, 407),
        "the server refuses it",
        "Is the token or signature in the address right, and still good? It is taken from the environment.",
    ),
    ((404, 410), "there is nothing at this address", "Check the address; or download the file and name that."),
    ((429,), "the server was asked too often", "Wait a while, and run the same command again."),
    (range(500, 600), "the server failed", "Run the same command again later."),
)


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
            with fsspec.open(filled(url), "rb", expand=False) as far, path.open("wb") as near:
                shutil.copyfileobj(far, near)
        except MlopsError:
            raise
        except (ImportError, ValueError) as error:
            hint = "Install what it names, or download the file and name that."
            raise UsageError(f"cannot fetch it: {masked(str(error), url)}", where=url, hint=hint) from error
        except Exception as error:
            raise _told(error, url) from error
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


def _told(error: BaseException, url: str) -> PlatformError:
    """Return the error for a person: by the server's status where there is one, for its message says the address and no more."""
    status = status_of(error)
    if status is None:
        first = _first(error)
        said = f"{type(first).__name__}: {masked(str(first), url) or 'no answer'}"
        return PlatformError(
            f"cannot fetch it: {said}", where=url, hint="Check the address and the network; or download the file and name that."
        )
    known = next(
        (words for codes, *words in _STATUS if status in codes),
        ["the server does not give it", "Look at the address in a browser; or download the file and name that."],
    )
    return PlatformError(f"cannot fetch it: {known[0]} ({status})", where=url, hint=known[1])


def _first(error: BaseException) -> BaseException:
    """Return what an error came from in the beginning: fsspec says of every failure that the file is not found."""
    while isinstance(error, FileNotFoundError) and (cause := error.__cause__ or error.__context__):
        error = cause
    return error


def status_of(error: BaseException | None) -> int | None:
    """Return the HTTP status of an error, or of one that it came from: fsspec says of each that the file is not found."""
    last = None
    while error is not None:
        last = error
        if isinstance(getattr(error, "status", None), int):
            return int(error.status)  # type: ignore[attr-defined]
        error = error.__cause__ or error.__context__
    return 404 if isinstance(last, FileNotFoundError) else None

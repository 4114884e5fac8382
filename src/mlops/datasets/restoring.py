"""Bringing back the exact files of an old version, into a folder of its own; or saying which of them are gone, and where they were last."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.datasets import objects
from mlops.datasets.history import is_shallow
from mlops.datasets.listing import SOURCE, SUMS, is_inside, written
from mlops.errors import JobFailed, UsageError
from mlops.files import digest_file, fsync_folder, unwritable, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops.datasets.listing import Listing
    from mlops.datasets.objects import Found


@dataclass(frozen=True)
class Wanted:
    """A version that is to be brought back."""

    listing: Listing
    commit: str | None
    """Where in git to look first."""
    said: str
    """What it is, for a person: `flights v3, run 7`."""


def restore(wanted: Wanted, folder: Path, target: Path, home: Path) -> dict[str, str]:
    """Write the files of a version into `target`, which must not be there, or be empty; it is whole or not there at all.

    Returns:
        Name below `target` -> where the file was found.

    Raises:
        UsageError: `target` holds something, or the version has a name that climbs out of it.
        JobFailed: Files of the version are gone; they are named, with where they were last.
        PlatformError: It cannot be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            "this is not an empty folder", where=str(target), hint="Name a folder that is not there yet; nothing is overwritten."
        )
    laid = laid_out(wanted.listing.files)
    found = {name: objects.find(folder, name, digest, home, wanted.commit) for name, digest in wanted.listing.files.items()}
    gone = [name for name, place in found.items() if place is None]
    if gone:
        raise _gone(wanted, folder, gone)
    places = {name: place for name, place in found.items() if place is not None}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        above = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise unwritable(target, error) from error
    try:
        _write(wanted, places, laid, above)
        os.chmod(above, 0o755)  # noqa: S103 - a folder made for one's own eyes becomes a plain one
        os.replace(above, target)
        fsync_folder(target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(above, ignore_errors=True)
    return {laid[name]: place.where for name, place in places.items()}


def laid_out(names: Iterable[str]) -> dict[str, str]:
    """Return name -> where the file is written, below the folder: what lay elsewhere loses the folders that all such files share.

    Raises:
        UsageError: A name climbs out of the folder, or two files would take one place.
    """
    found = list(names)
    absolute = [name for name in found if name.startswith("/")]
    common = os.path.commonpath([os.path.dirname(name) for name in absolute]) if absolute else ""
    laid = {name: os.path.relpath(name, common) if name in absolute else name for name in found}
    wrong = [name for name, place in laid.items() if not is_inside(place)]
    if wrong or len(set(laid.values())) < len(laid):
        what = f"{wrong[0]!r} leads out of the folder" if wrong else "two of its files would take one place"
        raise UsageError(
            f"this version cannot be brought back: {what}", hint="Nothing was written. Restore its files by hand, by their digests."
        )
    return laid


def _write(wanted: Wanted, places: dict[str, Found], laid: dict[str, str], above: Path) -> None:
    files = wanted.listing.files
    for name, place in places.items():
        content = place.read()
        write_atomic(above / laid[name], content)
        if digest_file(above / laid[name]) != f"sha256:{files[name]}":
            raise JobFailed("the file changed while it was read", where=place.where, hint="Run the same command again.")
    write_atomic(above / SUMS, written({laid[name]: digest for name, digest in files.items() if name != SOURCE}))


def _gone(wanted: Wanted, folder: Path, gone: list[str]) -> JobFailed:
    told = []
    for name in gone[:10]:
        last = objects.last_seen(folder, name)
        told.append(
            f"{name}  sha256 {wanted.listing.files[name]}"
            + (f"; last changed in git by {last}, with other bytes" if last else "; never in git")
        )
    told += [f"and {len(gone) - 10} more"] if len(gone) > 10 else []
    if is_shallow(folder):
        told.append("This clone has only the newest commits: git fetch --unshallow, and try again.")
    told.append("They are not in the data set's folder, not in git's history here, and not in .mlops/data/objects. Nothing was written.")
    return JobFailed(
        f"{len(gone)} of the {len(wanted.listing.files)} files of {wanted.said} are gone", where=str(folder), hint="\n".join(told)
    )

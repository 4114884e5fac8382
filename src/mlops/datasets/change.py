"""A change of a data set that is made whole or not at all, whenever its process ends.

New files are laid into `.adding/` inside of the data set's folder, which is on the same disk: nothing sees them there. Writing `ready.json`
beside them is the moment at which the change has happened; the renames that follow can be finished by anybody, and `settle` does so: at the
next `mlops data`, and before any run reads the folder. What lies there without `ready.json` never happened, and is cleared away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.datasets.listing import is_inside
from mlops.errors import PlatformError, UsageError
from mlops.files import fsync_folder, read_json, unwritable, write_atomic, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

STAGE, READY = ".adding", "ready.json"


@contextlib.contextmanager
def held(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the data set's folder itself by `flock`: no file is left behind, and the lock ends with its process.

    Raises:
        PlatformError: Somebody else changes it now.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    except BlockingIOError:
        raise PlatformError(
            "another `mlops data` changes this data set now",
            where=str(folder),
            hint="Wait until it has ended; nothing was changed by this one.",
        ) from None
    finally:
        os.close(handle)


def settle(folder: Path) -> bool:
    """Finish a change that was cut short after its moment, or clear away one that never happened; whoever calls it holds the folder.

    Returns:
        Whether a change was finished.

    Raises:
        PlatformError: It cannot be written.
    """
    stage = folder / STAGE
    if not stage.is_dir() or not os.access(folder, os.W_OK):
        return False
    facts = read_json(stage / READY)
    if facts is not None:
        _check(folder, facts["files"])
        _move(folder, facts["files"])
    shutil.rmtree(stage, ignore_errors=True)
    return facts is not None


def settle_before_reading(folder: Path) -> None:
    """Finish what was cut short at the last moment, where there is such a thing: to be called before a run reads a data set."""
    if (folder / STAGE / READY).exists():
        with held(folder, wait=True):
            settle(folder)


@contextlib.contextmanager
def staged(folder: Path, files: Mapping[str, Path | str]) -> Iterator[Path]:
    """Lay the new files of a change out, and clear them away afterwards, where `commit` was not called.

    Args:
        folder: The data set's.
        files: Name below the folder -> the file to copy, or the text to write.

    Yields:
        The folder that they are in.

    Raises:
        UsageError: A name leads out of the folder. Nothing has changed.
        PlatformError: The disk is full, or the folder not writable. Nothing has changed.
    """
    _check(folder, files)
    stage = folder / STAGE
    try:
        for name, content in files.items():
            place = stage / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                _copy(content, place)
            else:
                write_atomic(place, content)
        yield stage
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        if not (stage / READY).exists():
            shutil.rmtree(stage, ignore_errors=True)


def commit(folder: Path, files: list[str]) -> None:
    """Let the change that is staged happen.

    Args:
        folder: The data set's.
        files: The names of what is staged, in the order in which they take their places.

    Raises:
        UsageError: A name leads out of the folder. Nothing has changed.
        PlatformError: It cannot be written; the next `mlops data` finishes it, or it never happened.
    """
    _check(folder, files)
    write_json(folder / STAGE / READY, {"files": files})
    settle(folder)


def _check(folder: Path, names: Iterable[str]) -> None:
    """Refuse a name that would be joined to a place elsewhere: what is there is nobody's to change, and could not be undone."""
    for name in names:
        if not is_inside(name):
            hint = "Only files in the data set's own folder can be changed. Nothing was."
            raise UsageError(f"{name!r} leads out of the data set's folder", where=str(folder), hint=hint)


def _copy(source: Path, place: Path) -> None:
    with source.open("rb") as read, place.open("wb") as write:
        shutil.copyfileobj(read, write, 1 << 20)
        write.flush()
        os.fsync(write.fileno())
    place.chmod(0o644)


def _move(folder: Path, names: list[str]) -> None:
    try:
        for name in names:
            if (folder / STAGE / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(folder / STAGE / name, folder / name)
                fsync_folder((folder / name).parent)
    except OSError as error:
        raise unwritable(folder, error) from error

"""Files that are whole or absent: atomic writes, locks that die with their owner, and content digests."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
from pathlib import Path

from mlops.errors import PlatformError
from mlops.hashing import sha256, sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_ELSEWHERE = "set MLOPS_HOME to a folder that can be written, if this is the state folder"
_MENDS = {
    errno.EROFS: f"The file system is read-only: mount it for writing, or {_ELSEWHERE}",
    errno.EACCES: f"Mend the folder's permissions, or {_ELSEWHERE}",
    errno.EPERM: f"Mend the folder's permissions, or {_ELSEWHERE}",
    errno.ENOLCK: "This file system has no locks: set MLOPS_HOME to a folder on a disk of this machine",
    errno.EOPNOTSUPP: "This file system has no locks: set MLOPS_HOME to a folder on a disk of this machine",
}
"""What to do about a folder that cannot be written, by the error number."""


def write_atomic(path: Path, content: str | bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Write `content` so that a reader, or a power loss, sees the old file or the new one, never a part.

    Args:
        path: Its folder is made where it is missing.
        content: Text is written as UTF-8.
        mode: The file's permissions.
        durable: False for what may be lost to a power cut (a reader must then take a file that makes no sense for none): no sync, so a
            tenth of the time.

    Raises:
        PlatformError: The disk is full or not writable. The old file is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = f"{path.parent}/.{path.name}.{os.urandom(6).hex()}"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
        if durable:
            fsync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise unwritable(path, error) from error


def linked(path: Path, place: Path) -> bool:
    """Give a file a second name, and return whether that could be done: not on every file system, and not from one to another."""
    try:
        os.link(path, place)
    except OSError:
        return False
    return True


def link_or_copy(one: str, other: str) -> None:
    """Give a file a second name; copy it where that cannot be done."""
    if not linked(Path(one), Path(other)):
        import shutil

        shutil.copy2(one, other)


def write_protect(path: Path) -> None:
    """Take the write permission from a file, or from all files of a folder: what was digested should stay so."""
    for file in [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]:
        file.chmod(stat.S_IMODE(file.stat().st_mode) & ~0o222)


def write_json(path: Path, value: Any, *, compact: bool = False, durable: bool = True) -> None:
    """Write `value` as strict JSON (no bare NaN), atomically; `compact` on one line, which is ten times as fast."""
    text = json.dumps(value, indent=None if compact else 2, ensure_ascii=False, allow_nan=False)
    write_atomic(path, text + "\n", durable=durable)


def read_json(path: Path | str) -> Any:
    """Return the JSON in `path`, or None where there is no such file.

    Raises:
        PlatformError: The file is there and cannot be read, or is not JSON.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            return json.loads(file.read())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise PlatformError(f"cannot read: {error.strerror or error}", where=str(path), hint="Mend its permissions.") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise PlatformError(f"not JSON: {error}", where=str(path), hint="Delete the file; it is written anew.") from error


def unwritable(path: Path, error: OSError) -> PlatformError:
    """Return the error for a path that could not be written, with what to free or change."""
    mend = _MENDS.get(error.errno or 0, "Free disk space or mend the folder's permissions")
    return PlatformError(
        f"cannot write: {error.strerror or error}", where=str(path), hint=f"{mend}, then run the same command again; nothing was lost."
    )


def fsync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power loss."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True, busy: str = "another mlops process holds it") -> Iterator[None]:
    """Hold an exclusive `flock` on `path`: it ends with its process, however that ends.

    Raises:
        PlatformError: `wait` is false and somebody else holds it (their note is in the message), or the folder is not writable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            owner = os.pread(handle, 200, 0).decode(errors="replace").strip()
            raise PlatformError(f"{busy}{f' ({owner})' if owner else ''}", where=str(path)) from None
        except OSError as error:
            raise unwritable(path, error) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"pid {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def digest_bytes(data: bytes) -> str:
    """Return `sha256:<hex>` of `data`."""
    return "sha256:" + sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return `sha256:<hex>` of a file's bytes."""
    with path.open("rb") as file:
        return "sha256:" + sha256_of(file).hexdigest()


def digest_folder(folder: Path, digest: Callable[[Path], str] = digest_file) -> str:
    """Return `sha256:<hex>` over the sorted relative names and digests of every file below `folder`.

    A file more, less, renamed or altered gives another digest; times and permissions do not. Links count by their target's content.
    What a run sealed is compared with what the registry keeps, so there is this one way only; `digest` may remember single files.
    """
    found = (Path(root, name) for root, _, names in os.walk(folder, followlinks=True) for name in names)
    files = {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}
    return digest_bytes("".join(f"{name}\0{digest(files[name])}\n" for name in sorted(files)).encode())


def shown(path: Path, root: Path) -> str:
    """Return a path as a person in the folder `root` would type it."""
    return str(path.relative_to(root)) if path.is_absolute() and path.is_relative_to(root) else str(path)

"""Which files a source is made of, the partition that each is, and their bytes, whatever they are packed in."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import re
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mlops.errors import JobFailed, PlatformError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.datasets.source import Source

_STAR = re.compile(r"\*+")
_HIVE = re.compile(r"([^=/]+)=([^/]*)")
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Part:
    """One file, and what its place says: the partition's label, and the columns that folders called `name=value` give."""

    path: Path
    label: str = ""
    keys: Mapping[str, str] | None = None


def parts(source: Source, wanted: tuple[str, ...] | None = None) -> tuple[Part, ...]:
    """Return the files of a source in the order of their names; of a partitioned one those that are `wanted`.

    Raises:
        UsageError: There is no such file, or a partition that is wanted is not there.
    """
    pattern = source.files
    base = Path(pattern).anchor or source.folder
    relative = pattern.removeprefix(str(base)).lstrip("/") if Path(pattern).is_absolute() else pattern
    found = [relative] if (Path(base) / relative).is_file() else glob.glob(relative, root_dir=base, recursive=True)
    names = sorted(name for name in found if (Path(base) / name).is_file())
    if not names:
        raise UsageError("there is no file like this", where=str(Path(base) / relative), hint=f"`files` of {source.path} says so.")
    labels = label_of(relative)
    every = tuple(Part(Path(base) / name, labels(name) if source.partition else "", dict(_HIVE.findall(name)) or None) for name in names)
    if wanted is None:
        return every
    known = [part.label for part in every]
    absent = [label for label in wanted if label not in known]
    if absent:
        some = ", ".join(known[:3] + (["..."] if len(known) > 6 else []) + known[3:][-3:])
        raise UsageError(f"there is no partition {', '.join(absent)}", where=str(source.path), hint=f"There are: {some}")
    return tuple(part for part in every if part.label in wanted)


def label_of(pattern: str) -> Any:
    """Return the function from a file's name to what the stars of the pattern stand for in it, joined by dashes."""
    shape = re.compile("".join("(.*)" if _STAR.fullmatch(piece) else re.escape(piece) for piece in re.split(r"(\*+)", pattern)))

    def label(name: str) -> str:
        match = shape.fullmatch(name)
        return "-".join(filter(None, match.groups())) if match else name

    return label


def beside(source: Source, folder: Path) -> tuple[Source, dict[Path, Path]]:
    """Return the source as it is when its files lie in `folder`, and where each file is to be copied: from its path to the one there.

    Folders below the first star of the pattern are kept. A URL has no file to copy; what a database said comes as its snapshot.

    Raises:
        UsageError: There is no such file.
    """
    path = folder / source.path.name
    if source.url:
        return replace(source, path=path), {}
    if source.database:
        kept = source.folder / source.snapshot
        return replace(source, path=path), {kept: folder / source.snapshot}
    found = [part.path for part in parts(source)]
    fixed = source.files.split("*", maxsplit=1)[0] if len(found) > 1 or not Path(source.files).is_file() else source.files
    base = source.folder / fixed[: fixed.rfind("/") + 1]
    pattern = str(source.folder / source.files)[len(str(base)) + 1 :]
    return replace(source, path=path, files=pattern), {item: folder / item.relative_to(base) for item in found}


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for its bytes; gzip, bzip2, xz, zstandard and zip (of one file) are unpacked, told by their first bytes.

    Raises:
        UsageError: The archive holds several files, or asks for a password.
        JobFailed: It is damaged.
        PlatformError: It cannot be read.
    """
    try:
        with path.open("rb") as raw:
            head = raw.read(8)
            raw.seek(0)
            with _unpacked(raw, head, path) as file:
                yield file
    except DAMAGED as error:
        raise damaged(path, error) from error
    except OSError as error:
        if _is_damage(error):
            raise damaged(path, error) from error
        raise PlatformError(f"cannot read it: {error.strerror or error}", where=str(path), hint="Mend its permissions.") from error


def damaged(path: Path, error: BaseException) -> JobFailed:
    """Return the error for a packed file that ends too soon or does not unpack."""
    return JobFailed(f"the file is damaged: {error}", where=str(path), hint="It was cut off, or is not what its name says. Fetch it again.")


def _is_damage(error: OSError) -> bool:
    return error.errno is None or "truncated" in str(error).lower() or "decompress" in str(error).lower()


def _unpacked(raw: IO[bytes], head: bytes, path: Path) -> Any:
    if head.startswith(b"\x1f\x8b"):
        return gzip.open(raw)
    if head.startswith(b"BZh"):
        return bz2.open(raw)
    if head.startswith(b"\xfd7zXZ"):
        return lzma.open(raw)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow as pa

        return pa.CompressedInputStream(raw, "zstd")
    if head.startswith(b"PK\x03\x04") and not _is_sheet(path):
        return _member(raw, path)
    return raw


def _is_sheet(path: Path) -> bool:
    return path.suffix.lower() in {".xlsx", ".xlsm"}


def _member(raw: IO[bytes], path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(raw)
    names = [item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith(("__MACOSX", "."))]
    if len(names) != 1:
        shown = ", ".join(item.filename for item in names[:5])
        raise UsageError(
            f"the archive holds {len(names)} files: {shown}", where=str(path), hint="Unpack it, and name the file or the folder."
        )
    if names[0].flag_bits & 1:
        raise UsageError("the archive asks for a password", where=str(path), hint="Unpack it, and name the file.")
    return archive.open(names[0])


def sample(path: Path, size: int) -> bytes:
    """Return the first `size` bytes of what is in a file.

    Raises:
        MlopsError: As `opened`.
    """
    with opened(path) as file:
        return bytes(file.read(size))


def whole(path: Path) -> io.BytesIO:
    """Return all of what is in a file.

    Raises:
        MlopsError: As `opened`.
    """
    with opened(path) as file:
        return io.BytesIO(file.read())

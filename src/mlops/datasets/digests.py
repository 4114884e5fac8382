"""Digests of the files of a source: nobody trains on a file that is not the one that was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops.errors import JobFailed, SpecError
from mlops.files import digest_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = "SHA256SUMS"


def check(folder: Path, files: Sequence[Path]) -> None:
    """Compare files with the folder's SHA256SUMS, where there is one.

    Raises:
        JobFailed: A file differs, or nobody recorded it; it says how to get the old one back, and how to record the new one.
        SpecError: SHA256SUMS has a line that is none.
    """
    if not (folder / FILE).is_file():
        return
    listed = read(folder / FILE)
    for path in files:
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
        record = f"cd {folder} && sha256sum '{name}' >> {FILE}"
        if name not in listed:
            raise JobFailed(f"it is not listed in {FILE}: nobody has vouched for it", where=str(path), hint=f"If it is right: {record}")
        found = digest_file(path).removeprefix("sha256:")
        if found != listed[name]:
            raise JobFailed(
                f"it is not the file that was recorded: expected sha256 {listed[name]}, found {found}",
                where=str(path),
                hint=f"Get it back: git -C {folder} checkout -- '{name}'\nIf the change is meant: sed -i '\\| {name}$|d' {folder / FILE}; {record}",
            )


def read(path: Path) -> dict[str, str]:
    """Return name to digest of a file as sha256sum writes it.

    Raises:
        SpecError: A line has no digest and name.
    """
    from mlops.errors import Problem

    listed = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        digest, _, name = line.partition(" ")
        if line.strip() and (len(digest) != 64 or not name.strip()):
            raise SpecError([Problem(str(path), number, 1, "not a digest and a name", f"Make it anew: sha256sum FILE... > {FILE}", line)])
        if line.strip():
            listed[name.strip().lstrip("*").removeprefix("./")] = digest
    return listed


def text(folder: Path, files: Sequence[Path]) -> str:
    """Return what SHA256SUMS says of files below the folder."""
    return "".join(f"{digest_file(path).removeprefix('sha256:')}  {path.relative_to(folder).as_posix()}\n" for path in sorted(files))

"""Digests of the files of a source: nobody trains on a file that is not the one that was recorded."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from mlops.datasets.listing import SUMS, recorded
from mlops.errors import JobFailed
from mlops.files import digest_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def check(folder: Path, files: Sequence[Path]) -> None:
    """Compare files with the folder's SHA256SUMS, where there is one.

    Raises:
        JobFailed: A file differs, or nobody recorded it; it says how to get the old one back, and how to record the new one.
            Or SHA256SUMS has a line that is none.
    """
    if not (folder / SUMS).is_file():
        return
    listed = recorded(folder)
    for path in files:
        name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
        record = f"cd {shlex.quote(str(folder))} && sha256sum {shlex.quote(name)} >> {SUMS}"
        if name not in listed:
            raise JobFailed(f"it is not listed in {SUMS}: nobody has vouched for it", where=str(path), hint=f"If it is right: {record}")
        found = digest_file(path).removeprefix("sha256:")
        if found != listed[name]:
            raise JobFailed(
                f"it is not the file that was recorded: expected sha256 {listed[name]}, found {found}",
                where=str(path),
                hint=f"{_back(folder, name)}\nIf the change is meant: take its line out of {folder / SUMS}; {record}",
            )


def _back(folder: Path, name: str) -> str:
    if name.startswith("/"):
        return "Get it back from where it came: it lies outside of the data set's folder, and git does not know it."
    return f"Get it back: git -C {shlex.quote(str(folder))} checkout -- {shlex.quote(name)}"

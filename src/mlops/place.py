"""Where a project is, and where its state is kept."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from mlops.errors import UsageError
from mlops.files import unwritable

PROJECT_FILE = Path("src/project/project.yml")


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` that holds a project.

    Raises:
        UsageError: There is none.
    """
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise UsageError(f"there is no {PROJECT_FILE} here or above", where=str(start), hint="Run this inside a clone of the project.")


def state_dir(root: Path) -> Path:
    """Return the folder that all state is kept in, made where it is new: `.mlops`, or what MLOPS_HOME names.

    Raises:
        PlatformError: It cannot be made or written.
    """
    folder = Path(os.environ.get("MLOPS_HOME") or root / ".mlops").absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "it is read-only")
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder

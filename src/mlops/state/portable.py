"""A model's registry as a folder that can be moved: MLflow's database, compacted, and the files of its versions.

MLflow writes the absolute address of every file into its database. In the portable form each of them begins with `/mlops-home` instead of the
state folder's path; unpacking puts the new path in its place. That is done in every text column there is, so that no column of a later
MLflow is forgotten.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DATABASE, ARTIFACTS = "mlflow.db", "mlflow-artifacts"
ANYWHERE = "/mlops-home"
KEPT = "slipway"
"""The folder below a run's artifacts that holds a version's files (see `registry/artifacts.py`); a run's other artifacts stay behind."""


def pack(home: Path, folder: Path, without: Iterable[str] = ()) -> None:
    """Write the portable form of the registry in `home` into the empty `folder`.

    Args:
        home: A state folder.
        folder: Where to write; `mlflow.db` and `mlflow-artifacts/` come to be in it.
        without: Folders of versions (as `Registry` places them) whose model is left out: their rows and evidence stay.

    Raises:
        PlatformError: The database cannot be read, or the disk is full.
    """
    left_out = {str(Path(urllib.parse.unquote(urllib.parse.urlsplit(place).path)) / "model") for place in without}
    try:
        with contextlib.closing(sqlite3.connect(home / DATABASE, timeout=30)) as database:
            database.execute("VACUUM INTO ?", [str(folder / DATABASE)])
        _rewrite(folder / DATABASE, [(_quoted(home), ANYWHERE), (str(home), ANYWHERE)])
        for found in _files(home / ARTIFACTS):
            if not any(str(found).startswith(f"{place}{os.sep}") for place in left_out):
                copy = folder / found.relative_to(home)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found, copy)
    except (OSError, sqlite3.Error) as error:
        hint = "Free disk space, or look at the file; nothing was sent."
        raise PlatformError(f"the registry cannot be packed: {error}", where=str(home / DATABASE), hint=hint) from error


def unpack(folder: Path, home: Path) -> None:
    """Put the registry in `folder` in the place of the one in `home`; runs, caches and endpoints of `home` stay.

    Raises:
        PlatformError: It is not a whole registry; that in `home` is then as it was.
    """
    try:
        with contextlib.closing(sqlite3.connect(folder / DATABASE)) as database:
            (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        # A path in an address is quoted, one in a file name is not. Addresses first: they hold the other form too where nothing needs quoting.
        _rewrite(folder / DATABASE, [(f"file://{ANYWHERE}", f"file://{_quoted(home)}"), (ANYWHERE, str(home))])
        shutil.rmtree(home / ARTIFACTS, ignore_errors=True)
        if (folder / ARTIFACTS).is_dir():
            shutil.move(folder / ARTIFACTS, home / ARTIFACTS)
        # Copied into the file that is there, not put in its place: MLflow may hold it open in this very process.
        with contextlib.closing(sqlite3.connect(folder / DATABASE)) as kept, contextlib.closing(sqlite3.connect(home / DATABASE)) as mine:
            kept.backup(mine)
    except (OSError, sqlite3.Error) as error:
        hint = "An earlier one stands behind each tag of a promoted version: docs/ci.md, State."
        raise PlatformError(f"the kept registry cannot be used: {error}", where=DATABASE, hint=hint) from error


def forget(home: Path) -> None:
    """Remove the registry in `home`."""
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal"):
        (home / name).unlink(missing_ok=True)
    shutil.rmtree(home / ARTIFACTS, ignore_errors=True)


def _quoted(home: Path) -> str:
    return urllib.parse.quote(str(home))


def _rewrite(path: Path, changes: Iterable[tuple[str, str]]) -> None:
    """Replace the beginnings of paths in every text column, in one transaction."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        for table, column in _text_columns(database):
            for old, new in changes:
                database.execute(f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) WHERE instr("{column}", ?)', [old, new, old])  # noqa: S608 - names from the schema


def _text_columns(database: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    columns = [(table, *row[1:3]) for table in tables for row in database.execute(f'PRAGMA table_info("{table}")')]
    return [(table, name) for table, name, kind in columns if any(word in kind.upper() for word in ("CHAR", "TEXT", "CLOB", "JSON"))]


def _files(artifacts: Path) -> Iterator[Path]:
    return (path for path in sorted(artifacts.rglob("*")) if path.is_file() and KEPT in path.relative_to(artifacts).parts)

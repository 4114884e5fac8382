"""An empty database of MLflow's, kept beside the packages that made it: to make one takes MLflow seconds, to copy one takes no time.

It belongs to one version of MLflow in one virtual environment, and is no state: where it is missing or cannot be kept, MLflow makes its own.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

from mlops.errors import PlatformError
from mlops.files import write_atomic


def lay(database: Path, version: str) -> bool:
    """Copy the empty database to where one is wanted, and return whether there was one to copy."""
    try:
        data = _place(version).read_bytes()
    except OSError:
        return False
    write_atomic(database, data)
    return True


def keep(database: Path, version: str) -> None:
    """Keep a database that MLflow has just made, less what is its home's own; one that has runs already is left alone."""
    if sys.prefix == sys.base_prefix:  # an interpreter that is not this project's
        return
    with (
        contextlib.suppress(sqlite3.Error, PlatformError),
        contextlib.closing(sqlite3.connect(database)) as made,
        contextlib.closing(sqlite3.connect(":memory:")) as copy,
    ):
        made.backup(copy)
        if copy.execute("SELECT count(*) FROM runs").fetchone() != (0,):
            return
        copy.execute("DELETE FROM experiments")  # the default one names its home's folder; MLflow makes it anew
        copy.commit()
        write_atomic(_place(version), copy.serialize())


def _place(version: str) -> Path:
    return Path(sys.prefix) / "share" / "slipway" / f"mlflow-{version}.db"

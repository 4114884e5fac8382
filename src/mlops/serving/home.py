"""What an endpoint keeps in its folder, `.mlops/endpoints/<model>/<environment>`, and nowhere else.

endpoint.json    what is served, where and since when; written before the version before it is drained
endpoint.lock    held by the endpoint's process for its life: whether one runs is a lock test, never a stale number
control.sock     where that process takes commands, for its owner only
key, key.old     bearer keys: the one to use, and the one before the last rotation, which still works
sample.json      a request that works
*.log            the endpoint's own log, one of each version, and one line for each request (without what was asked or answered)
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.files import read_json, unwritable, write_atomic, write_json

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder of one endpoint."""

    path: Path

    @property
    def environment(self) -> str:
        return self.path.name

    @property
    def lock(self) -> Path:
        return self.path / "endpoint.lock"

    @property
    def control(self) -> Path:
        return self.path / "control.sock"

    @property
    def log(self) -> Path:
        return self.path / "endpoint.log"

    @property
    def key(self) -> Path:
        return self.path / "key"

    @property
    def old_key(self) -> Path:
        return self.path / "key.old"

    @property
    def sample(self) -> Path:
        return self.path / "sample.json"

    def log_of(self, version: int) -> Path:
        return self.path / f"v{version}.log"

    def read(self) -> dict[str, Any]:
        """Return endpoint.json, or an empty mapping where nothing was deployed yet."""
        return read_json(self.path / "endpoint.json") or {}

    def write(self, state: dict[str, Any]) -> None:
        write_json(self.path / "endpoint.json", state)

    def owner(self) -> int | None:
        """Return the process id of the endpoint that holds the lock, or None where none runs."""
        try:
            handle = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unwritable(self.lock, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            said = os.pread(handle, 32, 0).split()
            return int(said[-1]) if said else 0
        finally:
            os.close(handle)
        return None


def ensure_key(home: Home) -> None:
    """Make the endpoint's key where there is none, readable by its owner only."""
    if not home.key.exists():
        write_atomic(home.key, secrets.token_urlsafe(32) + "\n", mode=0o600)


def rotate_key(path: Path) -> Path:
    """Give an endpoint a new key at once. The one before it works until the next rotation, so that no caller fails in between.

    Args:
        path: The endpoint's folder.

    Returns:
        The file that the new key is in.
    """
    home = Home(path)
    if home.key.exists():
        write_atomic(home.old_key, home.key.read_bytes(), mode=0o600)
    write_atomic(home.key, secrets.token_urlsafe(32) + "\n", mode=0o600)
    return home.key


def read_keys(home: Home) -> tuple[bytes, ...]:
    """Return every key that is good now, the first one first; none where the file is gone."""
    found: list[bytes] = []
    for path in (home.key, home.old_key):
        with contextlib.suppress(OSError):
            found += path.read_bytes().split()
    return tuple(found)


def write_sample(home: Home, columns: list[str], rows: list[list[Any]]) -> None:
    """Write a request that works; `rows` hold plain JSON values."""
    body = {"input_data": {"columns": columns, "index": list(range(len(rows))), "data": rows}}
    write_atomic(home.sample, json.dumps(body, ensure_ascii=False, allow_nan=False) + "\n")

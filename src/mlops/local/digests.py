"""Digests of files and folders, remembered by what `stat` says of a file.

A file whose size, times (of content and of inode) and inode are as remembered is not read again: a re-run over gigabytes costs one `stat`
per file. The inode's change time cannot be set back by a program, so an edit that restores the modification time is still seen.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from mlops.errors import MlopsError
from mlops.files import digest_file, digest_folder, read_json, write_json

_RACY_NS = 2_000_000_000


class Digests:
    """The memory, kept in one JSON file; losing it costs time and nothing else."""

    def __init__(self, memory: Path) -> None:
        self.memory = memory
        self.changed = False
        try:
            self.known: dict[str, list[object]] = read_json(memory) or {}
        except MlopsError:
            self.known = {}

    def of(self, path: Path | str) -> str:
        """Return `sha256:<hex>` of a file, or of a folder: the sorted names and digests of its files.

        Raises:
            OSError: It is not there or cannot be read.
        """
        now = os.stat(path)
        return digest_folder(Path(path), self._file) if stat.S_ISDIR(now.st_mode) else self._digest(path, now)

    def _file(self, path: Path) -> str:
        return self._digest(path, os.stat(path))

    def _digest(self, path: Path | str, now: os.stat_result) -> str:
        facts = [now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino]
        known = self.known.get(str(path))
        if known and known[:4] == facts:
            return str(known[4])
        digest = digest_file(Path(path))
        # A file changed within the clock's grain could change again unseen: such a digest is not kept.
        if time.time_ns() - now.st_ctime_ns > _RACY_NS or not now.st_mode & 0o222:
            self.known[str(path)] = [*facts, digest]
            self.changed = True
        return digest

    def save(self) -> None:
        """Write what was learnt, less what is gone."""
        if self.changed:
            write_json(
                self.memory, {path: facts for path, facts in self.known.items() if os.path.exists(path)}, compact=True, durable=False
            )
            self.changed = False

"""Azurite, Microsoft's own emulator of Azure Storage: installed by npm into a folder of the tests, started on a free port with HTTPS and Entra tokens."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .certificates import Certificates

VERSION = "3.35.0"
_PATIENCE = 60.0  # seconds for its start on a busy machine


class Missing(RuntimeError):
    """Azurite is not to be had here."""


def program(folder: Path) -> Path:
    """Return Azurite's own program, installed below `folder` where it is not yet.

    Raises:
        Missing: There is no node or npm, or npm cannot install it.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("the loopback Azure needs Node with npm, for Azurite: it keeps the blobs")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "node_modules" / "azurite"
        with contextlib.suppress(OSError, ValueError):
            if json.loads((made / "package.json").read_text(encoding="utf-8"))["version"] == VERSION:
                return made / "dist" / "src" / "blob" / "main.js"
        words = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", f"azurite@{VERSION}"]
        ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if ended.returncode:
            raise Missing(f"npm cannot install azurite {VERSION}: {ended.stdout[-500:]}")
        return made / "dist" / "src" / "blob" / "main.js"


@dataclass(frozen=True)
class Storage:
    """One storage account: its name, its key, and the port that it listens on."""

    account: str
    key: str
    port: int


@contextlib.contextmanager
def running(main: Path, folder: Path, account: str, key: str, certificates: Certificates) -> Iterator[Storage]:
    """Run Azurite with one account, all of it in memory, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["node", str(main), "--blobPort", str(port), "--inMemoryPersistence", "--silent", "--disableTelemetry"]
    words += ["--oauth", "basic", "--cert", str(certificates.certificate), "--key", str(certificates.key), "--skipApiVersionCheck"]
    variables = {**os.environ, "AZURITE_ACCOUNTS": f"{account}:{key}"}
    log = (folder / "azurite.log").open("wb")
    process = subprocess.Popen(words, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait(port, process, folder / "azurite.log")
        yield Storage(account, key, port)
    finally:
        process.kill()
        process.wait()
        log.close()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise Missing(f"azurite does not start: {log.read_text(errors='replace')[-500:]}")

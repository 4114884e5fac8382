"""On which file system a folder is: over a network, not every one keeps SQLite's locks, and a database that two processes write at once breaks."""

from __future__ import annotations

import os
import re
from pathlib import Path

_OF_THE_KERNEL = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "gpfs", "beegfs", "orangefs", "panfs"}
_OF_PROGRAMS = {
    "sshfs",
    "s3fs",
    "gcsfuse",
    "blobfuse",
    "blobfuse2",
    "goofys",
    "glusterfs",
    "ceph",
    "ceph-fuse",
    "rclone",
    "juicefs",
    "davfs2",
}
NETWORK = frozenset(_OF_THE_KERNEL | {f"fuse.{name}" for name in _OF_PROGRAMS} | {"glusterfs", "davfs"})
TABLE = Path("/proc/self/mounts")


def network_file_system(folder: Path, table: Path = TABLE) -> str | None:
    """Return the type and source of the network file system that a folder is on, as `nfs4 server:/home`; None where it is a disk of this machine.

    Args:
        folder: It need not be there yet.
        table: What is mounted where, in the form of fstab(5); without one (macOS) nothing is known.
    """
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = os.path.realpath(folder)
    found, deepest = None, -1
    for source, point, kind in (map(_decoded, line.split(" ")[:3]) for line in lines if line.count(" ") >= 2):
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= deepest:  # of two at one place the later hides the earlier
            found, deepest = (f"{kind} {source}" if kind in NETWORK else None), len(point)
    return found


def warning(home: Path, table: Path = TABLE) -> str:
    """Return what to say of a state folder, or the empty string where nothing is to be said."""
    found = network_file_system(home, table)
    if found is None:
        return ""
    kept = "" if os.environ.get("MLFLOW_TRACKING_URI") else ", or MLFLOW_TRACKING_URI to a server"
    does = f"set MLOPS_HOME to a folder on a disk of this machine{kept}, before two processes use it"
    return f"{home} is on a network file system ({found}), where locks and SQLite are not safe: {does}"


def _decoded(word: str) -> str:
    """Return a word of the table, in which a blank is written as its octal number."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)

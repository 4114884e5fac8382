"""Which bytes a data set is: its files by name with their digests, and the version that these are together.

`SHA256SUMS` in the set's folder says which files belong to it: a file that is not listed is vouched for by nobody. How they are read
(`source.yml`) decides the rows as well, so it counts as one of the files. The version is a digest over names and digests: the same files in
any order are the same version, and a file more, less, renamed or altered is another.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from mlops.datasets.address import name_of
from mlops.errors import JobFailed
from mlops.files import digest_bytes, digest_file, read_json, write_json
from mlops.local.runs import now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SUMS, SOURCE = "SHA256SUMS", "source.yml"
DATA = "slipway.data"
"""Tag of an MLflow run, and of a model version: the version of the data set that it was made from."""
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


@dataclass(frozen=True)
class Listing:
    """Name below the folder -> sha256 of the file, in hex."""

    files: Mapping[str, str]

    @property
    def version(self) -> str:
        """`sha256:<hex>` over all names and digests, whatever their order."""
        return digest_bytes("".join(f"{digest}  {name}\n" for name, digest in sorted(self.files.items())).encode())


def parse(text: str, where: str = SUMS) -> dict[str, str]:
    """Return name -> digest, in small letters, of what sha256sum wrote. A name is below the folder, or absolute: data that lie elsewhere.

    Raises:
        JobFailed: A line is something else, or its name climbs out of the folder.
    """
    found = {}
    for number, line in enumerate(text.split("\n"), 1):
        match = _LINE.fullmatch(line.strip("\r"))
        if match and ".." in match[2].split("/"):
            hint = "Name the file by its whole path, or lay it into the folder."
            raise JobFailed(f"line {number} names a file by `..`: {match[2]!r}", where=where, hint=hint)
        if match:
            found[match[2].removeprefix("./")] = match[1].lower()
        elif line.strip():
            raise JobFailed(f"line {number} is no digest and a name: {line[:80]!r}", where=where, hint="Write it with sha256sum.")
    return found


def is_inside(name: str) -> bool:
    """Return whether a name stays below the folder that it is joined to."""
    return bool(name) and not name.startswith("/") and ".." not in name.split("/")


def written(files: Mapping[str, str]) -> str:
    """Return the digests as sha256sum writes them."""
    return "".join(f"{digest}  {name}\n" for name, digest in files.items())


def is_data_set(folder: Path) -> bool:
    """Return whether a folder says which files its data are, or how they are read."""
    return (folder / SUMS).is_file() or (folder / SOURCE).is_file()


def recorded(folder: Path) -> dict[str, str]:
    """Return what SHA256SUMS says; nothing where there is none.

    Raises:
        JobFailed: It cannot be read.
    """
    path = folder / SUMS
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise JobFailed(f"cannot be read: {error}", where=str(path), hint=f"Get it back: git -C {folder} checkout -- {SUMS}") from error


def pointed(source: bytes | None) -> dict[str, str]:
    """Return name -> digest of the file elsewhere that a source.yml points to; nothing where it points to none."""
    try:
        body = yaml.safe_load(source or b"")
    except yaml.YAMLError:
        return {}
    known = isinstance(body, dict) and body.get("url") and re.fullmatch(r"[0-9a-f]{64}", str(body.get("sha256")))
    return {name_of(str(body["url"])): str(body["sha256"])} if known else {}


def listing(folder: Path, digest: Callable[[Path], str] = digest_file) -> Listing:
    """Return the listed files that are there, as they are now.

    Args:
        folder: The data set's.
        digest: What digests a file; one that remembers is quick.

    Raises:
        JobFailed: SHA256SUMS is not what it should be.
    """
    names = [name for name in (*recorded(folder), SOURCE) if (folder / name).is_file()]
    elsewhere = pointed((folder / SOURCE).read_bytes()) if SOURCE in names else {}
    return Listing(elsewhere | {name: digest(folder / name).removeprefix("sha256:") for name in names})


def version_of(folder: Path, digest: Callable[[Path], str], home: Path) -> str | None:
    """Return the version of the data set in a folder, and keep what it is; None where it is none, or one that cannot be read.

    A run of which only the version were known could never be given its data again: the names and digests of the files must be known too.
    What lies in the state folder itself is only tried, and not kept.
    """
    with contextlib.suppress(JobFailed, OSError):
        if is_data_set(folder):
            found = listing(folder, digest)
            if not folder.resolve().is_relative_to(home.resolve()):
                keep(home, found, folder)
            return found.version
    return None


def keep(home: Path, found: Listing, folder: Path) -> None:
    """Keep the names and digests of a version in the state folder."""
    path = home / "data" / "versions" / f"{found.version.removeprefix('sha256:')}.json"
    if not path.exists() and found.files:
        write_json(path, {"version": found.version, "folder": str(folder), "seen": now(), "files": dict(found.files)})


def kept(home: Path) -> dict[str, Listing]:
    """Return the versions that the state folder knows, by digest."""
    found = (read_json(path) for path in sorted((home / "data" / "versions").glob("*.json")))
    return {facts["version"]: Listing(facts["files"]) for facts in found if isinstance(facts, dict) and "files" in facts}


def version_among(inputs: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the version of the data set among a run's recorded inputs: that of `data`, or the first that has one; empty where none has."""
    named = [inputs.get("data", {}), *inputs.values()]
    return next((str(facts["version"]) for facts in named if facts.get("version")), "")

"""A folder of a git repository as a step's code: `code: git+https://host/owner/name@REF#subdirectory=FOLDER`.

The commit is fetched once and kept; the repository is asked again at each run which commit its branch is at. One that cannot be reached is no
reason to stop: the commit that was fetched before is used.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from mlops.assets.rules import RULES_FILE
from mlops.errors import PlatformError, UsageError
from mlops.files import locked, read_json, write_json
from mlops.local.runs import now

_FORM = re.compile(r"git\+(?P<url>[a-z]+://(?:[^/@\s]+@)?[^@#\s]*)(?:@(?P<ref>[^#\s]+))?(?:#(?P<rest>\S*))?", re.IGNORECASE)
_WAIT = 300  # seconds


@dataclass(frozen=True)
class Place:
    """What a `git+` address names."""

    url: str
    ref: str
    """A branch, a tag or a commit."""
    folder: str


def parse(text: str) -> Place:
    """Return what an address names: as pip writes it (`@REF#subdirectory=FOLDER`), or as Docker does (`#REF:FOLDER`).

    Raises:
        UsageError: It has another form, or its folder leads out of the repository.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise UsageError(f"{text!r} is no address of a repository", hint="As git+https://HOST/OWNER/NAME@BRANCH#subdirectory=FOLDER")
    rest = found["rest"] or ""
    below = re.search(r"(?:^|&)subdirectory=([^&]*)", rest)
    branch, _, folder = ("", "", below[1]) if below else rest.partition(":")
    if ".." in Path(folder).parts or Path(folder).is_absolute():
        raise UsageError(f"{text!r} leads out of its repository")
    return Place(found["url"], found["ref"] or branch or "HEAD", folder)


@dataclass
class Repositories:
    """The commits that were fetched, below `folder`."""

    folder: Path
    notes: list[str] = field(default_factory=list)
    """What a person may want to know of how each address was answered."""

    def get(self, text: str, *, fetching: bool = True) -> Path:
        """Return the folder that an address names, of the newest commit of its branch.

        Args:
            text: As in the YAML.
            fetching: Whether to ask the repository; otherwise what was fetched before, or the address itself as a path that is not there.

        Raises:
            UsageError: The repository has no such folder.
            PlatformError: The repository cannot be fetched, and was not before.
        """
        place = parse(text)
        name = hashlib.sha256(f"{place.url} {place.ref}".encode()).hexdigest()[:24]
        memory = self.folder / f"{name}.json"
        if not fetching:
            known = read_json(memory)
            return Path(known["path"], place.folder) if known else Path(text)
        with locked(self.folder / f"{name}.lock"):
            path = self._commit(place, memory)
        found = path / place.folder
        if not found.exists():
            raise UsageError(
                f"there is no folder {place.folder!r} in {place.url} at {path.name[:12]}", hint="Mend what stands behind the #."
            )
        return found

    def _commit(self, place: Place, memory: Path) -> Path:
        known = read_json(memory)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".new-") as stage:
            git = ["git", "-C", stage]
            failed = _said("git", "init", "--quiet", stage) or _said(*git, "fetch", "--quiet", "--depth", "1", place.url, place.ref)
            if failed and known and Path(known["path"]).is_dir():
                self.notes.append(f"{place.url}: commit {Path(known['path']).name[:12]} of {known['at'][:19]}, it cannot be reached now")
                return Path(known["path"])
            failed = failed or _said(*git, "checkout", "--quiet", "FETCH_HEAD")
            if failed:
                hint = f"{failed}\nCheck the address, the branch and the network; or map it: a line in {RULES_FILE}"
                raise PlatformError(f"cannot fetch {place.ref} of {place.url}", hint=hint)
            commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
            kept = self.folder / "commits" / commit
            if not kept.exists():
                shutil.rmtree(Path(stage, ".git"))
                kept.parent.mkdir(exist_ok=True)
                shutil.copytree(stage, kept, symlinks=True)
        write_json(memory, {"url": place.url, "ref": place.ref, "path": str(kept), "at": now()})
        self.notes.append(f"{place.url}: commit {commit[:12]}")
        return kept


def _said(*words: str) -> str:
    """Run git, and return what it said if it failed."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_WAIT, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit code {done.returncode}"

"""A fork comes to a newer release: fetch, decide, and one commit that can be reverted as a whole.

The commit is made from git's objects before anything in the working tree changes; then branch and tree go to it in one step. What fails
before that step leaves nothing behind.
"""

from __future__ import annotations

import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops.errors import PlatformError, UsageError
from mlops.release import changelog
from mlops.release.number import Number, number, wanted
from mlops.release.ownership import LIST, LOCK, VERSION, Ours
from mlops.release.package import program
from mlops.release.plan import BESIDE, Plan, Requirements, Side, lock, plan
from mlops.release.repository import RELEASES, Entry

if TYPE_CHECKING:
    from mlops.release.repository import History, Repository

REMOTES = ("slipway", "template")
RESOLVE = "uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate"
"""As `make lock` does it, but for `--upgrade`: what the fork has locked stays where it may."""
SOURCES = ("pyproject.toml", "src/mlops/requirements.in")


@dataclass(frozen=True)
class Upgrade:
    """An upgrade that has been decided, and not been done."""

    source: str
    present: Number
    release: Number
    commit: str
    """Of the release, in the template."""
    plan: Plan
    lock: str
    """keep, take or resolve."""
    news: str
    """The changelog between the two releases."""

    @property
    def message(self) -> str:
        """The message of the commit, with what a person would look for later."""
        chosen = self.plan
        counts = f"{len(chosen.replaced)} files replaced, {len(chosen.added)} added, {len(chosen.removed)} removed; all of them ours."
        edited = [f"Edited here, and replaced: {path}" for path in chosen.edited]
        return "\n".join(
            [f"Upgrade Slipway from {self.present} to {self.release}", "", counts, *edited, "", f"Slipway-Commit: {self.commit}"]
        )


def source(repository: Repository, given: str | None) -> str:
    """Return where the template is: what was given, the remote `slipway` or `template`, or `template` of [tool.slipway] in pyproject.toml.

    Raises:
        UsageError: Nothing says so.
    """
    remotes = repository.git("remote").split()
    named = given or next((name for name in REMOTES if name in remotes), None) or _setting(repository.root)
    if named is None:
        hint = "Say it once with `git remote add slipway ADDRESS`, or for this time with `mlops upgrade --from ADDRESS`."
        raise UsageError("nothing says where the template is", hint=hint)
    if named.startswith("-"):
        raise UsageError(f"{named!r} is not an address")
    return named


def _setting(root: Path) -> str | None:
    try:
        facts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = facts.get("tool", {}).get("slipway", {}).get("template")
    return found if isinstance(found, str) and found else None


def prepare(repository: Repository, address: str, to: str | None) -> Upgrade:
    """Fetch the template's releases, choose one, and decide about every file.

    Args:
        repository: The fork.
        address: Where the template is, as git takes it.
        to: The release; None for the newest.

    Raises:
        UsageError: There is no such release, none that is newer, or it cannot be upgraded to.
        PlatformError: The template cannot be reached.
    """
    repository.check_clean()
    try:
        repository.git("fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", address, f"+refs/tags/v*:{RELEASES}/v*")
    except PlatformError as error:
        raise PlatformError(f"the template cannot be had: {error.message}", where=address, hint="Nothing was changed.") from error
    releases = repository.releases()
    present = number(repository.text("HEAD", VERSION) or "0.1.0")
    if present is None:
        raise UsageError("this is not the number of a release", where=VERSION, hint=f"git log -p -- {VERSION} shows what it was.")
    release = _chosen(releases, present, to, address)
    commit = releases[release]
    listed = repository.text(commit, LIST)
    if listed is None:
        raise UsageError(
            f"{release.tag} has no {LIST}: nothing says which of its files are ours", where=address, hint="Choose another: TO="
        )
    known = repository.history(releases.values())
    fork = Side(repository.tree("HEAD"), Ours(repository.text("HEAD", LIST)))
    before = repository.tree(releases[present]) if present in releases else None
    chosen = plan(fork, Side(repository.tree(commit), Ours(listed)), known, before)
    _check_beside(chosen, fork, known)
    decided = lock(_requirements(repository, "HEAD"), _requirements(repository, commit), known)
    news = changelog.between(repository.text(commit, changelog.OURS) or "", present, release)
    return Upgrade(address, present, release, commit, chosen, decided, news)


def _chosen(releases: dict[Number, str], present: Number, to: str | None, address: str) -> Number:
    """Return the release to go to."""
    if not releases:
        raise UsageError(
            "there is no release: no tag like v1.2.0", where=address, hint="Is it the template? A shallow clone hands on no tags."
        )
    release = wanted(to) if to else max(releases)
    known = ", ".join(one.tag for one in [*releases][-5:])
    if release <= present:
        raise UsageError(f"{release.tag} is not newer than {present}, which is here", where=address, hint=f"The newest releases: {known}")
    if release not in releases:
        raise UsageError(f"there is no release {release.tag}", where=address, hint=f"The newest: {known}")
    return release


def _check_beside(chosen: Plan, fork: Side, known: History) -> None:
    """Refuse to put a file beside the fork's where the fork has another of that name."""
    for path in chosen.beside:
        there = fork.tree.get(path + BESIDE)
        if there is not None and there.blob not in known.blobs:
            raise UsageError(f"the release's {path} would come here, and this file is yours", where=path + BESIDE, hint="git mv it away.")


def _requirements(repository: Repository, commit: str) -> Requirements:
    project, machinery = (repository.text(commit, path) or "" for path in SOURCES)
    return Requirements(project, machinery, repository.ask("rev-parse", "--verify", "--quiet", f"{commit}:{LOCK}"))


def apply(repository: Repository, upgrade: Upgrade) -> str:
    """Do it, and return the new commit.

    Raises:
        PlatformError: Something could not be carried out; nothing was changed.
    """
    entries = dict(upgrade.plan.entries)
    if upgrade.lock == "take":
        entries[LOCK] = repository.tree(upgrade.commit)[LOCK]
    elif upgrade.lock == "resolve":
        entries[LOCK] = Entry("100644", repository.keep(_resolved(repository, upgrade.commit)))
    if not repository.ask("var", "GIT_COMMITTER_IDENT"):
        hint = 'git config user.name "Your Name"; git config user.email you@example.org'
        raise UsageError("git does not know who you are, and an upgrade is a commit", hint=hint)
    commit = repository.commit(entries, upgrade.message)
    repository.forward(commit)
    return commit


def _resolved(repository: Repository, commit: str) -> str:
    """Return requirements.lock for the fork's own packages and the release's, made in a folder of its own."""
    uv = program("uv", repository.root, "make setup, then the same command again.")
    texts = {SOURCES[0]: "HEAD", SOURCES[1]: commit, LOCK: "HEAD"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, side in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(repository.text(side, path) or "", encoding="utf-8")
        words = [uv, *RESOLVE.split()[1:], *SOURCES, "-o", LOCK]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            hint = "Nothing was changed. Run the same command where the package index can be reached, or mend pyproject.toml if it is named above."
            raise PlatformError(f"requirements.lock could not be resolved anew:\n{done.stderr.strip()[-1500:]}", hint=hint)
        return (folder / LOCK).read_text(encoding="utf-8")

"""What a release will be: its number, its part of the changelog, and the files that say so. Nothing is changed here."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.errors import UsageError
from mlops.release import changelog
from mlops.release.number import Number, number
from mlops.release.ownership import VERSION
from mlops.release.upgrade import source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.release.repository import Repository

PROJECT, TEMPLATE, BRANCH = "pyproject.toml", "slipway", "main"


@dataclass(frozen=True)
class Draft:
    """A release that has been checked, and not been made."""

    name: str
    number: Number
    changelog: str
    """Its file."""
    section: str
    files: Mapping[str, str]
    """Text of each file that changes; none where somebody has set the number already, and the present commit is released."""


def draft(repository: Repository, release: Number, day: str) -> Draft:
    """Check that a release can be made, and decide what it says.

    Args:
        repository: Of the template, or of a fork: a fork has a changelog of its own, and does not move the template's number.
        release: Its number.
        day: Today, as `2026-11-24`.

    Raises:
        UsageError: The tree is not clean, the branch is another, or the number is not newer.
    """
    repository.check_clean()
    branch = repository.git("branch", "--show-current").strip()
    if branch != BRANCH:
        raise UsageError(f"releases are made on {BRANCH}, and this is {branch or 'no branch'}", hint=f"git switch {BRANCH}")
    project = repository.text("HEAD", PROJECT) or ""
    name, present = _project(project)
    tags, template = repository.releases("refs/tags"), repository.releases()
    if release in tags:
        raise UsageError(f"{release.tag} is released already", hint="A release is never made anew; choose the next number.")
    tags = {known: commit for known, commit in tags.items() if template.get(known) != commit}  # a fork can have inherited some
    newest = max([present, *tags])
    if release < newest:
        raise UsageError(f"{release} is not newer than {newest}", hint="Choose a larger number.")
    own = name == TEMPLATE and not _is_fork(repository)
    page = changelog.OURS if own else changelog.YOURS
    before = repository.text("HEAD", page) or ""
    after = changelog.drafted(before, release, day, _subjects(repository, tags, before))
    files = {page: (before, after), PROJECT: (project, _with_number(project, release))}
    if own:
        files[VERSION] = (repository.text("HEAD", VERSION) or "", f"{release}\n")
    changed = {path: new for path, (old, new) in files.items() if old != new}
    return Draft(name, release, page, changelog.sections(after)[release], changed)


def _project(text: str) -> tuple[str, Number]:
    try:
        facts = tomllib.loads(text).get("project", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(str(error), where=PROJECT) from error
    found = number(str(facts.get("version", "")))
    if found is None:
        raise UsageError("[project] has no version of three numbers", where=PROJECT, hint='version = "0.1.0"')
    return str(facts.get("name", "")), found


def _is_fork(repository: Repository) -> bool:
    try:
        source(repository, None)
    except UsageError:
        return False
    return True


def _subjects(repository: Repository, tags: Mapping[Number, str], page: str) -> list[str]:
    """Return the first lines of the commits since the last release: the newest tag, or the commit that the changelog records."""
    recorded = re.search(r"^Released [\d-]+, as commit ([0-9a-f]{40})", page, re.MULTILINE)
    since = tags[max(tags)] if tags else recorded[1] if recorded else None
    known = since is not None and repository.ask("cat-file", "-e", f"{since}^{{commit}}") is not None
    return repository.git("log", "--no-merges", "--format=%s", f"{since}..HEAD" if known else "HEAD").splitlines()


def _with_number(text: str, release: Number) -> str:
    head, table, rest = text.partition("[project]\n")
    return head + table + re.sub(r'^version\s*=\s*"[^"]*"', f'version = "{release}"', rest, count=1, flags=re.MULTILINE)

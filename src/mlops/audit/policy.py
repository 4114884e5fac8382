"""What the people of this repository let pass, and why: `.github/audit.yml`, which is theirs and is reviewed as code is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.settings import Reader
from mlops.spec.source import read

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

POLICY_FILE = ".github/audit.yml"
SERVICES = ("pypi", "osv")


@dataclass(frozen=True)
class Ignored:
    """A known weakness that is lived with for a while."""

    package: str
    reason: str
    until: date
    line: int


@dataclass(frozen=True)
class Allowed:
    """A value that looks like a secret and is none."""

    file: str
    reason: str


@dataclass(frozen=True)
class Policy:
    """The whole file."""

    service: str
    """Who is asked about packages: pypi, or osv."""
    url: str
    """An OSV service of one's own; empty for the public one."""
    private: tuple[str, ...]
    """Packages that no public service knows."""
    ignored: dict[str, Ignored]
    """By the identifier of the weakness."""
    allowed: dict[str, Allowed]
    """By the digest of the value."""
    accepted: frozenset[str]
    """Licences, in lower case."""
    excepted: dict[str, str]
    """Package -> why it may be used although its licence is not accepted, or not told."""


def read_policy(root: Path) -> Policy:
    """Read `.github/audit.yml`.

    Raises:
        SpecError: It is not there, or with every mistake at its line.
    """
    source = read(root / POLICY_FILE)
    reader = Reader(source)
    reader.mapping((), {"packages", "secrets", "licences"})
    reader.mapping(("packages",), {"service", "url", "private", "ignore"})
    ignored = {}
    for name in reader.mapping(("packages", "ignore"), None):
        at = ("packages", "ignore", name)
        reader.mapping(at, {"package", "reason", "until"})
        line = source.key_marks[at][0] + 1
        ignored[str(name)] = Ignored(reader.text((*at, "package")), reader.text((*at, "reason")), reader.day((*at, "until")), line)
    reader.mapping(("secrets",), {"allow"})
    allowed = {}
    for name in reader.mapping(("secrets", "allow"), None):
        at = ("secrets", "allow", name)
        reader.mapping(at, {"file", "reason"})
        allowed[str(name)] = Allowed(reader.text((*at, "file")), reader.text((*at, "reason")))
    reader.mapping(("licences",), {"accept", "except"})
    made = Policy(
        service=reader.choice(("packages", "service"), SERVICES, "pypi"),
        url=str(reader.get(("packages", "url"), "")),
        private=reader.words(("packages", "private")),
        ignored=ignored,
        allowed=allowed,
        accepted=frozenset(word.lower() for word in reader.words(("licences", "accept"))),
        excepted={str(name): reader.text(("licences", "except", name)) for name in reader.mapping(("licences", "except"), None)},
    )
    reader.done()
    return made

"""What is approved, as one word that job outputs and approval pages can carry: `<version>.<model>.<evidence>.<champion>`.

The version's number alone would let anything out that has this number by then. The ticket names the files (digest of the model), what was known
about them (digest of the evidence) and whom they were compared with (the champion's version, 0 for none). Deploying checks all four.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops.errors import JobFailed

if TYPE_CHECKING:
    from mlops.registry.versions import ModelVersion

_FORM = re.compile(r"(\d+)\.([0-9a-f]{64})\.([0-9a-f]{64})\.(\d+)")


@dataclass(frozen=True)
class Ticket:
    """A version of a model as it was when it was approved."""

    version: int
    digest: str
    evidence: str
    against: int | None

    def __str__(self) -> str:
        return f"{self.version}.{self.digest.removeprefix('sha256:')}.{self.evidence.removeprefix('sha256:')}.{self.against or 0}"


def ticket_of(version: ModelVersion) -> Ticket:
    """Return the ticket of a version as it is now."""
    return Ticket(version.version, version.digest, version.evidence, version.against)


def read_ticket(text: str) -> Ticket | None:
    """Return the ticket that a text is; None where it is something else."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        return None
    version, digest, evidence, against = found.groups()
    return Ticket(int(version), f"sha256:{digest}", f"sha256:{evidence}", int(against) or None)


def check_ticket(ticket: Ticket, version: ModelVersion | None) -> None:
    """Refuse to take anything else out than what the ticket names.

    Raises:
        JobFailed: The version is gone, or its files, its evidence or its opponent are not those of the ticket.
    """
    hint = "Nothing was changed. Start the delivery anew: what is approved must be what goes out."
    if version is None:
        raise JobFailed(f"v{ticket.version} was approved, and there is no such version any more", hint=hint)
    now = ticket_of(version)
    what = {"digest": "its files", "evidence": "its evidence", "against": "the champion that it was compared with"}
    changed = [words for name, words in what.items() if getattr(now, name) != getattr(ticket, name)]
    if changed:
        raise JobFailed(f"{version.name} v{version.version} is not what was approved: {', '.join(changed)} changed since", hint=hint)

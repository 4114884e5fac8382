"""What references mean to a file that only Azure ML carries out: they name what is in a workspace, and are taken for what they say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.assets.reference import Reference, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.spec.references import Assets


class AtTheirWord:
    """Assets that nobody looks at here: each is what its reference says it is."""

    def data(self, reference: str, _kind: str) -> Path:
        """Take a data asset or an address for what it says it is."""
        return Path(reference)

    def model(self, reference: str, _kind: str) -> Path:
        """Take a model for what it says it is."""
        return Path(reference)

    def code(self, reference: str) -> Path:
        """Take code in a repository for what it says it is."""
        return Path(reference)

    def environment(self, reference: str) -> Mapping[str, Any]:
        """Take an environment for what it says it is."""
        named = parse(reference)
        name, version = (named.name, named.version) if isinstance(named, Reference) else (reference, None)
        return {"name": name, "version": version or "", "image": reference, "conda_file": None}


class Elsewhere(AtTheirWord):
    """The assets of a workspace that nobody asks now. Components, whose ports are needed, are those that this machine has."""

    def __init__(self, here: Assets) -> None:
        self.here = here

    def component(self, reference: str) -> Path:
        """Return the file of the component of this name that is registered here."""
        return self.here.component(reference)

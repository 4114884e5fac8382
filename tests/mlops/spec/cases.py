"""The corpus: small YAML files, each of which says in its first line what it shows and who takes it.

    # valid: ...          azure-ai-ml takes it, and so does this machine
    # invalid: ...        both refuse it
    # refused here: WHY   azure-ai-ml takes it, and this machine does not
    # accepted here: WHY  the other way round

A second line `# says: TEXT` is what a person must be told of it.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

from mlops.errors import SpecError, UsageError
from mlops.spec.pipeline import check_component, load_pipeline

CORPUS = Path(__file__).parent / "corpus"
TAKEN = {"valid": (True, True), "invalid": (False, False), "refused here": (True, False), "accepted here": (False, True)}
"""First words -> whether azure-ai-ml takes the file, and whether this machine does."""


@dataclass(frozen=True)
class Case:
    path: Path
    kind: str
    reason: str
    says: str

    @property
    def by_azure(self):
        return TAKEN[self.kind][0]

    @property
    def here(self):
        return TAKEN[self.kind][1]

    @property
    def is_component(self):
        return "component" in str((yaml.safe_load(self.path.read_text()) or {}).get("$schema", "")).lower()


class Store:
    """An asset store that has one of everything, named `known`."""

    def component(self, reference):
        return self.known(reference, "component", CORPUS / "parts/make.yml")

    def data(self, reference, kind):
        return self.known(reference, "data", CORPUS / ("parts/data/a.csv" if kind == "uri_file" else "parts/data"))

    def model(self, reference, kind):
        return self.known(reference, "model", CORPUS / "parts/data")

    @staticmethod
    def known(reference, kind, path):
        if "known" not in reference:
            raise UsageError(f"{reference!r} is not in the store", hint=f"Add it: mlops {kind} create -f FILE")
        return path


def read_case(path):
    first, second = path.read_text().splitlines()[:2]
    kind, _, reason = first.removeprefix("# ").partition(": ")
    return Case(path, kind, reason, second.removeprefix("# says: ") if second.startswith("# says: ") else "")


def cases():
    return [read_case(path) for path in sorted(CORPUS.glob("*.yml"))]


def problems(case):
    """Return what this machine has against a file."""
    try:
        if case.is_component:
            check_component(case.path, Store())
        else:
            load_pipeline(case.path, assets=Store())
    except SpecError as error:
        return error.problems
    return []

"""What our command sends is what azure-ai-ml sends, file by file: ours changes nothing of a user's job on the way. See bodies.py for what is compared."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.azure.bodies import DIFFER, ONLY_ASSETS, SAME, compared
from tests.mlops.spec.cases import CORPUS, cases

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
OWN = {"train", "monitor"}
CONTROL_FLOW = {case.path for case in cases() if case.path.stem.startswith("flow-")}
CORPUS_JOBS = [case.path for case in cases() if case.by_azure and case.here and not case.is_component and case.path not in CONTROL_FLOW]


@pytest.fixture
def compare(there, monkeypatch):
    """Compare a file by our command with the same by a bare client; nothing that was registered once is left out the second time."""
    from azure.ai.ml import MLClient
    from azure.identity import EnvironmentCredential

    from mlops.azure.connection import connect

    for name in ("AZURE_ML_DISABLE_ON_DISK_CACHE", "AZURE_ML_DISABLE_CONCURRENT_COMPONENT_REGISTRATION"):
        monkeypatch.setenv(name, "true")
    own = there.azure.workspace
    client = MLClient(EnvironmentCredential(), own.subscription, own.group, own.name, show_progress=False)
    there.azure.jobs.runs = False
    own.computes |= {"pool"}
    connection = connect(replace(there.settings(), cost_owner="somebody"), "staging")

    def run(file, settings):
        monkeypatch.chdir(file.parent)
        there.azure.jobs.found.clear()
        return compared(there.azure, client, connection, there.project.home, file, settings)

    return run


@pytest.mark.parametrize(
    "file",
    [pytest.param(file, id=file.stem, marks=[pytest.mark.e2e] * (file.stem in OWN)) for file in sorted(ROOT.glob("src/pipelines/*.yml"))],
)
def test_the_bodies_of_our_own_pipelines_are_those_of_azure_ai_ml(compare, file):
    outcome, more = compare(file, {"model": str(CORPUS / "parts/data")} if file.stem == "batch" else {})
    assert outcome == SAME, more


@pytest.mark.e2e
def test_the_bodies_of_the_corpus_are_those_of_azure_ai_ml(compare):
    """Whatever both of them take, control flow apart: that is behind a switch that is read at azure-ai-ml's import (see bodies.py)."""
    found = {file.stem: compare(file, {}) for file in CORPUS_JOBS}
    assert {name: more for name, (outcome, more) in found.items() if outcome == DIFFER} == {}
    assert sum(outcome == SAME for outcome, _ in found.values()) >= 40
    refused = {name: more for name, (outcome, more) in found.items() if outcome == ONLY_ASSETS}
    assert all("does not exist" in more or "is invalid" in more for more in refused.values()), refused

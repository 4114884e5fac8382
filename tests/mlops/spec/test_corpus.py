"""The language, file by file: what azure-ai-ml takes this machine takes, and what it refuses this machine refuses, or the reason is given."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mlops.spec.cases import CORPUS, TAKEN, cases, problems

CASES = cases()
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.path.stem)
def test_this_machine_takes_the_file_or_says_why_not(case):
    found = problems(case)
    assert [str(one) for one in found if case.here] == []
    said = [f"{one.message} {one.hint}" for one in found]
    assert case.here or any(case.says in one for one in said), said


def test_every_file_says_what_it_shows_and_whoever_refuses_says_why():
    assert len(CASES) >= 60
    assert {case.kind for case in CASES} == set(TAKEN)
    assert [case.path.name for case in CASES if not case.reason or (not case.here and not case.says)] == []


def test_a_mistake_in_a_component_is_told_in_the_component(tmp_path):
    case = next(case for case in CASES if case.path.stem == "component-input-type")
    assert {(one.file, one.line) for one in problems(case)} == {(str(case.path), 8)}


@pytest.mark.slow  # imports azure-ai-ml
def test_azure_ml_takes_what_the_corpus_says_that_it_takes():
    asked = subprocess.run([sys.executable, "-m", "tests.mlops.spec.judge"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    verdicts = json.loads(asked.stdout.splitlines()[-1])
    wrong = {
        case.path.name: f"azure-ai-ml takes it: {taken} {said[:300]}"
        for case in CASES
        for taken, said in [verdicts[case.path.stem]]
        if taken != case.by_azure
    }
    assert wrong == {}


@pytest.mark.slow
def test_the_parts_of_the_corpus_are_what_azure_ml_takes():
    from azure.ai.ml import load_component

    parts = [path for path in (CORPUS / "parts").glob("*.yml") if "Component.schema" in path.read_text()]
    assert [path.name for path in parts if not load_component(path)._validate().passed] == []

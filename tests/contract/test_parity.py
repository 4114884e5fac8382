"""GitHub and Azure start the same, run the same stages, verbs and gates under the same conditions, and hand on the same; or tests/contract/parity.py says why not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.contract.github_expressions import NotUnderstood, evaluate
from tests.contract.parity import (
    BEGIN,
    DIFFERENT,
    END,
    GITHUB_ONLY,
    MODEL,
    NAMES,
    PAGE,
    ROOT,
    azure,
    differences,
    github,
    ran,
    table,
    worlds,
    written,
)

GITHUB, AZURE = ROOT / ".github/workflows", ROOT / ".azure-pipelines"
pytestmark = [
    pytest.mark.slow,  # every end of every stage, on two systems: seconds
    pytest.mark.skipif(not (GITHUB.exists() and AZURE.exists()), reason="a fork that keeps one of the two has nothing to compare"),
]
BOTH = pytest.mark.parametrize("read", [github, azure], ids=["GitHub", "Azure"])
ASKED = {"plan": {"code": "true", "models": f'["{MODEL}"]'}, "train": {"outcome": "promote"}, "monitor": {"retrain": "true"}}


def test_both_systems_have_the_same_pipelines() -> None:
    here = {path.stem for path in GITHUB.glob("*.yml") if not path.stem.startswith("_")}
    assert here - set(GITHUB_ONLY) == {path.stem for path in AZURE.glob("*.yml")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_is_the_same_on_both_systems_but_for_what_must_differ(name: str) -> None:
    assert differences(name) == {key: (one, other) for key, (one, other, _) in DIFFERENT[name].items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_stages_run_on_both_systems_however_the_ones_before_them_end(name: str) -> None:
    """The conditions mean the same: a job that failed, was cancelled or left out, a model that is not planned, one that did not win."""
    one, other = github(name), azure(name)
    stages = [stage.name for stage in other.stages]
    for ends, outputs in worlds(name, stages):
        here = ran(one, ends, outputs)
        assert {stage: here[stage] for stage in stages} == ran(other, ends, outputs), (ends, outputs)


@BOTH
def test_a_model_that_is_planned_and_wins_goes_all_the_way(read) -> None:
    assert set(ran(read("deliver"), {}, ASKED).values()) == {"success"}


@BOTH
def test_checks_that_a_plan_leaves_out_do_not_keep_a_model_from_production(read) -> None:
    """A push of prose brings what a delivery before it left undone."""
    outputs = ASKED | {"plan": {"code": "false", "models": f'["{MODEL}"]'}}
    assert ran(read("deliver"), {}, outputs) == {
        "plan": "success",
        "check": "skipped",
        "train": "success",
        "staging": "success",
        "production": "success",
    }


@BOTH
def test_a_bad_look_at_production_is_red_and_its_retraining_goes_all_the_way(read) -> None:
    ends = ran(read("monitor"), {"monitor": "failure"}, ASKED)
    assert ends == {"plan": "success", "monitor": "failure", "train": "success", "staging": "success", "production": "success"}


@BOTH
@pytest.mark.parametrize(
    ("ends", "outputs", "last"),
    [
        ({}, {"plan": {"code": "true", "models": f'["{MODEL}-2"]'}}, "check"),
        ({"check": "failure"}, {}, "check"),
        ({}, {"train": {"outcome": "unchanged"}}, "train"),
        ({"train": "failure"}, {}, "train"),
        ({"staging": "failure"}, {}, "staging"),
        ({"staging": "cancelled"}, {}, "staging"),
    ],
    ids=["not planned", "checks failed", "did not win", "training failed", "staging failed", "cancelled in staging"],
)
def test_nothing_goes_on_after_a_stage_that_says_no(read, ends, outputs, last) -> None:
    found = ran(read("deliver"), ends, ASKED | outputs)
    names = list(found)
    assert [name for name in names if found[name] == "skipped"] == names[names.index(last) + 1 :]


CHANGES = {
    "a gate is gone": (".azure-pipelines/templates/deliver.yml", "environment: ${{ environment }}\n", "environment: staging\n"),
    "a verb is gone": (".azure-pipelines/templates/check.yml", "script: make audit", "script: make check"),
    "another branch starts it": (".azure-pipelines/deliver.yml", "include: [main]", "include: ['*']"),
    "deliveries may overtake": (".azure-pipelines/deliver.yml", "lockBehavior: sequential\n", ""),
    "checks are not waited for": (".azure-pipelines/templates/deliver.yml", "dependsOn: [plan, check]", "dependsOn: [plan]"),
    "another ticket": (".github/workflows/_deliver.yml", "VERSION: ${{ needs.train.outputs.ticket }}", "VERSION: challenger"),
    "a cache where models are made": (".github/workflows/_deliver.yml", "setup\n", "setup\n        with: {cache: true}\n"),
    "a token that is not needed": (
        ".github/workflows/_check.yml",
        "run: make test\n",
        "run: make test\n        env: {GITHUB_TOKEN: '${{ github.token }}'}\n",
    ),
}


@pytest.mark.parametrize(("file", "old", "new"), CHANGES.values(), ids=CHANGES)
def test_the_comparison_is_awake(tmp_path: Path, file: str, old: str, new: str) -> None:
    for folder in (GITHUB, AZURE):
        shutil.copytree(folder, tmp_path / folder.relative_to(ROOT))
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    assert set(differences("deliver", tmp_path)) - set(DIFFERENT["deliver"]) != set()


def test_the_comparison_of_conditions_is_awake(tmp_path: Path) -> None:
    for folder in (GITHUB, AZURE):
        shutil.copytree(folder, tmp_path / folder.relative_to(ROOT))
    file = tmp_path / ".azure-pipelines/templates/deliver.yml"
    file.write_text(
        file.read_text().replace("condition: and(not(failed()), not(canceled()), contains", "condition: and(succeeded(), contains")
    )
    outputs = ASKED | {"plan": {"code": "false", "models": f'["{MODEL}"]'}}
    assert ran(azure("deliver", tmp_path), {}, outputs)["train"] == "skipped" != ran(github("deliver", tmp_path), {}, outputs)["train"]


@pytest.mark.parametrize(
    "text", ["needs.plan.result", "github.actor == 'x'", "needs.check.conclusion", "hashFiles('x')", "always(", "1 < 2", "'a' 'b'"]
)
def test_an_expression_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood):
        evaluate(text, {"needs": {"check": {"result": "success", "outputs": {}}}}, {"always": lambda: True})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it''s' == 'IT''S'", True),
        ("!always() || needs.check.result != 'success'", False),
        ("${{ always() && (needs.check.outputs.none == '' || always()) }}", True),
        ("fromJSON(needs.check.outputs.models)", ["a"]),
    ],
)
def test_an_expression_has_the_documented_value(text: str, value: object) -> None:
    names = {"needs": {"check": {"result": "success", "outputs": {"models": '["a"]'}}}}
    assert evaluate(text, names, {"always": lambda: True}) == value


def test_the_table_on_the_page_is_the_one_that_the_files_make() -> None:
    """Write it anew with `python -m tests.contract.parity`."""
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert written(page, table()) == page

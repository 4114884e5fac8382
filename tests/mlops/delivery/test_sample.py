"""The first word on a change: what it is trained on, and whom it meets there."""

import json
from dataclasses import replace

import pytest
from tests.mlops.delivery.machines import git

from mlops.ci.host import Context
from mlops.cli import main
from mlops.delivery.sample import Extent, extent, train_twin
from mlops.delivery.workspace import open_workspace
from mlops.verbs.change import _opponent

SAMPLE = "    sample: {rows: 600}\n    all_when_changed: [data/, '*.odcs.yml']\n"
PROJECT = "src/project/project.yml"


@pytest.fixture
def change(shops):
    """A repository with a change to the training, and the event of its pull request."""
    path = shops / PROJECT
    path.write_text(path.read_text().rstrip() + "\n" + SAMPLE)
    git(shops, "init", "--quiet", "--initial-branch=main")
    git(shops, "add", "--all")
    git(shops, "commit", "--quiet", "--message", "x")
    return Context("github", "pull_request", "acme/shops", "", git(shops, "rev-parse", "HEAD"))


def edited(root, name):
    (root / name).write_text((root / name).read_text() + "\n")
    git(root, "commit", "--quiet", "--all", "--message", "y")


def test_a_change_to_the_code_is_tried_on_the_sample(shops, change):
    edited(shops, "src/project/train.py")
    assert extent(open_workspace(None), change, None).settings == {"rows": "600"}


@pytest.mark.parametrize(
    ("labels", "wanted", "edit", "why"),
    [
        (("all-data",), None, "src/project/train.py", "the label all-data asks for it"),
        ((), "all", "src/project/train.py", "asked for"),
        ((), None, "data/shops.odcs.yml", "data/shops.odcs.yml changed, which is looked at on all rows"),
    ],
)
def test_all_rows_are_for_who_asks_and_for_what_is_looked_at_on_all_of_them(shops, change, labels, wanted, edit, why):
    edited(shops, edit)
    found = extent(open_workspace(None), replace(change, labels=labels), wanted)
    assert (found.settings, found.why) == ({}, why)


def test_who_asks_for_the_sample_gets_it_whatever_changed(shops, change):
    edited(shops, "data/shops.odcs.yml")
    assert extent(open_workspace(None), replace(change, labels=("all-data",)), "sample").settings == {"rows": "600"}


def test_without_a_sample_all_rows_are_taken(shops, change):
    (shops / PROJECT).write_text((shops / PROJECT).read_text().replace("sample: {rows: 600}", ""))
    found = extent(open_workspace(None), change, None)
    assert (found.settings, found.why) == ({}, "src/project/project.yml names no sample")


THERE = """where: azure
        azure: {tenant: 11111111-1111-4111-8111-111111111111, subscription: 11111111-1111-4111-8111-111111111111, resource_group: a, workspace: b}
"""


@pytest.mark.slow
def test_where_the_registry_is_on_azure_a_change_meets_what_its_base_makes_here_and_nobody_signs_in(shops, change, monkeypatch, capsys):
    """Nothing leads to Azure from here, and there is nobody to be: a fork's pull request is tried like any other."""
    staging = shops / "environments/staging.yml"
    staging.write_text(staging.read_text().replace("where: local\n", THERE.replace("        ", "")))
    git(shops, "commit", "--quiet", "--all", "--message", "there")
    base = git(shops, "rev-parse", "HEAD")
    train = shops / "src/pipelines/train.yml"
    train.write_text(train.read_text().replace("blind: 0.0", "blind: 0.9"))
    git(shops, "commit", "--quiet", "--all", "--message", "worse")
    for name, value in {"MLOPS_STATE": "mlops-state", "HTTPS_PROXY": "http://127.0.0.1:9", "BASE": base}.items():
        monkeypatch.setenv(name, value)
    capsys.readouterr()

    def tried(rows):
        code = main(["try", "--rows", rows])
        return code, json.loads((shops / ".mlops/shared/shops/verdict/shops.json").read_text()), *capsys.readouterr()

    code, facts, out, errors = tried("all")
    assert (code, facts["reference"]["kind"], facts["reference"]["commit"]) == (1, "base", base), errors
    assert f"is worse than the model of {base[:7]}" in facts["reason"]
    assert "worse ▼ — not ready to merge; nothing changes in production" in out
    assert f"compared with what {base[:7]} makes of them, here" in errors
    code, facts, out, errors = tried("sample")
    assert (code, facts["sample"], "worse ▼ on a sample" in out) == (0, [{"name": "rows", "value": "600"}], True), errors
    monkeypatch.setenv("BASE", "f" * 40)
    code, facts, out, errors = tried("sample")
    assert (code, facts["reference"]["kind"]) == (0, "baseline"), errors
    assert "compared with the baseline" in errors


@pytest.mark.slow
def test_the_champion_s_code_is_trained_on_the_sample_too_and_where_it_cannot_be_the_champion_itself_is_met(remote, monkeypatch):
    """An untouched change reuses all steps and compares as identical; a changed one meets the twin; else all rows, with the reason."""
    machine = remote.machine("pull request")
    machine.commit("src/pipelines/train.yml", "blind: 0.0", "blind: 0.6")  # as v1, which serves, was made
    began = remote.commit

    def tried():
        ended = machine.mlops("try", "--rows", "sample")
        facts = json.loads((machine.root / ".mlops/shared/shops/verdict/shops.json").read_text())
        (train,) = [step["state"] for step in facts["steps"] if step["name"] == "train"]
        return ended, facts, train

    ended, facts, train = tried()
    assert (ended.code, facts["reference"]["kind"], facts["reference"]["version"], train) == (0, "twin", 1, "reused"), ended.err
    assert (facts["sample"], "a sample: a first word is quick" in ended.err) == ([{"name": "rows", "value": "600"}], True)
    assert "its predictions are identical to those of the champion v1" in next(
        r["reason"] for r in facts["rules"] if r["name"] == "compare"
    )

    machine.commit("src/pipelines/train.yml", "blind: 0.6", "blind: 0.9")
    ended, facts, train = tried()
    assert (ended.code, facts["reference"]["kind"], train) == (0, "twin", "finished"), ended.err  # worse, and a hint
    assert "worse ▼ on a sample" in ended.out
    assert remote.commit == began

    monkeypatch.chdir(machine.root)
    monkeypatch.setenv("MLOPS_STATE", "mlops-state")
    workspace = open_workspace(None)
    for settings, why in (
        ({"nothing": "600"}, "the pipeline of v1 cannot be run with the sample: "),
        ({"rows": "0"}, "the pipeline of v1 fails on the sample today: "),
    ):
        found, twin = _opponent(workspace, Extent(settings, ""))
        assert (found.settings, found.why[: len(why)], twin) == ({}, why, None)
    champion = workspace.registry.resolve("shops", "champion")
    for tags, why in (
        ({"slipway.commit": "f" * 40}, "the commit of v1, fffffff, is not to be had"),
        ({"slipway.commit": ""}, "v1 was made of files that were not committed"),
        ({"slipway.dirty": "true"}, "v1 was made of files that were not committed"),
    ):
        assert train_twin(workspace, replace(champion, tags={**champion.tags, **tags}), {"rows": "600"}) == why

"""Rows are scored in a batch with the version that an environment serves, by the pipeline that a batch endpoint would hold."""

import csv
import json
import shutil

import pytest
from tests.mlops.delivery.conftest import FILES

from mlops.cli import main
from mlops.delivery.workspace import open_workspace
from mlops.files import digest_folder

SCORE = """
import argparse, csv, json
parser = argparse.ArgumentParser()
for name in ("model", "times", "lineage", "scores"):
    parser.add_argument(f"--{name}")
args = parser.parse_args()
weight = json.load(open(f"{args.model}/weight.json"))
csv.writer(open(args.scores, "w", newline="")).writerows([["score", "lineage"], [weight * int(args.times), args.lineage]])
"""
PIPELINE = """
type: pipeline
inputs:
  model: {type: mlflow_model}
  times: 1
  lineage: not registered
outputs:
  scores: {type: uri_file}
jobs:
  score:
    type: command
    code: ../project
    environment: azureml:any@latest
    command: >-
      python score.py --model "${{inputs.model}}" --times ${{inputs.times}} --lineage '${{inputs.lineage}}' --scores "${{outputs.scores}}"
    inputs:
      model: ${{parent.inputs.model}}
      times: ${{parent.inputs.times}}
      lineage: ${{parent.inputs.lineage}}
    outputs:
      scores: ${{parent.outputs.scores}}
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A project whose production is at v1: nothing serves it, and none need for a batch."""
    root = tmp_path / "a shop"
    for name, text in {**FILES, "src/project/score.py": SCORE, "src/pipelines/batch.yml": PIPELINE}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("\n".join(line.removeprefix("        ") for line in text.splitlines()))
    for name in ("MLOPS_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(root)
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text("flavors: {}\n")
    (model / "weight.json").write_text("7")
    registry = open_workspace(None).registry
    version = registry.register("shops", model, digest_folder(model), None, tags={"slipway.run": "12"})
    shutil.rmtree(model)
    registry.move("shops", "production", version, expected=None, who="a test", reason="none")
    return root


def score(capsys, *words):
    capsys.readouterr()
    code = main(["score", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_the_version_in_production_scores_and_each_row_says_so(shop, capsys):
    version = open_workspace(None).registry.resolve("shops", "production")
    code, record = score(capsys, "production", "--set", "inputs.times=3")
    with open(record["outputs"]["scores"]["path"]) as file:
        rows = list(csv.DictReader(file))
    assert (code, record["state"]) == (0, "completed")
    assert rows == [{"score": "21", "lineage": f"shops v1 {version.digest} run 12"}]


@pytest.mark.slow
def test_what_cannot_be_scored_is_told_and_nothing_is_started(shop, capsys):
    for words, says in (
        (("staging",), "staging serves no version of shops yet"),
        (("production", "--set", "inputs.model=elsewhere"), "that is the version in production"),
    ):
        code, told = score(capsys, *words)
        assert (code, says in told["error"]["message"]) == (2, True)
    (shop / "src/pipelines/batch.yml").unlink()
    code, told = score(capsys, "production")
    assert (code, "there is no pipeline that scores rows with shops" in told["error"]["message"]) == (2, True)
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []

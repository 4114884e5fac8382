"""A job's file as a component with one version in it: what the version decides cannot be said otherwise, and the rest stays as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mlops.azure.scoring_component import component_of
from mlops.errors import UsageError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MODEL = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/models/flights/versions/3"


def test_the_example_s_batch_pipeline_takes_rows_and_parameters_and_no_model():
    file = ROOT / "src/pipelines/batch.yml"
    made, job = component_of(file, MODEL, "flights v3 sha256:abc run 7"), yaml.safe_load(file.read_text())
    assert set(job["inputs"]) - set(made["inputs"]) == {"model", "lineage"}
    assert made["inputs"]["data"] == {"type": "uri_folder"}
    assert made["inputs"]["months"] == {"type": "string", "default": job["inputs"]["months"]}
    assert made["outputs"] == {"scores": {"type": "uri_file"}}
    score = made["jobs"]["score"]
    assert score["inputs"]["model"] == {"type": "mlflow_model", "path": f"azureml:{MODEL}"}
    assert score["inputs"]["lineage"] == "flights v3 sha256:abc run 7"
    assert score["inputs"]["table"] == job["jobs"]["score"]["inputs"]["table"]
    assert Path(score["component"]) == ROOT / "src/pipelines/components/score.yml"


def test_what_a_step_names_by_path_is_named_by_its_whole_path_and_what_is_elsewhere_is_left(tmp_path):
    (tmp_path / "job.yml").write_text("""
type: pipeline
inputs: {model: {type: mlflow_model}, n: 3, share: 0.5, all: true, word: {type: string, default: a}}
jobs:
  one:
    code: ./src
    environment: file:image.yml
    inputs:
      model: {type: mlflow_model, mode: download, path: "${{ parent.inputs.model }}"}
      table: {type: uri_file, path: table.csv}
      far: {type: uri_file, path: "azureml:table:3"}
  two: {component: azureml:made@latest, environment: {image: ubuntu, conda_file: conda.yml}}
""")
    made = component_of(tmp_path / "job.yml", MODEL, "x")
    assert {name: one["type"] for name, one in made["inputs"].items()} == {
        "n": "integer",
        "share": "number",
        "all": "boolean",
        "word": "string",
    }
    one, two = made["jobs"]["one"], made["jobs"]["two"]
    assert one["inputs"]["model"] == {"type": "mlflow_model", "mode": "download", "path": f"azureml:{MODEL}"}
    assert (one["code"], one["environment"]) == (str(tmp_path / "src"), f"file:{tmp_path / 'image.yml'}")
    assert (one["inputs"]["table"]["path"], one["inputs"]["far"]["path"]) == (str(tmp_path / "table.csv"), "azureml:table:3")
    assert two == {"component": "azureml:made@latest", "environment": {"image": "ubuntu", "conda_file": str(tmp_path / "conda.yml")}}


def test_a_pipeline_whose_steps_stand_elsewhere_is_refused(tmp_path):
    (tmp_path / "job.yml").write_text("type: pipeline\ncomponent: whole.yml\n")
    with pytest.raises(UsageError, match="steps stand in the file itself"):
        component_of(tmp_path / "job.yml", MODEL, "x")

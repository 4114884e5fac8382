"""What a pipeline does with assets: it reads registered ones, and hands on what it makes."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from tests.mlops.assets.workshop import CEREAL, COUNT, SCRIPT, Workshop

from mlops.assets.reference import parse
from mlops.cli import main
from mlops.errors import SpecError
from mlops.local.run import LocalRun, Options
from mlops.spec.pipeline import load_pipeline

PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:cpu-cluster}
inputs:
  cereal: {type: uri_file, path: "azureml:cereal@latest"}
jobs:
  count:
    type: command
    component: azureml:count@latest
    inputs: {table: "${{parent.inputs.cereal}}"}
  keep:
    type: command
    command: cp ${{inputs.lines}} ${{outputs.kept}} && mkdir -p ${{outputs.model}} && cp ${{inputs.lines}} ${{outputs.model}}/weights
    environment: azureml:AzureML-sklearn-1.5@latest
    inputs:
      lines: ${{parent.jobs.count.outputs.lines}}
    outputs:
      kept: {type: uri_file, path: "azureml://datastores/workspaceblobstore/paths/${{name}}/kept.txt"}
      model: {type: custom_model, name: counter}
"""


@pytest.fixture
def here(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.chdir(shop.root)
    for name, text in {"code/count.py": SCRIPT, "count.yml": COUNT, "pipeline.yml": PIPELINE}.items():
        shop.write(name, text)
    shop.create("data", CEREAL)
    assert main(["component", "create", "-f", "count.yml"]) == 0
    return shop


def run(shop: Workshop, pipeline: str = PIPELINE) -> dict[str, Any]:
    """Run the pipeline without a tracking server, and return its record."""
    path = shop.write("pipeline.yml", pipeline)
    running = LocalRun(load_pipeline(path, assets=shop.assets), shop.home, shop.root, Options(warm=False))
    list(running.events())
    return running.record.facts


def test_a_pipeline_of_registered_assets_runs_and_hands_on_what_it_makes(here: Workshop) -> None:
    facts = run(here)
    assert facts["steps"]["keep"]["assets"]["model"] == "azureml:counter:1"
    made = here.assets.store.find("model", parse("azureml:counter"))
    assert (made.type, made.origin) == ("custom_model", "run 1, step keep, output model")
    assert (here.assets.model("azureml:counter@latest") / "weights").read_text() == "2"
    assert (here.home / "datastore/workspaceblobstore" / f"1-{facts['name']}-keep" / "kept.txt").read_text() == "2"
    assert here.assets.data("azureml://jobs/1/outputs/kept", "uri_file").read_text() == "2"


def test_a_registered_output_outlives_the_folder_of_its_run(here: Workshop) -> None:
    run(here)
    shutil.rmtree(here.home / "runs")
    assert (here.assets.model("azureml:counter:1") / "weights").read_text() == "2"


@pytest.mark.slow
def test_what_is_reused_is_not_registered_again_but_for_what_is_gone(here: Workshop) -> None:
    run(here)
    assert [step["assets"]["model"] for step in run(here)["steps"].values() if "assets" in step] == ["azureml:counter:1"]
    (here.home / "assets/model/counter/1.json").unlink()
    run(here)
    assert here.assets.store.find("model", parse("azureml:counter")).origin == "run 3, step keep, output model"


def test_an_output_whose_version_is_there_with_other_content_fails_its_step(here: Workshop) -> None:
    here.write("weights", "other")
    here.create("model", "{name: counter, version: 1, path: weights}")
    facts = run(here, PIPELINE.replace("name: counter", "name: counter, version: 1"))
    assert facts["state"] == "failed"
    assert "model counter:1 is registered already, with other content" in facts["error"]


@pytest.mark.slow
def test_the_code_of_a_registered_component_is_that_of_its_registration(here: Workshop) -> None:
    run(here)
    here.write("code/count.py", "raise SystemExit(1)")
    assert [step["state"] for step in run(here)["steps"].values()] == ["reused", "reused"]
    assert main(["component", "create", "-f", "count.yml"]) == 0
    assert run(here)["state"] == "failed"


def test_the_record_says_what_a_step_asked_for_and_what_it_got(here: Workshop) -> None:
    steps = run(here)["steps"]
    told = steps["count"]["environment"]["differs"]
    assert "the container image some/image is not used" in told
    assert "nowhere==1 is not installed" in told
    assert not any("rich" in line for line in told)
    assert steps["keep"]["environment"]["differs"] == ["its packages are not known here: it is Microsoft's"]


def test_a_reference_that_is_nowhere_is_told_at_its_line_and_nothing_starts(here: Workshop) -> None:
    with pytest.raises(SpecError, match=r"pipeline.yml:8:16(.|\n)*mlops component create -f FILE.yml --set name=count version=7"):
        run(here, PIPELINE.replace("azureml:count@latest", "azureml:count:7"))
    assert not (here.home / "runs").exists()


@pytest.mark.slow
def test_what_is_registered_for_a_registry_is_found_by_its_long_name(here: Workshop) -> None:
    assert main(["component", "create", "-f", "count.yml", "--version", "0.1", "--registry-name", "ours"]) == 0
    facts = run(here, PIPELINE.replace("azureml:count@latest", "azureml://registries/ours/components/count/versions/0.1"))
    assert facts["state"] == "completed"


def test_an_mltable_without_its_file_is_told_at_its_line_unless_the_job_says_that_it_is_a_folder(here: Workshop) -> None:
    job = "type: command\ncommand: ls ${{inputs.t}}\nenvironment: azureml:any@latest\ninputs:\n  t: {type: mltable, path: ./code}\n"
    with pytest.raises(SpecError, match=r"job.yml:5:28(.|\n)*no file MLTable"):
        load_pipeline(here.write("job.yml", job))
    assert load_pipeline(here.write("job.yml", job.replace("mltable", "uri_folder"))).steps

"""Your pipelines: Azure ML's own library takes each file, so does this machine, and the scripts behind them take what the files give."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml

from mlops.cli import main
from mlops.contract.__main__ import parser
from mlops.contract.standard import load as load_contract
from mlops.spec.pipeline import load_pipeline

ROOT = Path(__file__).parents[2]
PIPELINES = sorted((ROOT / "src/pipelines").glob("*.yml"))
COMPONENTS = sorted((ROOT / "src/pipelines/components").glob("*.yml"))
ENVIRONMENTS = sorted((ROOT / "environments/images").glob("*/environment.yml"))
TRAINING = yaml.safe_load((ROOT / "src/pipelines/train.yml").read_text())
PROJECT = yaml.safe_load((ROOT / "src/project/project.yml").read_text())
HELD_BACK = {"mlflow-skinny", "azureml-mlflow"}  # azureml-mlflow bounds mlflow-skinny, see conda.yml

pipelines = pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
components = pytest.mark.parametrize("path", COMPONENTS, ids=lambda path: path.name)


@pytest.mark.slow  # imports azure-ai-ml: seconds
@pipelines
def test_azure_ml_takes_the_pipeline(path):
    from azure.ai.ml import load_job

    job = load_job(path)
    verdict = job._validate()
    assert verdict.passed, verdict.error_messages
    assert list(job.jobs) == list(yaml.safe_load(path.read_text())["jobs"])


@components
def test_azure_ml_takes_the_component(path):
    from azure.ai.ml import load_component

    component = load_component(path)
    verdict = component._validate()
    assert verdict.passed, verdict.error_messages
    assert component.environment.image


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.parent.name)
def test_azure_ml_takes_the_image_and_it_is_pinned(path):
    from azure.ai.ml import load_environment

    image = load_environment(path)
    assert not image.image.endswith(":latest")
    assert image.conda_file["dependencies"]


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.parent.name)
def test_the_image_has_the_versions_of_the_lock_file(path):
    lines = yaml.safe_load((path.parent / "conda.yml").read_text())["dependencies"][-1]["pip"]
    locked = re.findall(r"^([\w.-]+==[^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert lines
    assert [line for line in lines if line.split("==")[0] not in HELD_BACK and line not in locked] == []


@pipelines
def test_this_machine_takes_the_pipeline(path, tmp_path):
    needed = [name for name, value in yaml.safe_load(path.read_text())["inputs"].items() if isinstance(value, dict) and "path" not in value]
    assert load_pipeline(path, dict.fromkeys(needed, str(tmp_path))).steps


@components
def test_everything_a_person_can_set_is_described(path):
    body = yaml.safe_load(path.read_text())
    assert body["display_name"]
    assert body["description"]
    for name, declared in (body["inputs"] | body["outputs"]).items():
        assert declared.get("description"), f"{name} has no description"


@components
def test_the_command_gives_the_script_every_argument_and_no_other(path):
    body = yaml.safe_load(path.read_text())
    words = shlex.split(body["command"])
    given = {word for word in words if word.startswith("--")}
    if words[1] == "-m":
        assert given == {option for action in parser()._actions for option in action.option_strings if action.required}
    else:
        assert given == set(arguments(path.parent / body["code"] / words[1]))


@components
def test_every_input_and_output_is_used_in_the_command(path):
    body = yaml.safe_load(path.read_text())
    used = set(re.findall(r"\$\{\{((?:in|out)puts\.\w+)\}\}", body["command"]))
    assert used == {f"inputs.{name}" for name in body["inputs"]} | {f"outputs.{name}" for name in body["outputs"]}


def arguments(script: Path) -> dict[str, set[str]]:
    """Argument of a script -> the keywords it is declared with, read from the code."""
    calls = [node for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Call)]
    adding = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"]
    return {str(call.args[0].value): {str(word.arg) for word in call.keywords} for call in adding}


@pytest.mark.parametrize("path", sorted((ROOT / "src/project").glob("*.py")), ids=lambda path: path.name)
def test_no_script_has_a_value_of_its_own(path):
    """Everything that can be set stands in the YAML, and each argument says what it is."""
    for name, keywords in arguments(path).items():
        assert "default" not in keywords, name
        assert "help" in keywords, name


@pipelines
def test_the_leakage_columns_are_those_of_the_contract(path):
    """D10."""
    inputs = yaml.safe_load(path.read_text())["inputs"]
    assert inputs["leakage"].split(",") == list(load_contract(ROOT / "data/flights.odcs.yml").leakage)
    assert not set(inputs["features"].split(",")) & set(inputs["leakage"].split(","))


def test_the_project_file_and_the_pipeline_tell_the_same():
    model = PROJECT["models"]["flights"]
    inputs = TRAINING["inputs"]
    assert (ROOT / model["pipeline"]).is_file()
    assert (ROOT / model["pipeline"]).parent.joinpath(inputs["contract"]["path"]).resolve() == ROOT / model["contract"]
    assert model["target"] == inputs["target"]
    assert model["keys"] == inputs["keys"].split(",")


def test_batch_scoring_asks_for_the_features_that_training_learns_from():
    batch = yaml.safe_load((ROOT / "src/pipelines/batch.yml").read_text())
    assert batch["inputs"]["features"] == TRAINING["inputs"]["features"]


def test_the_rows_that_are_monitored_are_made_as_those_of_training_are():
    """Train/monitor skew would look like drift: the same components, given the same."""
    monitor = yaml.safe_load((ROOT / PROJECT["models"]["flights"]["monitor"]).read_text())
    assert {name: TRAINING["inputs"].get(name) for name in monitor["inputs"]} == monitor["inputs"]
    for name, job in monitor["jobs"].items():
        assert TRAINING["jobs"][name] | {"outputs": None} == job | {"outputs": None}, name
    assert monitor["outputs"] == {"rows": {"type": "uri_file"}}


def test_what_is_gated_and_registered_are_outputs_of_the_pipeline():
    assert {name: output["type"] for name, output in TRAINING["outputs"].items()} == {
        "model": "mlflow_model",
        "test": "uri_file",
        "train": "uri_file",
        "evaluation": "uri_folder",
    }


def test_mlops_check_finds_no_mistake_in_any_of_your_files(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["check"]) == 0
    assert "no mistake found" in capsys.readouterr().out

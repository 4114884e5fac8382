"""Your pipelines: Azure ML's own library takes each file, so does this machine, and the scripts behind them take what the files give."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest
import yaml

from mlops.assets.elsewhere import Elsewhere
from mlops.cli import main
from mlops.contract.standard import load as load_contract
from mlops.settings import read_project
from mlops.spec.pipeline import load_pipeline
from mlops.spec.schedule import load_schedule

ROOT = Path(__file__).parents[2]
PIPELINES = sorted(path for path in (ROOT / "src/pipelines").rglob("*.yml") if yaml.safe_load(path.read_text()).get("type") == "pipeline")
COMPONENTS = sorted((ROOT / "src/pipelines").rglob("components/*.yml"))
SCHEDULES = sorted((ROOT / "src/pipelines").rglob("schedules/*.yml"))
ENVIRONMENTS = sorted((ROOT / "environments/images").glob("*/environment.yml"))
MODELS = read_project(ROOT).models
SCRIPTS = sorted(path for package in {model.package for model in MODELS.values()} for path in (ROOT / package).glob("*.py"))
HELD_BACK = {"mlflow-skinny", "azureml-mlflow"}  # azureml-mlflow bounds mlflow-skinny, see conda.yml


def named(path):
    return path.relative_to(ROOT).as_posix().removeprefix("src/").removeprefix("pipelines/")


pipelines = pytest.mark.parametrize("path", PIPELINES, ids=named)
components = pytest.mark.parametrize("path", COMPONENTS, ids=named)
models = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def body(path):
    return yaml.safe_load((ROOT / path).read_text())


def words(inputs, name):
    """A list among a pipeline's inputs: names with commas between them, or one name a line where a name may hold a comma."""
    text = inputs[name].strip()
    return [word.strip() for word in re.split(r"\n" if "\n" in text else ",", text) if word.strip()]


def beside(model):
    """The other pipelines in the folder of the model's."""
    folder = (ROOT / model.pipeline).parent
    return [path for path in PIPELINES if path.parent == folder and path != ROOT / model.pipeline]


@pytest.mark.slow  # imports azure-ai-ml: seconds
@pipelines
def test_azure_ml_takes_the_pipeline(path):
    from azure.ai.ml import load_job

    job = load_job(path)
    verdict = job._validate()
    assert verdict.passed, verdict.error_messages
    assert list(job.jobs) == list(yaml.safe_load(path.read_text())["jobs"])


@pytest.mark.slow
@pytest.mark.parametrize("path", SCHEDULES, ids=named)
def test_azure_ml_takes_the_schedule_and_reads_the_times_and_the_pipeline_that_this_machine_does(path):
    from azure.ai.ml.entities._load_functions import load_schedule as by_azure

    made, ours = by_azure(path), load_schedule(path, Elsewhere(None))
    assert (made.name, made.trigger.start_time.replace(tzinfo=None)) == (ours.name, ours.trigger.start)
    assert list(made.create_job.jobs) == list(ours.pipeline.steps)
    given = yaml.safe_load(path.read_text())["create_job"]["inputs"]
    assert {name: made.create_job.inputs[name].path for name in given} == {
        name: one["path"].removeprefix("azureml:") if "://" not in one["path"] else one["path"] for name, one in given.items()
    }


@pytest.mark.slow
@components
def test_azure_ml_takes_the_component(path):
    from azure.ai.ml import load_component

    component = load_component(path)
    verdict = component._validate()
    assert verdict.passed, verdict.error_messages
    assert component.environment.image


@pytest.mark.slow
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
    found = body(path)
    assert found["display_name"]
    assert found["description"]
    for name, declared in (found["inputs"] | found["outputs"]).items():
        assert declared.get("description"), f"{name} has no description"


@components
def test_the_command_gives_the_script_every_argument_and_no_other(path):
    found = body(path)
    words = shlex.split(found["command"])
    given = {word for word in words if word.startswith("--")}
    if words[1] == "-m":
        actions = importlib.import_module(f"{words[2]}.__main__").parser()._actions
        assert {option for action in actions for option in action.option_strings if action.required} <= given
        assert given <= {option for action in actions for option in action.option_strings}
    else:
        assert given == set(arguments(path.parent / found["code"] / words[1]))


@components
def test_every_input_and_output_is_used_in_the_command(path):
    found = body(path)
    used = set(re.findall(r"\$\{\{((?:in|out)puts\.\w+)\}\}", found["command"]))
    assert used == {f"inputs.{name}" for name in found["inputs"]} | {f"outputs.{name}" for name in found["outputs"]}


def arguments(script: Path) -> dict[str, set[str]]:
    """Argument of a script -> the keywords it is declared with, read from the code."""
    calls = [node for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Call)]
    adding = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"]
    return {str(call.args[0].value): {str(word.arg) for word in call.keywords} for call in adding}


@pytest.mark.parametrize("path", SCRIPTS, ids=named)
def test_no_script_has_a_value_of_its_own(path):
    """Everything that can be set stands in the YAML, and each argument says what it is."""
    for name, keywords in arguments(path).items():
        assert "default" not in keywords, name
        assert "help" in keywords, name


@models
def test_no_pipeline_learns_from_what_the_contract_calls_leakage(model):
    """D10."""
    leakage = list(load_contract(ROOT / model.contract).leakage)
    for path in (ROOT / model.pipeline, *beside(model)):
        inputs = body(path)["inputs"]
        if "leakage" in inputs:
            assert words(inputs, "leakage") == leakage, path
        if "features" in inputs:
            assert not {*leakage, model.target} & set(words(inputs, "features")), path


@models
def test_the_project_file_and_the_pipeline_tell_the_same(model):
    inputs = body(model.pipeline)["inputs"]
    assert (ROOT / model.pipeline).parent.joinpath(inputs["contract"]["path"]).resolve() == ROOT / model.contract
    assert model.target == inputs.get("target", model.target)
    assert model.keys == (tuple(words(inputs, "keys")) if "keys" in inputs else model.keys)


@models
def test_other_pipelines_of_a_model_take_the_features_that_training_learns_from(model):
    training = body(model.pipeline)["inputs"]
    for path in beside(model):
        assert body(path)["inputs"].get("features") == training.get("features"), path


@models
def test_the_rows_that_are_monitored_are_made_as_those_of_training_are(model):
    """Train/monitor skew would look like drift: the same components, given the same."""
    if not model.monitor:
        pytest.skip("the model has no pipeline that makes newer rows")
    training, monitor = body(model.pipeline), body(model.monitor)
    assert {name: training["inputs"].get(name) for name in monitor["inputs"]} == monitor["inputs"]
    for name, job in monitor["jobs"].items():
        assert training["jobs"][name] | {"outputs": None} == job | {"outputs": None}, name
    assert monitor["outputs"] == {"rows": {"type": "uri_file"}}


@models
def test_what_is_gated_and_registered_are_outputs_of_the_pipeline(model):
    found = {name: output["type"] for name, output in body(model.pipeline)["outputs"].items()}
    needed = {"model": "mlflow_model", "test": "uri_file", "evaluation": "uri_folder"}
    seen = {"train": "uri_file"} if model.monitor or "train" in found else {}  # what newer rows are held against
    assert found == needed | seen


def test_mlops_check_finds_no_mistake_in_any_of_your_files(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["check"]) == 0
    assert "no mistake found" in capsys.readouterr().out

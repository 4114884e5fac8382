"""A delivery of a model whose staging is on Azure ML: trained there, judged here, registered in the workspace."""

import json
import textwrap
from pathlib import Path

import pytest
import yaml
from tests.azure.hurry import hurry
from tests.azure.loopback import Fault
from tests.mlops.delivery.conftest import FILES

from mlops.delivery.workspace import open_workspace
from mlops.files import digest_folder

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture
def shops(there, request):
    """The small project of the delivery's tests, with staging on Azure ML; its model has a name of the test's own."""
    model = f"shops{abs(hash(request.node.name)) % 10**8}"
    azure = "where: azure\n" + yaml.safe_dump({"azure": there.azure.place()}).rstrip()
    edits = {
        "src/project/project.yml": ("  shops:", f"  {model}:"),
        "src/pipelines/train.yml": ("experiment_name: shops", "experiment_name: shops\nsettings: {default_compute: azureml:cpu-cluster}"),
        "environments/staging.yml": ("where: local", azure),
    }
    for name, text in FILES.items():
        there.project.write(name, textwrap.dedent(text).replace(*edits.get(name, ("where: azure", "where: azure"))))
    there.model = model
    return there


def deliver(there, *words):
    code, out, errors = there.mlops("deliver", "--to", "registry", "--json", *words)
    assert code == 0, errors + out
    return json.loads(out.splitlines()[-1])


def test_a_model_is_trained_there_judged_here_and_registered_in_the_workspace(shops):
    facts = deliver(shops)
    assert (facts["outcome"], facts["version"], facts["champion"]) == ("promote", 1, None)
    run = shops.record()
    assert run["where"] == "azure:staging"
    assert {name: step["state"] for name, step in run["steps"].items()} == {"train": "finished", "compare": "finished"}
    registry = open_workspace(None).registry
    version = registry.resolve(shops.model, "challenger")
    assert (version.approved, version.run_id, version.tags["slipway.run"]) == (True, run["job"]["name"], str(run["run"]))
    assert digest_folder(registry.fetch(version)) == facts["digest"]
    listed = json.loads(shops.mlops("models", "--json")[1])
    assert [(one["version"], one["approved"]) for one in listed["versions"]] == [(1, True)]
    assert Path(facts["report"]).exists()


def test_the_same_again_trains_nothing_and_a_worse_one_is_kept_as_a_challenger(shops):
    first = deliver(shops)
    again = deliver(shops)
    assert (again["outcome"], again["version"]) == ("unchanged", first["version"])
    workspace = open_workspace(None)
    workspace.registry.move(shops.model, "production", workspace.registry.resolve(shops.model, "1"), expected=None, who="you", reason="x")
    worse = deliver(shops, "--set", "blind=0.9")
    assert (worse["outcome"], worse["champion"]["version"], worse["version"]) == ("keep", 1, 2)


def test_a_model_below_a_limit_is_red_and_not_registered(shops):
    shops.project.edit("environments/staging.yml", "at_least: 0.6", "at_least: 0.999")
    code, _, errors = shops.mlops("deliver", "--to", "registry")
    assert code == 1
    assert "the gate stopped the model" in errors
    assert open_workspace(None).registry.versions(shops.model) == []


def test_a_model_that_holds_code_is_not_loaded_and_not_registered(shops, tmp_path):
    """X1: the job really makes it, and it comes here as bytes."""
    code = f"""
import cloudpickle

class Sly:
    def __reduce__(self):
        return (print, ("loaded",), None) and (__import__("pathlib").Path.touch, (__import__("pathlib").Path({str(tmp_path / "evil")!r}),))

shutil = __import__("shutil"); shutil.rmtree(args.model)
mlflow.sklearn.save_model(model, args.model, signature=signature, pip_requirements=["scikit-learn"], serialization_format="cloudpickle")
(args.model / "model.pkl").write_bytes(cloudpickle.dumps(Sly()))
"""
    shops.project.write("src/project/train.py", (shops.project.root / "src/project/train.py").read_text() + code)
    code, out, errors = shops.mlops("deliver", "--to", "registry")
    assert code in {1, 2}, out + errors
    assert (shops.project.root / ".mlops/runs/1/steps/train/outputs/model/model.pkl").exists(), out + errors
    assert not (tmp_path / "evil").exists()
    assert open_workspace(None).registry.versions(shops.model) == []


def test_a_delivery_that_lost_its_connection_follows_the_same_job_when_it_is_asked_for_again(shops):
    shops.azure.faults.add(Fault("GET .*/jobs", drop=True, times=40))
    code, _, errors = shops.mlops("deliver", "--to", "registry")
    assert code == 3
    assert "Azure does not answer" in errors
    shops.azure.faults.clear()
    facts = deliver(shops)
    assert (facts["outcome"], facts["run"]) == ("promote", 1)
    assert len({call.path for call in shops.azure.calls if call.method == "PUT" and "/jobs/" in call.path}) == 1


def test_nobody_signed_in_is_told_before_anything_is_started(shops):
    shops.sign_in(shops.azure.scientist, secret="wrong")
    code, _, errors = shops.mlops("deliver", "--to", "registry")
    assert code == 3
    assert "not signed in to Azure" in errors
    assert not Path(".mlops/runs/1").exists()


@pytest.fixture
def everywhere(shops, monkeypatch):
    """Staging and production are both on Azure ML; a shift takes no time."""
    hurry(monkeypatch.setattr)
    production = {
        "where": "azure",
        "azure": shops.azure.place(),
        "serve": {"port": 0},
        "test": {"smoke_requests": 10},
        "shift": {"seconds": 0},
    }
    shops.project.write("environments/production.yml", yaml.safe_dump(production))
    shops.project.edit("environments/staging.yml", "serve: {port: 0}", "serve: {port: 0}\nshift: {seconds: 0}")
    shops.sign_in(shops.azure.ci)
    return shops


def status(there):
    code, out, errors = there.mlops("status", "--json")
    assert code == 0, errors
    return {name: (one["version"], one["health"]) for name, one in json.loads(out)["environments"].items()}


def test_from_a_commit_to_production_on_azure_and_back(everywhere):
    code, out, errors = everywhere.mlops("deliver", "--json", "--set", "blind=0.6")
    assert code == 0, errors + out
    first = json.loads(out.splitlines()[-1])
    assert (first["outcome"], first["production"]["version"]) == ("promote", 1)
    assert status(everywhere) == {"staging": (1, "ready"), "production": (1, "ready")}
    code, out, errors = everywhere.mlops("deliver", "--json")
    assert code == 0, errors + out
    assert json.loads(out.splitlines()[-1])["production"]["version"] == 2
    assert status(everywhere) == {"staging": (2, "ready"), "production": (2, "ready")}
    code, out, errors = everywhere.mlops("rollback", "production", "--reason", "drifted")
    assert code == 0, errors + out
    assert status(everywhere) == {"staging": (2, "ready"), "production": (1, "ready")}
    assert len(everywhere.azure.endpoints.found) == 2, "two environments in one workspace have an endpoint each"
    moves = json.loads(everywhere.mlops("models", "--json")[1])["history"]
    assert [(move["before"], move["after"], move["kind"]) for move in moves if move["environment"] == "production"] == [
        (2, 1, "rollback"),
        (1, 2, "promote"),
        (None, 1, "promote"),
    ]
    again = everywhere.mlops("deliver", "--json")
    assert again[0] == 0
    assert json.loads(again[1].splitlines()[-1])["outcome"] == "keep", "what was taken back does not go out again by itself"


def test_a_delivery_goes_from_staging_to_production_through_the_registry(everywhere):
    for name in ("staging", "production"):
        everywhere.project.edit(
            f"environments/{name}.yml", "  workspace: ws-loopback", "  workspace: ws-loopback\n  registry: mlr-loopback"
        )
    everywhere.sign_in(everywhere.azure.publisher)
    code, out, errors = everywhere.mlops("deliver", "--json")
    assert code == 0, errors + out
    assert status(everywhere) == {"staging": (1, "ready"), "production": (1, "ready")}
    label = json.loads(out.splitlines()[-1])["digest"].removeprefix("sha256:")[:16]
    served = {one.body["properties"]["model"] for found in everywhere.azure.endpoints.found.values() for one in found.deployments.values()}
    assert served == {f"azureml://registries/mlr-loopback/models/{everywhere.model}/versions/{label}"}
    assert [one for one in everywhere.azure.registry.shares if everywhere.model in one] == [f"models/{everywhere.model}:{label}"]

"""Assets in a workspace and in a registry, by the verbs: registered by their content and nothing twice, found, put away, shared."""

import json
import time

import pytest
from azure.ai.ml import MLClient, load_component, load_data, load_environment, load_model
from azure.ai.ml.entities import Data
from azure.core.exceptions import HttpResponseError
from tests.azure.loopback import Fault

from mlops.azure.connection import connect

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
REGISTRY = "mlr-loopback"


@pytest.fixture
def shop(there, request):
    """A project with one file of each kind; the names are the test's own, for the workspace is one for all."""
    name = f"a{abs(hash(request.node.name)) % 10**8}"
    there.project.write("files/a.txt", "one\n")
    there.project.write("model/MLmodel", f"flavors: {{}}\n# {name}\n")
    there.project.write("data.yml", f"name: {name}\ntype: uri_folder\npath: files\ndescription: numbers\n")
    there.project.write("model.yml", f"name: {name}\ntype: mlflow_model\npath: model\n")
    there.project.write("environments/images/training/environment.yml", f"name: {name}\nimage: python:3.11\nconda_file: conda.yml\n")
    there.project.write("environments/images/training/conda.yml", f"name: {name}\ndependencies: [python=3.11]\n")
    text = there.project.root.joinpath("double.yml").read_text()
    there.project.write("double.yml", text.replace("name: double", f"name: {name}").replace("azureml:any@latest", "{image: python:3.11}"))
    there.name = name
    return there


FILES = {"data": "data.yml", "model": "model.yml", "environment": "environments/images/training/environment.yml", "component": "double.yml"}
KINDS = sorted(FILES)
FOLDER = {"data": "data", "model": "models", "environment": "environments", "component": "components"}


def done(there, *words):
    """Run a verb that must do what it is asked, and return its facts."""
    code, out, errors = there.mlops(*words, "--json")
    assert code == 0, errors + out
    found = json.loads(out)
    return found[0] if words[0] == "component" and words[1] == "create" else found


def create(there, kind, *words):
    return done(there, kind, "create", "-f", FILES[kind], "--where", "azure", *words)


def refused(there, *words):
    code, out, errors = there.mlops(*words)
    assert code == 2, errors + out
    return errors


def blobs(there):
    """Every blob of the datastore and when it was written."""
    container = there.azure.workspace.blobs.get_container_client("azureml-blobstore")
    return {blob.name: blob.last_modified for blob in container.list_blobs()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_content_is_registered_and_uploaded_once(shop, kind):
    first = create(shop, kind)
    sent, before = len(shop.puts(f"{FOLDER[kind]}/{shop.name}")), blobs(shop)
    again = create(shop, kind)
    assert (first["new"], again["new"]) == (True, False)
    assert (again["version"], again["digest"]) == (first["version"], first["digest"])
    assert len(shop.puts(f"{FOLDER[kind]}/{shop.name}")) == sent == 1
    assert blobs(shop) == before
    assert first["reference"] == f"azureml:{shop.name}:{first['version']}"


def test_other_bytes_are_another_version_and_another_description_is_not(shop):
    first = create(shop, "data")
    shop.project.edit("data.yml", "numbers", "the same numbers")
    assert create(shop, "data")["version"] == first["version"]
    shop.project.write("files/a.txt", "two\n")
    second = create(shop, "data")
    assert second["new"]
    assert second["version"] != first["version"]
    assert [one["version"] for one in done(shop, "data", "list", "--name", shop.name, "--where", "azure")] == [
        second["version"],
        first["version"],
    ]


def test_a_version_that_the_file_names_never_changes(shop):
    shop.project.edit("data.yml", "type:", "version: '3'\ntype:")
    assert (create(shop, "data")["version"], create(shop, "data")["new"]) == ("3", False)
    shop.project.write("files/a.txt", "two\n")
    errors = refused(shop, "data", "create", "-f", "data.yml", "--where", "azure")
    assert f"data {shop.name}:3 is in the workspace {shop.azure.workspace.name} already, with other content" in errors
    assert "data.yml" in errors
    assert "Leave `version` out" in errors


def bare(there):
    """azure-ai-ml alone, as az ml is."""
    own = there.azure.workspace
    return MLClient(connect(there.settings(), "staging").credential, own.subscription, own.group, own.name)


def test_what_az_ml_registered_is_known_by_what_the_service_says_of_it(shop):
    bare(shop).data.create_or_update(load_data(shop.project.root / "data.yml", params_override=[{"version": "3"}]))
    assert create(shop, "data", "--version", "3")["new"] is False
    assert create(shop, "data", "--version", "3")["digest"].startswith("sha256:")
    bare(shop).data.create_or_update(load_data(shop.project.root / "data.yml", params_override=[{"version": "4"}]))
    shop.project.write("files/a.txt", "two\n")
    assert "already, with other content" in refused(shop, "data", "create", "-f", "data.yml", "--version", "4", "--where", "azure")


@pytest.mark.parametrize("kind", ["component", "environment", "model"])
def test_another_s_version_with_other_content_is_refused_in_the_service_s_own_words(shop, kind):
    load = {"component": load_component, "environment": load_environment, "model": load_model}[kind]
    plural = getattr(bare(shop), f"{kind}s")
    plural.create_or_update(load(shop.project.root / FILES[kind], params_override=[{"version": "4"}]))
    sent = blobs(shop)
    shop.project.write("code/rule.py", "def double(x):\n    return x + x\n")
    shop.project.write("model/more", "more")
    shop.project.write("environments/images/training/conda.yml", "dependencies: [python=3.12]\n")
    errors = refused(shop, kind, "create", "-f", FILES[kind], "--version", "4", "--where", "azure")
    assert f"{kind} {shop.name}:4 is in the workspace ws-loopback already, with other content: (UserError)" in errors
    assert plural.get(shop.name, version="4").tags == {}
    assert kind == "model" or blobs(shop) == sent


def test_what_an_image_leaves_open_is_said_where_it_is_registered(shop):
    _, out, _ = shop.mlops("environment", "create", "--where", "azure")
    assert "note: the base image python is pinned by the tag 3.11 alone, which can be moved" in out


def test_all_images_of_the_project_are_registered_without_a_file_being_named(shop):
    (made,) = done(shop, "environment", "create", "--where", "azure")
    assert (made["name"], made["new"], made["image"], made["conda_file"]["dependencies"]) == (
        shop.name,
        True,
        "python:3.11",
        ["python=3.11"],
    )
    assert done(shop, "environment", "create", "--where", "azure")[0]["new"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_archived_is_left_out_until_it_is_restored(shop, kind):
    made = create(shop, kind)
    named = f"{shop.name}:{made['version']}"
    names = lambda *words: {one["name"] for one in done(shop, kind, "list", "--where", "azure", *words)}  # noqa: E731
    assert shop.name in names()
    code, out, errors = shop.mlops(kind, "archive", named, "--where", "azure")
    assert (code, out) == (0, f"{named}: archived\n"), errors
    assert shop.name not in names()
    assert done(shop, kind, "list", "--name", shop.name, "--where", "azure") == []
    (away,) = done(shop, kind, "list", "--name", shop.name, "--include-archived", "--where", "azure")
    assert away["archived"]
    assert done(shop, kind, "show", named, "--where", "azure")["archived"]
    assert "is not in the workspace" in refused(shop, kind, "show", shop.name, "--where", "azure")
    done(shop, kind, "restore", *(["--name", shop.name, "--version", made["version"]]), "--where", "azure")
    assert done(shop, kind, "show", shop.name, "--where", "azure")["archived"] is False


def test_a_name_is_archived_with_all_its_versions(shop):
    create(shop, "data")
    shop.project.write("files/a.txt", "two\n")
    create(shop, "data")
    assert len(done(shop, "data", "archive", shop.name, "--where", "azure")) == 2
    assert done(shop, "data", "list", "--name", shop.name, "--where", "azure") == []
    assert len(done(shop, "data", "list", "--name", shop.name, "--archived-only", "--where", "azure")) == 2
    done(shop, "data", "restore", "--name", shop.name, "--where", "azure")
    assert len(done(shop, "data", "list", "--name", shop.name, "--where", "azure")) == 2


def test_lists_and_facts_look_as_they_do_here(shop):
    there = create(shop, "data")
    here = done(shop, "data", "create", "-f", "data.yml", "--version", there["version"])
    assert {key: there[key] for key in ("kind", "name", "version", "type", "description", "reference")} == {
        key: here[key] for key in ("kind", "name", "version", "type", "description", "reference")
    }
    line = f"{shop.name}:{there['version']}  uri_folder  "
    assert line in shop.mlops("data", "list", "--name", shop.name)[1]
    assert line in shop.mlops("data", "list", "--name", shop.name, "--where", "azure")[1]
    assert f"reference: azureml:{shop.name}:{there['version']}\n" in shop.mlops("data", "show", shop.name, "--where", "azure")[1]


def test_an_image_is_pinned_by_its_digest_when_a_job_had_it_built(shop):
    made = create(shop, "environment")
    assert done(shop, "environment", "show", shop.name, "--where", "azure")["built"] == "the service tells of no image of it"
    assert "the service tells of no image" in refused(shop, "environment", "pin", shop.name)
    shop.project.edit("pipeline.yml", "environment: azureml:any@latest", f"environment: {made['reference']}")
    shop.run()
    built = done(shop, "environment", "show", shop.name, "--where", "azure")["built"]
    pinned = done(shop, "environment", "pin", f"{shop.name}:{made['version']}")
    assert (pinned["image"], pinned["new"], pinned["built_from"]) == (built, True, made["reference"])
    assert "@sha256:" in built
    assert done(shop, "environment", "pin", f"{shop.name}:{made['version']}")["new"] is False


@pytest.fixture
def publisher(shop):
    shop.sign_in(shop.azure.publisher)
    return shop


@pytest.mark.parametrize("kind", ["data", "environment", "model"])
def test_what_is_shared_is_in_the_registry_once_with_its_bytes(publisher, kind):
    made = create(publisher, kind)
    shared = done(publisher, kind, "share", f"{publisher.name}:{made['version']}", "--registry", REGISTRY)
    again = done(publisher, kind, "share", f"{publisher.name}:{made['version']}", "--registry", REGISTRY)
    assert (shared["new"], again["new"]) == (True, False)
    assert shared["reference"] == f"azureml://registries/{REGISTRY}/{FOLDER[kind]}/{publisher.name}/versions/{made['version']}"
    assert publisher.azure.registry.shares.count(f"{FOLDER[kind]}/{publisher.name}:{made['version']}") == 1
    found = done(publisher, kind, "show", publisher.name, "--registry-name", REGISTRY, "--where", "azure")
    assert (found["digest"], found["registry"]) == (made["digest"], REGISTRY)
    if kind != "environment":
        container, folder = publisher.azure.registry.held_at(found["path"])
        names = list(publisher.azure.workspace.blobs.get_container_client(container).list_blob_names(name_starts_with=folder))
        assert len(names) == 1


@pytest.mark.parametrize("kind", ["data", "environment", "model"])
def test_a_registry_is_listed_and_what_is_archived_in_it_is_left_out(publisher, kind):
    made = create(publisher, kind, "--registry-name", REGISTRY)
    there = ("--registry-name", REGISTRY, "--where", "azure")
    assert {one["name"]: one["version"] for one in done(publisher, kind, "list", *there)}[publisher.name] == made["version"]
    done(publisher, kind, "archive", f"{publisher.name}:{made['version']}", *there)
    assert publisher.name not in {one["name"] for one in done(publisher, kind, "list", *there)}
    assert done(publisher, kind, "show", f"{publisher.name}:{made['version']}", *there)["version"] == made["version"]
    words = (kind, "list", "--name", publisher.name, "--archived-only", *there)
    if kind == "data":
        assert len(done(publisher, *words)) == 1
    else:
        assert f"azure-ai-ml does not ask a registry which {kind} is archived" in refused(publisher, *words)


def test_the_registry_that_the_environment_names_is_meant_where_none_is_said(publisher):
    made = create(publisher, "data")
    assert "which registry?" in refused(publisher, "data", "share", publisher.name)
    publisher.place(registry=REGISTRY)
    assert done(publisher, "data", "share", publisher.name)["version"] == made["version"]


def test_a_version_of_the_registry_is_never_another_content(publisher):
    create(publisher, "data", "--version", "1")
    done(publisher, "data", "share", f"{publisher.name}:1", "--registry", REGISTRY)
    publisher.project.write("files/a.txt", "two\n")
    create(publisher, "data", "--version", "2")
    words = ("data", "share", f"{publisher.name}:2", "--registry", REGISTRY)
    assert "with other content than" in refused(publisher, *words, "--share-with-version", "1")
    assert done(publisher, *words)["new"]


def test_what_is_not_seen_yet_is_waited_for(publisher, monkeypatch):
    from mlops.azure import sharing

    monkeypatch.setattr(sharing, "PAUSE", 0.05)
    create(publisher, "data", "--version", "1")
    publisher.azure.faults.lag = 0.5
    while not publisher.azure.workspace.versions("data", publisher.name, {}):
        time.sleep(0.05)
    assert done(publisher, "data", "share", f"{publisher.name}:1", "--registry", REGISTRY)["new"]


def test_who_may_not_publish_is_told_so(shop):
    create(shop, "data", "--version", "1")
    code, _, errors = shop.mlops("data", "share", f"{shop.name}:1", "--registry", REGISTRY)
    assert code == 3
    assert "not allowed" in errors
    assert "infra/roles.json" in errors


def test_a_registry_that_is_not_there_is_told(publisher):
    create(publisher, "data", "--version", "1")
    errors = refused(publisher, "data", "share", f"{publisher.name}:1", "--registry", "mlr-nobody")
    assert "there is no registry 'mlr-nobody'" in errors
    assert "make infra ENV=shared" in errors


def test_a_component_is_not_shared_but_created_there_too(publisher):
    made = create(publisher, "component")
    errors = refused(publisher, "component", "share", publisher.name, "--registry", REGISTRY)
    assert f"mlops component create -f FILE.yml --where azure --registry-name {REGISTRY}" in errors
    there = create(publisher, "component", "--registry-name", REGISTRY)
    assert (there["new"], there["version"]) == (True, made["version"])
    assert create(publisher, "component", "--registry-name", REGISTRY)["new"] is False


def test_a_pipeline_takes_component_environment_and_data_from_the_registry(publisher):
    component = create(publisher, "component", "--registry-name", REGISTRY)
    environment = create(publisher, "environment", "--registry-name", REGISTRY)
    publisher.project.write("numbers.txt", "1\n2\n3\n")
    publisher.project.write("numbers.yml", f"name: {publisher.name}n\ntype: uri_file\npath: numbers.txt\n")
    data = done(publisher, "data", "create", "-f", "numbers.yml", "--where", "azure", "--registry-name", REGISTRY)
    assert [one["new"] for one in (component, environment, data)] == [True] * 3
    publisher.project.write(
        "pipeline.yml",
        f"""\
        type: pipeline
        settings: {{default_compute: azureml:cpu-cluster}}
        inputs:
          numbers: {{type: uri_file, path: "{data["reference"]}"}}
        outputs:
          result: {{type: uri_folder}}
        jobs:
          double:
            type: command
            component: {component["reference"]}
            inputs: {{numbers: "${{{{parent.inputs.numbers}}}}"}}
            outputs: {{folder: "${{{{parent.outputs.result}}}}"}}
          count:
            type: command
            command: cat '${{{{inputs.folder}}}}/doubled.txt'
            environment: {environment["reference"]}
            inputs: {{folder: "${{{{parent.jobs.double.outputs.folder}}}}"}}
        """,
    )
    facts = publisher.run()
    assert publisher.project.root.joinpath(facts["outputs"]["result"]["path"], "doubled.txt").read_text() == "2 4 6"


def test_a_busy_service_is_asked_again_and_then_told(shop):
    shop.azure.faults.add(Fault(f"GET .*/data/{shop.name}/versions", status=503, times=1))
    assert create(shop, "data", "--version", "1")["new"]
    shop.azure.faults.add(Fault(f"GET .*/data/{shop.name}/versions", status=503, times=100))
    code, _, errors = shop.mlops("data", "create", "-f", "data.yml", "--where", "azure")
    assert code == 3
    assert "too busy" in errors


def test_a_version_that_another_machine_made_in_the_same_moment_is_taken(shop):
    shop.azure.faults.add(Fault(f"PUT .*/data/{shop.name}/versions", status=409, code="UserError", after=True))
    assert create(shop, "data")["new"] is False
    assert len(done(shop, "data", "list", "--name", shop.name, "--where", "azure")) == 1


def test_the_loopback_takes_no_asset_whose_bytes_are_not_there(shop):
    path = "azureml://datastores/workspaceblobstore/paths/nothing/here"
    with pytest.raises(HttpResponseError, match="There are no bytes of data"):
        bare(shop).data.create_or_update(Data(name=shop.name, version="1", type="uri_folder", path=path))
    assert "There are no bytes of data" in refused(shop, "data", "create", "--name", shop.name, "--path", path, "--where", "azure")


def test_the_loopback_s_newest_is_one_that_is_seen_and_not_archived(shop):
    held = shop.azure.workspace
    create(shop, "data", "--version", "1")
    held.assets["data", shop.name, "1"].created -= 1000
    shop.azure.faults.lag = 500
    bare(shop).data.create_or_update(load_data(shop.project.root / "data.yml", params_override=[{"version": "2"}]))
    assert held.container("data", shop.name)["properties"]["latestVersion"] == "1"
    assert bare(shop).data.get(shop.name, label="latest").version == "1"
    shop.azure.faults.lag = 0
    assert bare(shop).data.get(shop.name, label="latest").version == "2"
    bare(shop).data.archive(shop.name, version="2")
    assert bare(shop).data.get(shop.name, label="latest").version == "1"

"""Files that are no job: an asset is checked as one, anything else is told by its name and with one mistake."""

import pytest

from mlops.cli import main
from mlops.errors import SpecError
from mlops.spec.pipeline import load_pipeline

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/{}.schema.json\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            SCHEMA.format("managedOnlineDeployment") + "name: blue\nendpoint_name: e\nmodel: azureml:m@latest\n",
            "an online deployment's file",
        ),
        (SCHEMA.format("managedOnlineEndpoint") + "name: e\nauth_mode: key\n", "an online endpoint's file"),
        (SCHEMA.format("batchDeployment") + "name: b\n", "a batch deployment's file"),
        (SCHEMA.format("schedule") + "name: nightly\n", "a schedule's file"),
        ("name: blobs\ntype: azure_blob\naccount_name: a\n", "a datastore's file"),
        ("name: c\ntype: amlcompute\nsize: Standard_DS3_v2\n", "a compute's file"),
        (SCHEMA.format("environment") + "name: e\nimage: i\n", "the file of an environment"),
        ("name: d\ntype: uri_file\npath: x.csv\n", "the file of a data asset"),
        ("on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n", "a workflow of GitHub Actions"),
        ("trigger: [main]\npool: {vmImage: ubuntu-24.04}\nsteps: []\n", "a pipeline of Azure DevOps"),
    ],
)
def test_what_is_no_job_is_told_by_its_name_with_one_mistake(tmp_path, text, told):
    (tmp_path / "a.yml").write_text(text)
    with pytest.raises(SpecError) as caught:
        load_pipeline(tmp_path / "a.yml")
    assert len(caught.value.problems) == 1
    assert told in str(caught.value.problems[0])


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "src/project").mkdir(parents=True)
    (tmp_path / "src/project/project.yml").write_text("name: p\nmodels: {}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.parametrize("schema", ["", SCHEMA.format("environment")])
def test_an_asset_s_file_is_checked_as_an_asset(project, capsys, schema):
    (project / "env.yml").write_text(schema + "name: sk\nversion: 1\nimage: python:3.11\n")
    assert main(["check", "env.yml"]) == 0
    (project / "env.yml").write_text(schema + "name: sk\nimage: python:3.11\nconda: c.yml\n")
    assert main(["check", "env.yml"]) == 2
    assert "unknown key 'conda' in an environment" in capsys.readouterr().err


def test_data_that_are_not_there_are_told_where_the_asset_names_them(project, capsys):
    (project / "data.yml").write_text("name: d\ntype: uri_file\npath: x.csv\n")
    assert main(["check", "data.yml"]) == 2
    assert "data.yml:3:7  error: there is no 'x.csv'" in capsys.readouterr().err

"""Which data a model was made from: recorded by the run, the tags of MLflow and the registry, and enough to bring the files back."""

import json
import subprocess

import pytest

from mlops.cli import main
from mlops.datasets.listing import DATA, listing
from mlops.delivery.workspace import open_workspace


@pytest.fixture
def fed(shops):
    """The small project, with a data set among its pipeline's inputs, committed."""
    folder = shops / "data/sales"
    folder.mkdir()
    (folder / "2024-01.csv").write_text("a,b\n1,2\n")
    path = shops / "src/pipelines/train.yml"
    path.write_text(
        path.read_text().replace("inputs: {rows: 3000,", "inputs: {data: {type: uri_folder, path: ../../data/sales}, rows: 3000,")
    )
    (shops / ".gitignore").write_text(".mlops/\n")
    subprocess.run("sha256sum *.csv > SHA256SUMS", shell=True, cwd=folder, check=True)
    for words in (["init", "--quiet"], ["add", "--all"], ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "Begin"]):
        subprocess.run(["git", *words], cwd=shops, check=True)
    return folder


@pytest.mark.slow
def test_a_registered_version_names_its_data_and_brings_them_back_when_they_have_changed(fed, tmp_path, capsys):
    first = listing(fed).version
    assert main(["deliver", "--to", "registry"]) == 0
    (version,) = open_workspace(None).registry.versions("shops")
    assert version.tags[DATA] == json.loads(version.tags["slipway.made"])["inputs"]["data"]["version"] == first
    client = open_workspace(None).registry.store.client
    assert client.get_run(version.run_id).data.tags[DATA] == first
    (fed / "2024-01.csv").write_text("a,b\n9,9\n")
    subprocess.run("sha256sum *.csv > SHA256SUMS", shell=True, cwd=fed, check=True)
    capsys.readouterr()
    assert main(["data", "list", "--json"]) == 0
    listed = {one["version"]: one["models"] for one in json.loads(capsys.readouterr().out)["versions"]}
    assert listed == {first: ["shops v1 (challenger)"], listing(fed).version: []}
    assert main(["data", "restore", "v1", str(tmp_path / "then")]) == 0
    assert (tmp_path / "then/2024-01.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.slow
def test_a_version_without_the_tag_is_traced_by_its_commit(fed):
    from mlops.delivery.catalogue import open_data
    from mlops.delivery.trained import models
    from mlops.release.provenance import MADE

    assert main(["deliver", "--to", "registry"]) == 0
    workspace = open_workspace(None)
    for tag in (DATA, MADE):
        workspace.registry.store.client.delete_model_version_tag("shops", "1", tag)
    (made,) = models(workspace, open_data(workspace))
    assert made.version == listing(fed).version

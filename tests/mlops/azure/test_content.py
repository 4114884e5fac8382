"""The content of an asset: the same whoever registers it, and another where one byte is another."""

import pytest

from mlops.assets.definition import read_definition
from mlops.azure.content import content_of, version_of

KINDS = {
    "data": "name: shops\ntype: uri_folder\npath: files\n",
    "model": "name: shops\ntype: custom_model\npath: files\n",
    "environment": "name: shops\nimage: python:3.11\nconda_file: conda.yml\n",
}


@pytest.fixture
def content(tmp_path):
    """Return what reads the content of a file with these words."""
    tmp_path.joinpath("files").mkdir()
    tmp_path.joinpath("files/a.txt").write_text("a")
    tmp_path.joinpath("conda.yml").write_text("dependencies: [numpy=2.0]\n")

    def of(kind, text=None, **settings):
        path = tmp_path / f"{kind}.yml"
        path.write_text(text or KINDS[kind])
        return content_of(kind, read_definition(path, settings))

    return of


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_name_version_and_description_are_no_content(content, kind):
    assert content(kind) == content(kind, name="others", version="7", description="said otherwise")


@pytest.mark.parametrize("kind", ["data", "model"])
def test_one_byte_more_is_another_content(content, kind, tmp_path):
    before = content(kind)
    tmp_path.joinpath("files/a.txt").write_text("b")
    assert content(kind) != before


def test_what_amlignore_leaves_out_is_not_uploaded_and_does_not_count(content, tmp_path):
    before = content("data")
    tmp_path.joinpath("files/.amlignore").write_text("*.tmp\n.amlignore\n")
    tmp_path.joinpath("files/b.tmp").write_text("b")
    assert content("data") == before


def test_an_environment_is_its_image_and_its_packages(content, tmp_path):
    before = content("environment")
    assert content("environment", image="python:3.12") != before
    assert content("environment", KINDS["environment"] + "os_type: windows\n") != before
    tmp_path.joinpath("conda.yml").write_text("# another comment\ndependencies: [numpy=2.0]\n")
    assert content("environment") == before
    tmp_path.joinpath("conda.yml").write_text("dependencies: [numpy=2.1]\n")
    assert content("environment") != before


def test_an_address_is_the_content_of_what_stays_elsewhere(content):
    assert content("data", path="azureml://datastores/a/paths/b") != content("data", path="azureml://datastores/a/paths/c")


def test_a_version_made_of_it_is_one_that_azure_ml_takes(content):
    assert version_of(content("data")).isalnum()
    assert len(version_of(content("data"))) == 16

"""The YAML of assets: what is taken as az ml takes it, and what is a mistake at its line."""

from __future__ import annotations

import pytest
from tests.mlops.assets.workshop import CEREAL, Workshop

from mlops.assets.definition import read_definition, read_draft, settings_of
from mlops.errors import SpecError, UsageError


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("data", "name: a\ntype: uri_fil\npath: cereal.csv\n", r"data.yml:2:7(.|\n)*did you mean \"uri_file\""),
        ("data", "name: a\ntype: uri_file\npath: cereal.tsv\n", r"data.yml:3:7(.|\n)*there is no 'cereal.tsv'"),
        ("data", "name: a\npath: cereal.csv\n", r"data.yml:2:7(.|\n)*Use type: uri_file"),
        ("data", "name: a b\npath: .\n", r"data.yml:1:7(.|\n)*cannot name an asset"),
        ("data", "name: a\npath: .\npathh: .\n", r"data.yml:3:1(.|\n)*unknown key 'pathh'"),
        ("data", "path: .\n", r"needs a `name`"),
        ("data", "name: a\nsource: {type: database}\npath: x\n", r"data.yml:2:1(.|\n)*import"),
        ("model", "name: a\ntype: mlflow_model\npath: .\n", r"model.yml:3:7(.|\n)*MLmodel"),
        ("environment", "name: a\n", r"an `image` or a `build`"),
        ("environment", "name: a\nimage: x\nconda_file: conda.yml\n", r"environment.yml:3:13(.|\n)*no conda file"),
        ("environment", "channels: [conda-forge]\ndependencies: [python=3.11]\n", r"this is a conda file"),
    ],
)
def test_a_mistake_is_told_at_its_line(shop: Workshop, kind: str, text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        shop.create(kind, text)


def test_the_command_line_counts_before_the_file(shop: Workshop) -> None:
    draft = read_draft("data", read_definition(shop.write("data.yml", CEREAL), settings_of(["name=oats", "version=2", "tags.team=blue"])))
    assert (draft.name, draft.version, draft.described) == ("oats", "2", {"tags": {"team": "blue"}})
    with pytest.raises(UsageError, match="KEY=VALUE"):
        settings_of(["name"])


def test_an_environment_holds_what_its_conda_file_says(shop: Workshop) -> None:
    shop.write("conda.yml", "dependencies: [python=3.11, {pip: [six==1.16.0]}]\n")
    shop.create("environment", "{name: small, image: some/image, conda_file: conda.yml}")
    shop.write("conda.yml", "dependencies: []\n")
    found = shop.assets.environment("azureml:small@latest")
    assert (found["image"], found["conda_file"]["dependencies"][1]) == ("some/image", {"pip": ["six==1.16.0"]})


def test_what_is_elsewhere_is_looked_up_when_it_is_used(shop: Workshop) -> None:
    made = shop.create("data", "{name: far, type: uri_file, path: 'azureml://datastores/blob/paths/x.csv'}")
    assert (made.path, made.digest) == ("", "")
    kept = shop.write(".mlops/datastore/blob/x.csv", "1\n")
    assert shop.assets.data("azureml:far:1", "uri_file") == kept

"""The rule file: which addresses it is about, and where they lie."""

from __future__ import annotations

import pytest
from tests.mlops.assets.workshop import Workshop

from mlops.assets.rules import read_rules
from mlops.errors import SpecError, UsageError


@pytest.mark.parametrize(
    "address",
    [
        "https://examples.blob.core.windows.net/datasets/iris/iris.csv",
        "https://examples.blob.core.windows.net/datasets/iris/iris.csv?sv=1&sig=x",
        "wasbs://datasets@examples.blob.core.windows.net/iris/iris.csv",
        "abfss://datasets@examples.dfs.core.windows.net/iris/iris.csv",
    ],
)
def test_one_line_maps_a_container_however_it_is_addressed(shop: Workshop, address: str) -> None:
    kept = shop.write("samples/iris/iris.csv", "1\n")
    shop.write("data/paths.yml", "wasbs://datasets@examples.blob.core.windows.net/: samples\n")
    assert shop.assets.data(address, "uri_file") == kept


def test_the_longest_beginning_decides_and_a_beginning_is_of_whole_names(shop: Workshop) -> None:
    shop.write("data/paths.yml", "https://example.com/a: one\nhttps://example.com/a/b: two\nazureml:iris:1: three.csv\n")
    for name in ("one/x.csv", "two/x.csv", "three.csv"):
        shop.write(name, "")
    rules = read_rules(shop.root)
    found = {text: rules.apply(text) for text in ("https://example.com/a/x.csv", "https://example.com/a/b/x.csv", "azureml:iris:1")}
    assert [str(path.relative_to(shop.root)) for path in found.values() if path] == ["one/x.csv", "two/x.csv", "three.csv"]
    assert rules.apply("https://example.com/abc/x.csv") is None
    assert rules.apply("azureml:iris:12") is None


def test_a_rule_about_an_asset_is_about_all_of_its_versions(shop: Workshop) -> None:
    shop.write("data/paths.yml", "azureml:cereal: cereal.csv\nazureml://registries/azureml/components/c: cereal.csv\n")
    addresses = ["azureml:cereal:1", "azureml:cereal@latest", "azureml:cereal", "azureml://registries/azureml/components/c/versions/2"]
    assert {read_rules(shop.root).apply(address) for address in addresses} == {shop.root / "cereal.csv"}
    assert read_rules(shop.root).apply("azureml:cereals:1") is None


def test_a_curated_environment_can_be_mapped_to_one_whose_packages_are_known(shop: Workshop) -> None:
    shop.write("data/paths.yml", "azureml:AzureML-sklearn-1.5: images/sklearn.yml\n")
    shop.write("images/sklearn.yml", "image: some/image\nconda_file: conda.yml\n")
    shop.write("images/conda.yml", "dependencies: [python=3.11, {pip: [scikit-learn==1.5.1]}]\n")
    found = shop.assets.environment("azureml:AzureML-sklearn-1.5@latest")
    assert found["conda_file"]["dependencies"][1] == {"pip": ["scikit-learn==1.5.1"]}


def test_a_rule_that_leads_to_nothing_names_its_line(shop: Workshop) -> None:
    shop.write("data/paths.yml", "# examples\nhttps://example.com/: samples\n")
    with pytest.raises(UsageError, match=r"data/paths.yml:2 leads to .*samples/x.csv"):
        shop.assets.data("https://example.com/x.csv", "uri_file")


def test_no_address_leads_out_of_the_folder_of_its_rule(shop: Workshop) -> None:
    shop.write("data/paths.yml", "https://example.com/: samples\n")
    shop.write("samples/x.csv", "")
    with pytest.raises(UsageError, match="leads out of"):
        shop.assets.data("https://example.com/../cereal.csv", "uri_file")


def test_a_rule_about_a_local_path_is_a_mistake_at_its_line(shop: Workshop) -> None:
    shop.write("data/paths.yml", "https://example.com/: samples\n./here: there\nhttps://example.org/: 3\n")
    with pytest.raises(SpecError, match=r"paths.yml:2:1(.|\n)*paths.yml:3:") as caught:
        read_rules(shop.root)
    assert len(caught.value.problems) == 2

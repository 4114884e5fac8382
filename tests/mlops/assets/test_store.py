"""Versions of assets: what never changes, what `latest` is, what archiving does."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.mlops.assets.workshop import CEREAL, Workshop

from mlops.assets.definition import read_definition, read_draft
from mlops.assets.reference import parse
from mlops.errors import UsageError


def test_without_a_version_the_next_number_is_taken(shop: Workshop) -> None:
    assert [shop.create("data", CEREAL).version, shop.create("data", CEREAL).version] == ["1", "2"]
    assert shop.create("data", CEREAL, version="7").version == "7"
    assert shop.create("data", CEREAL).version == "8"


def test_what_is_registered_does_not_change_with_its_source(shop: Workshop) -> None:
    shop.create("data", CEREAL)
    shop.write("cereal.csv", "name,sugars\noats,0\n")
    kept = shop.assets.data("azureml:cereal:1", "uri_file")
    assert kept.read_text() == "name,sugars\nbran,6\n"
    assert kept.name == "cereal.csv"
    assert not kept.stat().st_mode & 0o222


def test_the_same_content_again_is_the_same_version(shop: Workshop) -> None:
    first = shop.create("data", CEREAL, version="1")
    assert shop.create("data", CEREAL, version="1") == first


def test_other_content_under_a_version_is_refused_and_the_next_free_one_is_named(shop: Workshop) -> None:
    shop.create("data", CEREAL, version="3")
    shop.write("cereal.csv", "name,sugars\noats,0\n")
    with pytest.raises(UsageError, match=r"cereal:3 is registered already(.|\n)*--set version=4"):
        shop.create("data", CEREAL, version="3")


def test_latest_is_the_newest_created_whatever_its_number(shop: Workshop) -> None:
    shop.create("data", CEREAL, version="9")
    shop.create("data", CEREAL, version="2")
    assert [shop.assets.store.find("data", parse(f"azureml:cereal{which}")).version for which in ("", "@latest", ":9")] == ["2", "2", "9"]


def test_an_archived_version_is_passed_over_by_latest_and_can_still_be_named(shop: Workshop) -> None:
    shop.create("data", CEREAL)
    shop.create("data", CEREAL)
    store = shop.assets.store
    store.archive("data", parse("azureml:cereal:2"))
    assert [store.find("data", parse(f"azureml:cereal{which}")).version for which in ("@latest", ":2")] == ["1", "2"]
    store.archive("data", parse("azureml:cereal"))
    with pytest.raises(UsageError, match=r"mlops data restore --name cereal"):
        store.find("data", parse("azureml:cereal"))
    store.archive("data", parse("azureml:cereal"), archived=False)
    assert store.find("data", parse("azureml:cereal")).version == "2"


def test_bytes_are_kept_once_however_many_versions_have_them(shop: Workshop) -> None:
    for _ in range(3):
        shop.create("data", CEREAL)
    assert len([path for path in (shop.home / "assets/objects").rglob("*") if path.is_file()]) == 1


def test_what_amlignore_leaves_out_is_not_kept(shop: Workshop) -> None:
    for name, text in {"set/a.csv": "a", "set/secret.key": "k", "set/.amlignore": "*.key\n"}.items():
        shop.write(name, text)
    shop.create("data", "{name: set, path: set}")
    assert sorted(path.name for path in shop.assets.data("azureml:set:1").iterdir()) == [".amlignore", "a.csv"]


def test_a_reference_that_is_nowhere_names_itself_and_the_command_that_would_add_it(shop: Workshop) -> None:
    shop.create("data", CEREAL)
    with pytest.raises(UsageError, match=re.escape("mlops data create -f FILE.yml --set name=cereal version=4")) as caught:
        shop.assets.data("azureml:cereal:4")
    assert "'azureml:cereal:4' is not on this machine" in caught.value.message
    with pytest.raises(UsageError, match="Did you mean cereal"):
        shop.assets.data("azureml:cereals@latest")
    with pytest.raises(UsageError, match="no label 'best'"):
        shop.assets.data("azureml:cereal@best")


def test_versions_that_are_made_at_once_have_different_numbers(shop: Workshop) -> None:
    draft = read_draft("data", read_definition(shop.write("data.yml", CEREAL), {}))
    with ThreadPoolExecutor(8) as pool:
        made = [one.version for one in pool.map(lambda _: shop.assets.store.create(draft), range(8))]
    assert sorted(made) == [str(number) for number in range(1, 9)]

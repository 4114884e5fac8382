"""What a person who knows `az ml` types."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.mlops.assets.workshop import CEREAL, COUNT, SCRIPT, Workshop

from mlops.cli import main


@pytest.fixture
def here(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.chdir(shop.root)
    for name, text in {"code/count.py": SCRIPT, "count.yml": COUNT, "cereal.yml": CEREAL}.items():
        shop.write(name, text)
    assert main(["data", "create", "-f", "cereal.yml"]) == 0
    assert main(["component", "create", "-f", "count.yml"]) == 0
    return shop


def facts(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_options_say_what_a_file_would(here: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "create", "--name", "oats", "--version", "4", "--path", "cereal.csv", "--type", "uri_file", "--set", "tags.by=me"]
    assert facts(capsys, *words)["reference"] == "azureml:oats:4"
    assert facts(capsys, "data", "show", "oats:4")["tags"] == {"by": "me"}
    assert facts(capsys, "data", "show", "--name", "oats", "--version", "4")["digest"].startswith("sha256:")


def test_lists_leave_archived_versions_out_unless_they_are_asked_for(here: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    facts(capsys, "component", "archive", "count")
    assert facts(capsys, "component", "list") == []
    assert [one["archived"] for one in facts(capsys, "component", "list", "--include-archived")] == [True]
    facts(capsys, "component", "restore", "count")
    facts(capsys, "data", "archive", "--name", "cereal")
    facts(capsys, "data", "restore", "--name", "cereal")
    assert [len(facts(capsys, kind, "list")) for kind in ("component", "data")] == [1, 1]

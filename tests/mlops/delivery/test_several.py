"""A project of two models: what only looks shows both, and what acts asks which."""

import json

import pytest

from mlops.cli import main


@pytest.fixture
def two(shops):
    path = shops / "src/project/project.yml"
    text = path.read_text()
    path.write_text(text + text[text.index("  shops:") :].replace("  shops:", "  stalls:", 1))
    yield shops
    path.write_text(text)


def test_status_shows_each_model_and_json_is_a_list_of_them(two, capsys):
    assert main(["status"]) == 0
    lines = [line.split()[:3] for line in capsys.readouterr().out.splitlines()]
    empty = [["staging", "nothing", "yet"], ["production", "nothing", "yet"]]
    assert lines == [["shops"], *empty, ["stalls"], *empty]
    assert main(["status", "--json"]) == 0
    assert [facts["model"] for facts in json.loads(capsys.readouterr().out)["models"]] == ["shops", "stalls"]
    assert main(["status", "--model", "stalls", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "stalls"


def test_what_acts_asks_which_model_unless_all_are_meant(two, capsys):
    assert main(["stop"]) == 2
    assert "which model?" in capsys.readouterr().err
    assert main(["stop", "--all"]) == 0


@pytest.mark.slow
def test_the_versions_of_each_model_are_listed(two, capsys):
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert said == "shops has no version yet: make run MODEL=shops\nstalls has no version yet: make run MODEL=stalls\n"

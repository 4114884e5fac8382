"""`mlops contract docs`: Great Expectations' own pages, from the results that are kept."""

import json

import pytest

from mlops.cli import main
from mlops.contract.check import check
from mlops.contract.docs import build
from mlops.contract.record import record
from mlops.contract.standard import load
from mlops.errors import UsageError


@pytest.mark.slow
def test_the_pages_show_each_frame_and_what_failed(write, trips, tmp_path):
    verdict = check(load(write()), {"trips": trips.assign(city="Rome")})
    kept = json.loads(json.dumps(record(verdict, {}, 12)))
    assert build(kept, tmp_path / "docs") == tmp_path / "docs/index.html"
    (page,) = (tmp_path / "docs/validations/trips rows").rglob("*.html")
    assert "Rome" in page.read_text()
    assert "trips rows" in (tmp_path / "docs/index.html").read_text()


@pytest.mark.slow
def test_data_are_checked_now_where_no_run_did(write, trips, tmp_path, capsys):
    trips.to_parquet(tmp_path / "trips.parquet")
    assert main(["contract", "docs", "--contract", str(write()), "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "data-docs/index.html")


@pytest.mark.parametrize("out", ["precious", ".", "precious/thesis.txt", "link"])
def test_a_folder_of_something_else_is_refused_before_anything_is_checked(tmp_path, monkeypatch, capsys, out):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/thesis.txt").write_text("mine")
    (tmp_path / "link").symlink_to("precious")
    monkeypatch.chdir(tmp_path)
    assert main(["contract", "docs", "--contract", "none.odcs.yml", "--data", ".", "--out", out]) == 2
    assert "Data Docs take a folder of their own" in capsys.readouterr().err
    assert (tmp_path / "precious/thesis.txt").read_text() == "mine"


@pytest.mark.slow
def test_pages_take_the_place_of_older_pages_and_of_nothing_else(tmp_path):
    build({"results": {}}, tmp_path / "docs")
    build({"results": {}}, tmp_path / "docs")
    assert [path.name for path in tmp_path.iterdir()] == ["docs"]
    (tmp_path / "docs/note.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"note\.txt lies in it"):
        build({"results": {}}, tmp_path / "docs")


def test_a_run_that_checked_nothing_is_told(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "runs/1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text('{"run": 1, "name": "calm-heron", "state": "failed", "steps": {}}')
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path))
    assert main(["contract", "docs", "1"]) == 1
    assert "no results of Great Expectations" in capsys.readouterr().err

"""The verbs about contracts: whose contract, which tables, and what is left to read."""

import json

import pandas as pd
import pytest

from mlops.cli import main

PROJECT = """\
name: two
models:
  trips: {package: src/trips, pipeline: src/pipelines/trips/train.yml, contract: data/trips.odcs.yml, target: fare, task: regression, keys: [id]}
  other: {package: src/other, pipeline: src/pipelines/other/train.yml, contract: data/other.odcs.yml, target: fare, task: regression, keys: [id]}
"""


@pytest.fixture
def two(write, trips, tmp_path, monkeypatch):
    """A project of two models with the same tables; the newest run is the other's, and its trips are too long."""
    for name, folder, miles in (("trips", "1", trips.miles), ("other", "2", 500.0)):
        raw = tmp_path / ".mlops/runs" / folder / "steps/import/outputs/raw"
        raw.mkdir(parents=True)
        trips.assign(miles=miles).to_parquet(raw / "trips.parquet")
        facts = {
            "run": int(folder),
            "name": f"run-{folder}",
            "state": "succeeded",
            "model": name,
            "pipeline": f"src/pipelines/{name}/train.yml",
        }
        (raw.parents[3] / "run.json").write_text(json.dumps(facts))
        for file in (f"data/{name}.odcs.yml", f"src/pipelines/{name}/train.yml"):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(write().read_text())
    (tmp_path / "src/project").mkdir()
    (tmp_path / "src/project/project.yml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_of_two_models_each_is_held_against_its_own_tables(two, capsys):
    assert main(["contract", "check", "--model", "trips"]) == 0
    assert main(["contract", "check", "--model", "other"]) == 1
    assert main(["contract", "check", "--contract", "data/trips.odcs.yml"]) == 0
    capsys.readouterr()
    assert main(["contract", "check"]) == 2
    assert "--model (make: MODEL=): trips, other" in capsys.readouterr().err


def test_what_a_check_found_is_on_a_page(two, capsys):
    assert main(["contract", "check", "--model", "other", "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out.splitlines()[0])["page"] == ".mlops/contract/other/report.html"
    assert "mlops contract check: 2024-01, 2024-02, 2024-03 break the contract" in told.err
    assert "Full page: .mlops/contract/other/report.html" in told.err
    assert "The data breaks its contract" in (two / ".mlops/contract/other/report.html").read_text()


def test_rows_for_quarantine_are_written_and_those_of_the_check_before_are_not_left(two, trips, capsys):
    trips.assign(city=["Rome", *trips.city[1:]]).to_parquet(two / "trips.parquet")
    command = ["contract", "check", "--model", "trips", "--json", "--data"]
    assert main([*command, "."]) == 0
    (file,) = json.loads(capsys.readouterr().out)["quarantine"]
    assert pd.read_parquet(file).reasons.tolist() == ["city must be one of York, Bath"]
    trips.to_parquet(two / "trips.parquet")
    assert main([*command, "."]) == 0
    assert not (two / file).exists()


def test_tables_are_read_in_the_form_that_they_are_in(two, trips, write):
    """As data/ has them: a table as CSV, and another as a folder of months."""
    more = "  - name: cities\n    properties: [{name: town, logicalType: string}]\n"
    (two / "both.odcs.yml").write_text(write().read_text() + more)
    (two / "tables/trips").mkdir(parents=True)
    for month, part in trips.groupby("month"):
        part.to_csv(two / f"tables/trips/{month}.csv", index=False)
    (two / "tables/cities.csv").write_text("town,founded\nYork,71\nBath,60\nRome,-753\n")
    assert main(["contract", "check", "--contract", "both.odcs.yml", "--data", "tables"]) == 0

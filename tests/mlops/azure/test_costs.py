"""`mlops costs`: hours of steps times prices of machines, for small pipelines whose runs are known."""

import json
import shutil
from pathlib import Path

import pytest
from tests.mlops.azure.stand_in import settle

from mlops.azure.estimate import Cluster, machine_of
from mlops.azure.prices import read_prices
from mlops.cli import main
from mlops.errors import UsageError

PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:cpu-cluster}
jobs:
  small:
    type: command
    command: echo hello > ${{outputs.said}}
    environment: azureml:any@latest
    outputs: {said: {type: uri_file}}
  large:
    type: command
    command: cat ${{inputs.said}}
    environment: azureml:any@latest
    compute: azureml:gpu
    resources: {instance_count: 2}
    inputs:
      said: {type: uri_file, path: "${{parent.jobs.small.outputs.said}}"}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline of two steps: one on the environment's cluster (0.04 an hour), one on two machines of 1.00 an hour; it ran here twice."""
    settle(tmp_path)
    prices = tmp_path / "infra/prices.yml"
    prices.write_text(
        "currency: EUR\nregion: westeurope\ndate: 2026-11-30\nprices:\n  Standard_D4s_v5: {Dedicated: 0.2, LowPriority: 0.04}\n"
        "  Standard_NC4: {Dedicated: 1.0}\ncomputes: {gpu: Standard_NC4}\nassume: {start_minutes: 6, idle_minutes: 6, fastest: 0.5, slowest: 2}\n"
    )
    (tmp_path / "pipeline.yml").write_text(
        PIPELINE.replace('{type: uri_file, path: "${{parent.jobs.small.outputs.said}}"}', "${{parent.jobs.small.outputs.said}}")
    )
    for number, seconds in ((1, 3600), (2, 7200)):
        steps = {"small": {"state": "finished", "seconds": seconds}, "large": {"state": "finished", "seconds": 3600.0}}
        record(tmp_path, number, steps)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def record(place: Path, number: int, steps: dict, pipeline: str = "pipeline.yml") -> None:
    folder = place / f".mlops/runs/{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"run": number, "state": "completed", "pipeline": pipeline, "steps": steps, "outputs": {}}))


def facts(capsys, *more: str) -> dict:
    assert main(["costs", "pipeline.yml", "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_hours_of_the_runs_times_the_price_of_the_machine(place: Path, capsys) -> None:
    told = facts(capsys)
    small, large = told["steps"]
    assert small["machine"] == {"size": "Standard_D4s_v5", "priority": "LowPriority", "count": 1}
    assert small["hours"] == {"least": 0.5, "likely": 1.5, "most": 4.0}
    assert small["cost"] == pytest.approx({"least": 0.02, "likely": 0.06, "most": 0.16})
    assert small["known_from"] == "2 runs here"
    assert large["machine"] == {"size": "Standard_NC4", "priority": "Dedicated", "count": 2}
    assert large["cost"] == pytest.approx({"least": 1.0, "likely": 2.0, "most": 4.0})
    assert told["currency"] == "EUR"


def test_machines_start_and_rest_once_in_a_run(place: Path, capsys) -> None:
    told = facts(capsys)
    assert told["start_and_idle"] == pytest.approx({"least": 0.0, "likely": 0.2 * (0.04 + 2.0), "most": 0.2 * (0.04 + 2.0)})
    assert told["total"]["likely"] == pytest.approx(0.06 + 2.0 + 0.408)


def test_production_has_its_own_machines(place: Path, capsys) -> None:
    small = facts(capsys, "--env", "production")["steps"][0]
    assert small["machine"]["priority"] == "Dedicated"
    assert small["cost"]["likely"] == pytest.approx(1.5 * 0.2)


def test_what_a_person_says_goes_before_what_was_measured(place: Path, capsys) -> None:
    small, large = facts(capsys, "--hours", "small=3", "--hours", "9")["steps"]
    assert (small["hours"]["likely"], small["known_from"]) == (3.0, "given")
    assert (large["hours"]["likely"], large["known_from"]) == (1.0, "2 runs here")


def test_steps_that_were_reused_or_of_other_pipelines_tell_nothing(place: Path, capsys) -> None:
    shutil.rmtree(place / ".mlops")
    record(place, 1, {"small": {"state": "reused", "seconds": 0.01}, "large": {"state": "failed", "seconds": 5.0}})
    record(place, 2, {"small": {"state": "finished", "seconds": 5.0}, "large": {"state": "finished", "seconds": 5.0}}, "other.yml")
    assert main(["costs", "pipeline.yml"]) == 2
    assert "nobody knows how long small, large would take" in capsys.readouterr().err
    assert {line["hours"]["likely"] for line in facts(capsys, "--hours", "0.5")["steps"]} == {0.5}


def test_the_table_says_what_it_assumes(place: Path, capsys) -> None:
    assert main(["costs", "pipeline.yml"]) == 0
    told = capsys.readouterr().out
    assert "EUR, westeurope, prices of 2026-11-30" in told
    assert "2 x Standard_NC4 Dedicated" in told
    assert "Assumed: a machine there takes 0.5 to 2 times as long as this one; it starts in 6 minutes and rests for 6" in told
    assert "Not counted: storage" in told


def test_on_this_machine_nobody_sends_a_bill(place: Path, capsys) -> None:
    assert facts(capsys, "--where", "local") == {"where": "local", "total": 0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["costs"], "which pipeline?"),
        (["costs", "pipeline.yml", "--hours", "middle=1"], "has no step middle"),
        (["costs", "pipeline.yml", "--hours", "soon"], "'soon' is no number"),
        (["costs", "pipeline.yml", "--hours", "-1"], "is no length of time"),
        (["costs", "pipeline.yml", "--env", "qa"], "there is no infra/qa.bicepparam"),
    ],
)
def test_a_request_that_makes_no_sense_is_told(place: Path, capsys, words: list[str], said: str) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("computes: {gpu: Standard_NC4}", "computes: {}", "large runs on 'gpu', and nobody says which machine"),
        ("{Dedicated: 1.0}", "{}", "no price of Standard_NC4, Dedicated"),
    ],
)
def test_a_machine_or_a_price_that_is_not_known_is_told(place: Path, capsys, old: str, new: str, said: str) -> None:
    path = place / "infra/prices.yml"
    path.write_text(path.read_text().replace(old, new))
    assert main(["costs", "pipeline.yml"]) == 2
    assert said in capsys.readouterr().err


def test_serverless_names_its_machine_itself(place: Path) -> None:
    prices, cluster = read_prices(place), Cluster("cpu-cluster", "Standard_D4s_v5", "Dedicated")
    told = machine_of("a", {"resources": {"instance_type": "Standard_NC4"}, "queue_settings": {"job_tier": "Spot"}}, "", cluster, prices)
    assert (told.size, told.priority) == ("Standard_NC4", "LowPriority")
    with pytest.raises(UsageError, match="no compute that it names"):
        machine_of("a", {}, "", cluster, prices)

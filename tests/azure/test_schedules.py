"""Schedules in a workspace: one for a name, due by a clock that the test moves, and then their jobs really run. azure-ai-ml itself asks."""

from __future__ import annotations

import json
import shutil
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.azure.hurry import hurry
from tests.azure.loopback import Fault
from tests.mlops.delivery.conftest import FILES

pytestmark = [pytest.mark.slow, pytest.mark.e2e]

ROOT = Path(__file__).parents[2]
SCHEDULE = """\
$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json
name: nightly
trigger:
  type: cron
  expression: "0 4 * * *"
  start_time: "2026-01-01T00:00:00"
create_job:
  type: pipeline
  job: ./pipeline.yml
  experiment_name: nights
"""


@pytest.fixture
def nightly(there):
    there.sign_in(there.azure.ci)
    there.project.write("schedules.yml", SCHEDULE)
    there.azure.jobs.runs = False
    there.azure.schedules.clock = datetime(2026, 12, 1, 12, tzinfo=UTC)
    return there


def create(there, *words, code=0):
    ended, out, errors = there.mlops("schedule", "create", "-f", "schedules.yml", "--where", "azure", "--json", *words)
    assert ended == code, errors
    return json.loads(out) if not code else errors


def puts(there):
    return [call for call in there.azure.calls if call.method == "PUT" and "/schedules/" in call.path]


def listed(there):
    return {one["name"]: one for one in json.loads(there.mlops("schedule", "list", "--json")[1])}


@pytest.mark.slow
def test_twice_the_same_is_one_schedule_and_a_change_is_that_one_changed(nightly):
    assert create(nightly)["how"] == "new"
    assert create(nightly)["how"] == "same"
    assert len(puts(nightly)) == 1
    nightly.project.edit("schedules.yml", "0 4", "0 5")
    assert create(nightly)["how"] == "changed"
    nightly.project.edit("code/double.py", "import", "import os\nimport")  # the code of its pipeline is part of it
    assert create(nightly)["how"] == "changed"
    assert [call.status for call in puts(nightly)] == [201, 200, 200]
    assert listed(nightly).keys() == {"nightly"}
    assert listed(nightly)["nightly"]["trigger"]["expression"] == "0 5 * * *"


def test_one_that_was_stopped_stays_so_until_it_is_let_go_on(nightly):
    create(nightly)
    assert "off" in nightly.mlops("schedule", "disable", "nightly")[1]
    assert "off already" in nightly.mlops("schedule", "disable", "nightly")[1]
    nightly.project.edit("schedules.yml", "0 4", "0 5")
    assert create(nightly)["enabled"] is False
    assert nightly.azure.schedules.tick(datetime(2026, 12, 3, 12, tzinfo=UTC)) == []
    assert "on" in nightly.mlops("schedule", "enable", "nightly")[1]
    assert nightly.azure.schedules.tick(datetime(2026, 12, 4, 12, tzinfo=UTC)) == ["nightly-20261204T050000Z"]


def test_deleted_it_is_gone_and_a_name_that_is_none_is_told(nightly):
    create(nightly)
    assert nightly.mlops("schedule", "delete", "nightly")[0] == 0
    assert listed(nightly) == {}
    for verb in ("show", "enable", "disable", "delete", "trigger"):
        code, _, errors = nightly.mlops("schedule", verb, "nightly")
        assert (code, "there is no schedule 'nightly'" in errors) == (2, True)


def test_a_mistake_is_told_before_anything_is_asked(nightly):
    nightly.project.edit("schedules.yml", "0 4 * * *", "0 4 1 * *")
    assert "Azure ML ignores days" in create(nightly, code=2)
    assert nightly.azure.calls == []


def test_who_may_not_is_told(nightly):
    nightly.sign_in(nightly.azure.reader)
    assert "not allowed" in create(nightly, code=3)
    assert nightly.azure.schedules.found == {}


def test_a_creation_that_fails_late_is_told_and_can_be_tried_again(nightly):
    nightly.azure.schedules.late["nightly"] = "The pipeline cannot be validated."
    assert "The pipeline cannot be validated." in create(nightly, code=2)
    assert create(nightly)["how"] == "new"


def test_an_answer_that_was_lost_makes_no_second(nightly):
    nightly.azure.faults.add(Fault("PUT .*/schedules/", drop=True, after=True))
    create(nightly)
    assert listed(nightly).keys() == {"nightly"}


@pytest.mark.slow
@pytest.mark.e2e
def test_what_is_due_is_submitted_and_really_runs(nightly):
    nightly.azure.jobs.runs = True
    create(nightly)
    names = nightly.azure.schedules.tick(datetime(2026, 12, 3, 4, tzinfo=UTC))
    assert names == ["nightly-20261202T040000Z", "nightly-20261203T040000Z"]
    for thread in list(nightly.azure.jobs._threads):
        thread.join()
    for name in names:
        job = nightly.azure.jobs.get(name)
        assert (job.status, job.error) == ("Completed", "")
        assert job.properties["experimentName"] == "nights"


@pytest.mark.slow
@pytest.mark.e2e
def test_triggered_it_is_done_once_now(nightly):
    create(nightly)
    code, out, errors = nightly.mlops("schedule", "trigger", "nightly", "--json")
    assert code == 0, errors
    assert json.loads(out)["job"] in nightly.azure.jobs.found


def test_a_job_of_the_workspace_is_run_again(nightly):
    nightly.azure.jobs.runs = False
    create(nightly)
    first = nightly.azure.schedules.tick(datetime(2026, 12, 2, 4, tzinfo=UTC))[0]
    nightly.project.write(
        "schedules.yml", SCHEDULE.partition("create_job")[0].replace("nightly", "again") + f"create_job: azureml:{first}\n"
    )
    assert create(nightly)["how"] == "new"
    body = puts(nightly)[-1].body["properties"]["action"]["jobDefinition"]
    assert body["sourceJobId"] == first  # azure-ai-ml sends the name, where the description speaks of an ARM id
    nightly.azure.schedules.tick(datetime(2026, 12, 3, 4, tzinfo=UTC))
    again = nightly.azure.jobs.get("again-20261203T040000Z").properties
    assert again["jobs"] == nightly.azure.jobs.get(first).properties["jobs"]


def test_what_is_sent_is_what_azure_ai_ml_sends_of_the_same_file_but_for_our_tag(nightly):
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities._load_functions import load_schedule
    from azure.identity import EnvironmentCredential

    own = nightly.azure.workspace
    create(nightly)
    client = MLClient(EnvironmentCredential(), own.subscription, own.group, own.name, show_progress=False)
    client.schedules.begin_create_or_update(load_schedule(nightly.project.root / "schedules.yml")).result()
    ours, bare = (call.body["properties"] for call in puts(nightly))
    assert ours.pop("tags").keys() == {"slipway.digest"}
    assert (ours.pop("isEnabled"), bare.pop("tags", {})) == (True, {})
    assert ours == bare


def test_without_a_start_the_first_run_is_at_once_and_that_is_told(nightly):
    nightly.project.edit("schedules.yml", '  start_time: "2026-01-01T00:00:00"\n', "")
    assert "as soon as it is created" in nightly.mlops("schedule", "show", "-f", "schedules.yml")[1]
    create(nightly)
    assert [name for name, _, _ in nightly.azure.schedules.submitted] == ["nightly"]


@pytest.mark.slow
def test_the_times_that_are_told_are_those_that_the_service_keeps(nightly):
    """Two computations that share no code."""
    from mlops.spec.schedule import load_schedule

    began = datetime(2026, 12, 1, 12, tzinfo=UTC)
    nightly.azure.schedules.clock = began
    triggers = {
        "a": '{type: cron, expression: "*/20 3-5 * * mon,thu", time_zone: W. Europe Standard Time}',
        "b": '{type: recurrence, frequency: week, interval: 2, start_time: "2026-11-30T00:00:00", schedule: {hours: [1, 5], minutes: 30, week_days: [tuesday, sunday]}}',
        "c": '{type: recurrence, frequency: month, interval: 1, start_time: "2026-11-30T06:15:00"}',
        "d": '{type: recurrence, frequency: hour, interval: 7, start_time: "2026-11-30T06:15:00"}',
    }
    expected = []
    for name, text in triggers.items():
        nightly.project.write("schedules.yml", f"name: {name}\ntrigger: {text}\ncreate_job: ./pipeline.yml\n")
        create(nightly)
        until = began + timedelta(days=40)
        for at in load_schedule(nightly.project.root / "schedules.yml").trigger.times(began):
            if at > until:
                break
            expected.append((at.astimezone(UTC), name))
    nightly.azure.schedules.submitted.clear()
    nightly.azure.schedules.tick(until)
    assert [(at, name) for name, at, _ in nightly.azure.schedules.submitted] == sorted(expected)


@pytest.mark.slow
@pytest.mark.e2e
def test_the_schedules_of_the_example_are_put_and_submit_the_pipelines_that_they_name(nightly):
    for folder in ("src/pipelines", "src/project", "environments/images"):
        shutil.copytree(ROOT / folder, nightly.project.root / folder, dirs_exist_ok=True)
    nightly.project.write("data/flights.odcs.yml", (ROOT / "data/flights.odcs.yml").read_text())
    (nightly.project.root / "data/nycflights13").mkdir()
    body = {"modelUri": "azureml://datastores/workspaceblobstore/paths/m", "modelType": "mlflow_model"}
    container, folder = nightly.azure.workspace.held_at(body["modelUri"])
    nightly.azure.workspace.blobs.get_container_client(container).upload_blob(f"{folder}/MLmodel", b"flavors: {}")
    nightly.azure.workspace.create("models", "flights", "1", {"properties": body})
    for name in ("retrain", "score"):
        file = f"src/pipelines/schedules/{name}.yml"
        code, _, errors = nightly.mlops("schedule", "create", "-f", file, "--where", "azure")
        assert code == 0, errors
    nightly.azure.schedules.tick(datetime(2026, 12, 8, 12, tzinfo=UTC))
    found = [(name, f"{at:%a %H:%M}") for name, at, _ in nightly.azure.schedules.submitted]
    assert found.count(("flights-retrain", "Mon 03:00")) == 1, "four in the morning in Berlin"
    assert sum(name == "flights-score" for name, _ in found) == 7
    job = next(one for name, _, one in nightly.azure.schedules.submitted if name == "flights-retrain")
    properties = nightly.azure.jobs.get(job).properties
    assert properties["inputs"]["data"]["uri"].endswith("/datastores/workspaceblobstore/paths/nycflights13")
    assert set(properties["jobs"]) == {"import", "validate", "clean", "features", "split", "train", "evaluate"}


@pytest.fixture
def watched(there, monkeypatch):
    """A version in production on Azure ML, whose deployment collects, and whose training rows this machine has."""
    hurry(monkeypatch.setattr)
    there.sign_in(there.azure.ci)
    for name, text in FILES.items():
        there.project.write(name, textwrap.dedent(text))
    there.project.edit("src/project/train.py", '("model", "test", "evaluation")', '("model", "test", "evaluation", "train")')
    there.project.edit("src/project/train.py", "test.to_parquet(args.test)", "test.to_parquet(args.test); seen.to_parquet(args.train)")
    there.project.edit("src/pipelines/train.yml", "test: {type: uri_file}", "test: {type: uri_file}\n  train: {type: uri_file}")
    there.project.edit("src/pipelines/train.yml", '--test "${{outputs.test}}"', '--test "${{outputs.test}}" --train "${{outputs.train}}"')
    there.project.edit(
        "src/pipelines/train.yml",
        "test: ${{parent.outputs.test}}",
        "test: ${{parent.outputs.test}}\n      train: ${{parent.outputs.train}}",
    )
    production = {
        "where": "azure",
        "azure": there.azure.place(),
        "serve": {"port": 0},
        "test": {"smoke_requests": 10},
        "shift": {"seconds": 0},
    }
    production |= {"online": {"collect": True}, "model_monitor": {"emails": ["team@example.com"], "every": "week"}}
    there.project.write("environments/production.yml", yaml.safe_dump(production))
    code, out, errors = there.mlops("deliver", "--json")
    assert code == 0, errors + out
    yield there
    there.mlops("stop")


@pytest.mark.slow
@pytest.mark.e2e
def test_what_serves_is_watched_by_the_service_by_the_rules_of_its_environment(watched):
    azure = watched.azure
    code, out, errors = watched.mlops("schedule", "create", "--monitor", "production", "--json")
    assert code == 0, errors
    assert "datastores have no credentials" in errors
    assert json.loads(out)["name"] == "shops-production-monitor"
    action = azure.schedules.get("shops-production-monitor").properties["action"]["monitorDefinition"]
    deployment = next(iter(next(iter(azure.endpoints.found.values())).deployments))
    assert action["monitoringTarget"]["deploymentId"].endswith(f"/deployments/{deployment}")
    assert action["alertNotificationSetting"]["emailNotificationSetting"]["emails"] == ["team@example.com"]
    signals = action["signals"]
    assert {name: one["signalType"] for name, one in signals.items()} == {
        "data-drift": "DataDrift",
        "prediction-drift": "PredictionDrift",
        "data-quality": "DataQuality",
        "feature-attribution-drift": "FeatureAttributionDrift",
    }
    drift = signals["data-drift"]
    assert drift["features"]["features"] == ["a", "b", "c"]
    assert {one["metric"].lower(): one["threshold"]["value"] for one in drift["metricThresholds"]} == {"populationstabilityindex": 0.2}
    assert (drift["productionData"]["windowSize"], drift["referenceData"]["columns"]) == ("P7D", {"target_column": "late"})
    assert [one["dataContext"] for one in signals["feature-attribution-drift"]["productionData"]] == ["model_inputs", "model_outputs"]
    table = azure.workspace.held("data", "shops-training", drift["referenceData"]["uri"].rpartition("/")[2])["properties"]
    assert table["dataType"] == "mltable"
    code, out, errors = watched.mlops("schedule", "create", "--monitor", "production", "--json")
    assert (code, json.loads(out)["how"]) == (0, "same"), errors
    watched.project.edit("environments/production.yml", "every: week", "every: week\n  missing: 0.2")
    code, _, errors = watched.mlops("schedule", "create", "--monitor", "production")
    assert (code, "mlops schedule delete shops-production-monitor" in errors) == (2, True), errors
    assert watched.mlops("schedule", "delete", "shops-production-monitor")[0] == 0
    assert watched.mlops("schedule", "create", "--monitor", "production")[0] == 0
    azure.schedules.tick(azure.schedules.clock + timedelta(days=8))
    assert [name for name, _ in azure.schedules.monitored] == ["shops-production-monitor"]
    assert "off" in watched.mlops("schedule", "disable", "shops-production-monitor")[1]
    assert watched.mlops("schedule", "delete", "shops-production-monitor")[0] == 0
    _check_refusals(watched)


def _check_refusals(watched):
    """What a monitor lacks is told before anything is put."""

    def refused(*words):
        code, _, errors = watched.mlops("schedule", "create", "--monitor", "production", *words)
        assert code == 2
        return errors

    (watched.project.root / "few.csv").write_text("a,b\n1,2\n")
    assert "no Parquet file with the columns a, b, c, late" in refused("--reference", "few.csv")
    shutil.rmtree(watched.project.root / ".mlops/runs")
    assert "are not on this machine" in refused()
    watched.project.edit("environments/production.yml", "collect: true", "collect: false")
    assert "do not collect" in refused()
    assert watched.azure.schedules.found == {}

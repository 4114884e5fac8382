"""Schedules: every mistake by its line, and the times that a trigger comes to."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from mlops.cli import main
from mlops.errors import SpecError
from mlops.spec.reading import Here, Reading
from mlops.spec.schedule import load_schedule
from mlops.spec.source import read
from mlops.spec.trigger import read_trigger
from mlops.spec.zones import ZONES, clock

PIPELINE = """
type: pipeline
inputs:
  rounds: 1
  rows: {type: uri_folder, path: data}
jobs:
  a:
    type: command
    command: echo ${{inputs.rounds}} ${{inputs.rows}}
    environment: {image: i}
    inputs:
      rounds: ${{parent.inputs.rounds}}
      rows: ${{parent.inputs.rows}}
"""
CRON = "name: nightly\ntrigger: {type: cron, expression: '0 4 * * 1-5', start_time: '2026-01-01T00:00:00'}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLOPS_HOME", str(tmp_path / "home"))
    return tmp_path


def problems(folder, text):
    (folder / "s.yml").write_text(text)
    with pytest.raises(SpecError) as caught:
        load_schedule(folder / "s.yml")
    return [(one.line, one.message) for one in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (CRON.replace("nightly", "night ly") + "create_job: ./pipeline.yml\n", 1, "cannot name a schedule"),
        (CRON.replace("0 4 * * 1-5", "0 4 1 * *") + "create_job: ./pipeline.yml\n", 2, "Azure ML ignores days"),
        (CRON.replace("0 4 * * 1-5", "0 24 * * *") + "create_job: ./pipeline.yml\n", 2, "'24' is not within 0 to 23"),
        (CRON.replace("0 4 * * 1-5", "0 4 * *") + "create_job: ./pipeline.yml\n", 2, "is not five fields"),
        (CRON.replace("00:00:00'", "00:00:00+02:00'") + "create_job: ./pipeline.yml\n", 2, "has an offset, which azure-ai-ml drops"),
        (CRON.replace("'2026-01-01T00:00:00'", "2026-01-01T00:00:00") + "create_job: ./pipeline.yml\n", 2, "put it in quotes"),
        ("$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json\n" + CRON, 1, "either `create_job` or `create_monitor`"),
        (CRON + "is_enabled: true\ncreate_job: ./pipeline.yml\n", 3, "what the service says of a schedule"),
        (CRON + "create_job: ./absent.yml\n", 3, "there is no file './absent.yml'"),
        (CRON + "create_job:\n  type: pipeline\n  job: ./pipeline.yml\n  inputs: {round: 2}\n", 6, "no input called 'round'"),
        (CRON + "create_job:\n  type: pipeline\n  job: ./pipeline.yml\n  inputs: {rounds: many}\n", 6, "'many' is not an integer"),
        (CRON + "create_job:\n  job: ./pipeline.yml\n", 3, "needs `type`"),
        ("name: s\ntrigger:\n  type: recurrence\n  frequency: hour\n  interval: 1\n  schedule: {hours: 1, minutes: 0}\ncreate_job: azureml:j\n", 6, "not of a hour"),
        ("name: s\ntrigger: {type: recurrence, frequency: day, interval: 0}\ncreate_job: azureml:j\n", 2, "not above zero"),
        ("name: s\ntrigger: {type: recurrence, frequency: day, interval: 1, time_zone: Europe/Berlin}\ncreate_job: azureml:j\n", 2, "no zone that Azure ML knows"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_line(folder, text, line, told):
    found = problems(folder, text)
    assert len(found) == 1, found
    assert found[0][0] == line
    assert told in found[0][1]


def test_all_mistakes_of_the_file_and_of_its_pipeline_are_told_at_once(folder):
    (folder / "pipeline.yml").write_text(PIPELINE.replace("type: command", "type: comand"))
    found = problems(folder, CRON.replace("0 4 * * 1-5", "0 99 * * *") + "colour: red\ncreate_job: ./pipeline.yml\n")
    assert len(found) == 3, found


def test_a_job_that_is_no_pipeline_is_refused_as_the_service_refuses_it(folder):
    (folder / "job.yml").write_text("type: command\ncommand: echo\nenvironment: {image: i}\n")
    assert "runs pipelines alone" in problems(folder, CRON + "create_job: ./job.yml\n")[0][1]


MONITOR = """
name: watch
trigger: {type: recurrence, frequency: day, interval: 1}
create_monitor:
  compute: {instance_type: standard_e4s_v3, runtime_version: "3.4"}
  monitoring_target: {ml_task: classification, endpoint_deployment_id: azureml:flights:v3}
  monitoring_signals:
    drift:
      type: data_drift
      features: [a, b]
      metric_thresholds: {numerical: {population_stability_index: 0.2}}
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("standard_e4s_v3", "Standard_DS3_v2", 5, "is not one of standard_e4s_v3"),
        ('"3.4"', "3.4", 5, "put it in quotes"),
        ("azureml:flights:v3", "flights", 6, "is not azureml:ENDPOINT:DEPLOYMENT"),
        ("data_drift", "data_drfit", 9, "is no type of signal"),
        ("population_stability_index", "psi", 11, "unknown key 'psi'"),
        ("[a, b]", "{top_n_feature_importance: 3}", 10, "training rows with a target"),
        (", endpoint_deployment_id: azureml:flights:v3", "", 8, "nothing says where production's rows are"),
        ("data_drift", "feature_attribution_drift", 8, "needs `reference_data`"),
        ("data_drift", "custom", 8, "needs `component_id`"),
        ("data_drift", "generation_safety_quality", 10, "unknown key 'features'"),
    ],
)
def test_a_mistake_in_a_monitor_is_told_at_its_line(folder, old, new, line, told):
    found = problems(folder, MONITOR.replace(old, new))
    assert any(at == line and told in said for at, said in found), found


def trigger(text, tmp_path):
    (tmp_path / "t.yml").write_text(text)
    reading = Reading()
    made = read_trigger(Here(read(tmp_path / "t.yml"), (), reading), read(tmp_path / "t.yml").value)
    assert made, reading.problems
    return made


AFTER = datetime(2026, 3, 27, 12, tzinfo=UTC)  # a Friday, two days before the clocks of Europe go forward


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("{type: cron, expression: '*/30 4 * * *'}", ["03-28 04:00", "03-28 04:30", "03-29 04:00"]),
        ("{type: cron, expression: '0 6 * * mon,5'}", ["03-30 06:00", "04-03 06:00", "04-06 06:00"]),
        ("{type: cron, expression: '0 4 * * 0', time_zone: W. Europe Standard Time}", ["03-29 04:00", "04-05 04:00", "04-12 04:00"]),
        ("{type: recurrence, frequency: day, interval: 2, start_time: '2026-03-01T00:00:00', schedule: {hours: [1, 13], minutes: 5}}", ["03-27 13:05", "03-29 01:05", "03-29 13:05"]),
        ("{type: recurrence, frequency: week, interval: 2, start_time: '2026-03-02T00:00:00', schedule: {hours: 1, minutes: 0, week_days: [tuesday, sunday]}}", ["03-31 01:00", "04-05 01:00", "04-14 01:00"]),
        ("{type: recurrence, frequency: month, interval: 1, schedule: {hours: 0, minutes: 0, month_days: [31]}}", ["03-31 00:00", "05-31 00:00", "07-31 00:00"]),
        ("{type: recurrence, frequency: month, interval: 1, start_time: '2026-01-31T08:00:00'}", ["03-31 08:00", "05-31 08:00", "07-31 08:00"]),
        ("{type: recurrence, frequency: hour, interval: 5, start_time: '2026-03-27T00:00:00'}", ["03-27 15:00", "03-27 20:00", "03-28 01:00"]),
        ("{type: cron, expression: '0 4 * * *', end_time: '2026-03-28T23:00:00'}", ["03-28 04:00"]),
    ],
)  # fmt: skip
def test_the_times_of_a_trigger(tmp_path, text, times):
    assert [f"{one:%m-%d %H:%M}" for one in islice(trigger(text, tmp_path).times(AFTER), 3)] == times


def test_a_clock_that_goes_forward_keeps_what_the_wall_shows(tmp_path):
    made = trigger("{type: cron, expression: '0 4 * * *', time_zone: W. Europe Standard Time}", tmp_path)
    assert [f"{one.astimezone(UTC):%d %H:%M}" for one in islice(made.times(AFTER), 2)] == ["28 03:00", "29 02:00"]


def test_every_zone_has_a_clock_and_the_names_are_those_of_azure_ml():
    from azure.ai.ml.constants import TimeZone

    assert set(ZONES) == {one.value for one in TimeZone}
    assert all(isinstance(clock(name.lower()), ZoneInfo) for name in ZONES)
    winter = datetime(2026, 1, 15, 12)
    hours = {
        name: clock(name).utcoffset(winter).total_seconds() / 3600
        for name in ("Nepal Standard Time", "UTC-08", "UTC+12", "Pacific Standard Time")
    }
    assert hours == {"Nepal Standard Time": 5.75, "UTC-08": -8, "UTC+12": 12, "Pacific Standard Time": -8}


def test_check_takes_a_schedule_and_show_tells_when_it_is_due(folder, capsys):
    (folder / "src/project").mkdir(parents=True)
    (folder / "src/project/project.yml").write_text("name: p\nmodels: {}\n")
    (folder / "s.yml").write_text(CRON + "create_job: ./pipeline.yml\n")
    assert main(["check", "s.yml"]) == 0
    assert main(["schedule", "show", "-f", "s.yml"]) == 0
    told = capsys.readouterr().out
    assert "run pipeline.yml" in told
    assert "every week on monday, tuesday, wednesday, thursday, friday at 04:00, UTC" in told
    assert len(told.partition("next")[2].splitlines()[0].split(",")) == 5


def test_here_nothing_is_created_and_it_is_said_who_would(folder, capsys):
    (folder / "s.yml").write_text(CRON + "create_job: ./pipeline.yml\n")
    assert main(["schedule", "create", "-f", "s.yml"]) == 2
    assert "--where azure" in capsys.readouterr().err

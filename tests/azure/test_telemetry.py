"""What reaches Application Insights: Microsoft's own exporter posts it to the loopback's ingestion, whose description judges each envelope."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from tests.mlops.serving.conftest import COLUMNS, Place, fit, save

from mlops.azure.insights import Labels, Requests, tell_monitor
from mlops.serving.telemetry import RotatingFile, Several, Telemetry
from mlops.verbs.monitor import _hand_on

pytestmark = pytest.mark.slow

LABELS = Labels("flights", 7, "production")
OK = (time.time(), "id-1", "/score", 200, 3, 0.25, 7)
RESOURCE = {"service.namespace", "service.name", "service.instance.id", "device.id"}
"""What the exporter says once of where the items are from."""
FACTS = {
    "model": "flights",
    "version": 7,
    "status": "bad",
    "retrain": True,
    "why": "performance: 2 of the last 3 windows fell",
    "metric": {"name": "auc"},
    "findings": [
        {"kind": "performance", "status": "bad", "said": "Mrs Smith's flight"},
        {"kind": "drift", "status": "attention", "said": "a file of hers"},
        {"kind": "drift", "status": "ok", "said": ""},
    ],
    "windows": [
        {
            "window": "2013-11",
            "rows": 900,
            "columns": {"temp": {"psi": 0.31, "missing": 0.0, "new": None}, "empty": {"psi": None, "missing": 1.0, "new": None}},
            "score": {"psi": 0.02},
            "performance": {"value": 0.66, "gain": -0.03},
        }
    ],
}


@pytest.fixture
def insights(azure, monkeypatch):
    """The loopback's ingestion; this process is led there as any process is."""
    for name, value in azure.variables(azure.nobody).items():
        monkeypatch.setenv(name, value)
    return azure.ingestion


def told(insights, *records):
    sink = Requests(insights.connection_string, LABELS, each=1000)
    telemetry = Telemetry(sink, then=sink.close)
    for record in records:
        telemetry.tell(record)
    telemetry.close()


def test_a_request_arrives_with_its_version_and_without_what_was_asked(insights):
    told(insights, OK, (*OK[:3], 500, 1, 0.5, 7), (*OK[:2], "/health/live", 200, 0, 0.001, 7))
    good, bad = sorted(insights.wait("Request", 2), key=lambda one: one["responseCode"])
    assert (good["name"], good["responseCode"], good["success"], good["duration"]) == ("POST /score", "200", True, "0.00:00:00.250")
    assert (bad["responseCode"], bad["success"]) == ("500", False)
    assert good["properties"] == {"model": "flights", "version": "7", "environment": "production", "request": "id-1", "rows": "3"}
    assert good["url"] == ""
    assert len(insights.of("Request")) == 2


def test_the_counts_are_of_all_requests_however_few_are_sent_one_by_one(insights):
    sink = Requests(insights.connection_string, LABELS, each=0.0)
    sink.write(
        "".join(
            json.dumps(dict(zip(("time", "id", "path", "status", "rows", "seconds", "version"), OK, strict=True))) + "\n" for _ in range(50)
        )
    )
    sink.close()
    (metric,) = [
        one["metrics"][0] | one["properties"]
        for one in insights.wait("Metric", 1)
        if one["metrics"][0]["name"] == "slipway.request.seconds"
    ]
    assert (metric["count"], metric["value"], metric["version"], metric["status"]) == (50, 12.5, "7", "200")
    assert insights.of("Request") == []


def test_what_monitoring_found_arrives_as_an_event_and_numbers(insights):
    assert tell_monitor(insights.connection_string, FACTS)
    (event,) = insights.of("Event")
    assert event["name"] == "slipway.monitor"
    assert event["properties"].pop("logger_name") == "slipway"
    assert event["properties"] == {
        "model": "flights", "version": "7", "status": "bad", "retrain": "true", "windows": "1",
        "performance.bad": "1", "drift.attention": "1", "drift.ok": "1",
    }  # fmt: skip
    metrics = {(m["metrics"][0]["name"], m["properties"].get("column", "")): m["metrics"][0]["value"] for m in insights.of("Metric")}
    assert metrics == {
        ("slipway.monitor.rows", ""): 900,
        ("slipway.monitor.column.psi", "temp"): 0.31,
        ("slipway.monitor.column.missing", "temp"): 0.0,
        ("slipway.monitor.column.missing", "empty"): 1.0,
        ("slipway.monitor.score.psi", ""): 0.02,
        ("slipway.monitor.metric.value", ""): 0.66,
        ("slipway.monitor.metric.gain", ""): -0.03,
    }


def test_no_word_of_a_finding_and_no_name_of_the_machine_is_sent(insights):
    told(insights, OK)
    tell_monitor(insights.connection_string, FACTS)
    insights.wait("Request", 1)
    sent = json.dumps(insights.items)
    for secret in ("Smith", "of hers", "fell"):
        assert secret not in sent
    assert os.uname().nodename not in {value for one in insights.items for value in one["tags"].values()}
    known = {
        "model",
        "version",
        "environment",
        "request",
        "rows",
        "status",
        "window",
        "column",
        "metric",
        "retrain",
        "windows",
        "logger_name",
    }
    said = {name for one in insights.items for name in one["data"]["baseData"].get("properties") or {}}
    assert {name for name in said - known if not name.startswith(("performance.", "drift."))} <= RESOURCE


class Host:
    """A CI system that takes everything."""

    def __getattr__(self, _name):
        return lambda *_: None


@pytest.mark.parametrize("down", [500, 402, "no network"])
def test_a_service_that_is_down_costs_a_warning_and_nothing_else(insights, azure, monkeypatch, capsys, tmp_path, down):
    insights.down = down if isinstance(down, int) else 0
    monkeypatch.setattr(azure.proxy, "down", lambda _host: down == "no network")
    monkeypatch.setattr("mlops.ci.host.current", lambda _environ: Host())
    monkeypatch.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", insights.connection_string)
    monkeypatch.setattr("mlops.report.monitor.report", lambda _facts: "")
    monkeypatch.setattr("mlops.report.monitor.title", lambda _facts: "")
    _hand_on(FACTS)
    assert "to Application Insights, could not be written: the service did not take it" in capsys.readouterr().err
    log = tmp_path / "requests.jsonl"
    sink = Requests(insights.connection_string, LABELS)
    telemetry = Telemetry(Several(sink, RotatingFile(log)), then=sink.close)
    telemetry.tell(OK)
    telemetry.close()
    assert (telemetry.dropped, log.read_text().count("\n")) == (0, 1)


def test_another_s_key_is_refused_and_told(insights):
    other = insights.connection_string.replace(insights.key, "00000000-0000-4000-8000-000000000000")
    assert not tell_monitor(other, FACTS)
    assert set(insights.violations) == {"Invalid instrumentation key"}
    insights.violations.clear()


LOOK = "import sys; import mlops.verbs.monitor, mlops.serving.worker; print(sorted(m for m in sys.modules if m.split('.')[0] in ('azure', 'opentelemetry')))"


def test_without_the_variable_nothing_of_it_is_imported():
    ended = subprocess.run([sys.executable, "-c", LOOK], check=True, stdout=subprocess.PIPE, text=True)
    assert ended.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.e2e
def test_an_endpoint_on_this_machine_tells_what_it_answered(insights, tmp_path, monkeypatch):
    """A real endpoint, in processes of its own; without the variable it tells nobody."""
    folder, place = save(fit(), tmp_path / "model"), Place(tmp_path / "endpoints" / "flights" / "production")
    body = {"input_data": {"columns": list(COLUMNS), "data": [["UA", "EWR", "D3", 0.5, -1.25, 0.1, None]]}}
    try:
        place.deploy(folder, 6)
        with place.client() as client:
            assert client.post("/score", json=body).status_code == 200
        place.stop()
        assert insights.items == []
        monkeypatch.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", insights.connection_string)
        place.deploy(folder, 7)
        with place.client() as client:
            told, until = set(), time.monotonic() + 60
            while told != {("7", "200"), ("7", "422")} and time.monotonic() < until:  # of many requests at once a sample is sent
                assert [client.post("/score", json=one).status_code for one in (body, {"input_data": 1})] == [200, 422]
                time.sleep(0.3)
                told = {(one["properties"]["version"], one["responseCode"]) for one in insights.of("Request")}
    finally:
        place.stop()
    assert told == {("7", "200"), ("7", "422")}
    assert "EWR" not in json.dumps(insights.items)

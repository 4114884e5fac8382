"""Application Insights, by Microsoft's own exporter: requests of an endpoint on this machine, and what a look at production found.

Nothing here is imported without APPLICATIONINSIGHTS_CONNECTION_STRING. What is sent are numbers and the names of model, environment, version, windows
and columns: no row, no answer, no value of a category, no message. Nothing waits for it, nothing is kept on the disk, and where the service does not
take it, that is a warning. The exporter's own reports to Microsoft are off.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

os.environ.setdefault("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")  # read when the exporter is imported
os.environ.setdefault("APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED", "true")
os.environ.setdefault("APPLICATIONINSIGHTS_SDKSTATS_DISABLED", "true")

from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorMetricExporter,
    AzureMonitorTraceExporter,
    RateLimitedSampler,
)
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from mlops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "APPLICATIONINSIGHTS_CONNECTION_STRING"
EVENT = "slipway.monitor"
EACH = 5.0
"""Requests a second that are sent one by one; of more, a sample that says how many it stands for. Counts and seconds are of all."""
EVERY = 60.0
"""Seconds between two sendings of the counts."""
_PATIENCE: dict[str, Any] = {"retry_total": 1, "retry_backoff_factor": 0.2, "timeout": 5.0, "disable_offline_storage": True}
_LEAVING = 2000  # milliseconds that what is left may take at the end
_NANO = 1_000_000_000
_SCORES = {"/score", "/invocations"}


@dataclass(frozen=True)
class Labels:
    """Whose requests they are."""

    model: str
    version: int
    environment: str

    @property
    def dimensions(self) -> dict[str, str]:
        """The custom dimensions of each item."""
        return {"model": self.model, "version": str(self.version), "environment": self.environment}


class Requests:
    """A sink of an endpoint's telemetry (`serving.telemetry.Sink`): takes its lines, and hands them to the exporter's own threads."""

    def __init__(self, connection_string: str, labels: Labels, *, each: float = EACH, every: float = EVERY) -> None:
        quieten()
        self._dimensions = labels.dimensions
        resource, given = _resource(labels.model, labels.environment), {"connection_string": connection_string, **_PATIENCE}
        self._traces = TracerProvider(sampler=RateLimitedSampler(each), resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(BatchSpanProcessor(AzureMonitorTraceExporter(tracer_provider=self._traces, **given)))
        self._tracer = self._traces.get_tracer("slipway")
        reader = PeriodicExportingMetricReader(AzureMonitorMetricExporter(**given), export_interval_millis=every * 1000)
        self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._seconds = self._meters.get_meter("slipway").create_histogram("slipway.request.seconds", unit="s")

    def write(self, lines: str) -> None:
        """Take whole lines, as they stand in requests.jsonl."""
        for line in lines.splitlines():
            record = json.loads(line)
            if record["path"] in _SCORES:
                self._take(record)

    def _take(self, record: Mapping[str, Any]) -> None:
        status, seconds, end = int(record["status"]), float(record["seconds"]), int(record["time"] * _NANO)
        self._seconds.record(seconds, {**self._dimensions, "status": str(status)})
        facts = {**self._dimensions, "request": record["id"], "rows": str(record["rows"])}
        http = {"http.request.method": "POST", "http.route": record["path"], "http.response.status_code": status}
        span = self._tracer.start_span(
            f"POST {record['path']}", kind=SpanKind.SERVER, start_time=end - int(seconds * _NANO), attributes={**facts, **http}
        )
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    def close(self) -> None:
        """Send what is left, for as long as that is quick; no thread of ours keeps a process alive."""
        leaving = threading.Thread(target=self._flush, daemon=True)
        leaving.start()
        leaving.join(_LEAVING / 1000)

    def _flush(self) -> None:
        self._meters.force_flush(_LEAVING)
        self._traces.force_flush(_LEAVING)


class _Noting(AzureMonitorMetricExporter):  # type: ignore[misc]
    """Remembers whether it was taken: a reader tells nobody."""

    taken = True

    def export(self, *args: Any, **more: Any) -> Any:
        found = super().export(*args, **more)
        self.taken = self.taken and found is MetricExportResult.SUCCESS
        return found


def tell_monitor(connection_string: str, facts: Mapping[str, Any]) -> bool:
    """Send what `mlops monitor` found: an event `slipway.monitor`, and a metric for each column and window.

    Args:
        connection_string: Of the Application Insights resource.
        facts: What is in monitor.json.

    Returns:
        Whether the service took it.

    Raises:
        UsageError: The connection string is none.
    """
    quieten()
    resource = _resource(str(facts["model"]), "production")
    given = {"connection_string": connection_string, **_PATIENCE}
    try:
        exporter, logs = _Noting(**given), AzureMonitorLogExporter(**given)
    except ValueError as error:
        raise UsageError(f"{VARIABLE} is no connection string: {error}", hint="It stands on the resource's page in the portal.") from error
    meters = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))], resource=resource)
    own = {"model": str(facts["model"]), "version": str(facts["version"])}
    meter = meters.get_meter("slipway")
    for name, value, more in measured(facts):
        meter.create_gauge(f"slipway.monitor.{name}").set(value, {**own, **more})
    meters.force_flush(int(1000 * _PATIENCE["timeout"]))
    meters.shutdown()
    return exporter.taken and _event(logs, resource, {**own, **summary(facts)})


def _event(exporter: Any, resource: Resource, facts: Mapping[str, str]) -> bool:
    noted: list[bool] = []
    send = exporter.export

    def export(batch: Any, **more: Any) -> Any:
        found = send(batch, **more)
        noted.append(found.name == "SUCCESS")
        return found

    exporter.export = export
    events = LoggerProvider(resource=resource, shutdown_on_exit=False)
    events.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    events.get_logger("slipway").emit(LogRecord(attributes={"microsoft.custom_event.name": EVENT, **facts}))
    return noted == [True]


def summary(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the dimensions of the event: how it stands, and how many findings there are of each kind and status; none of their words."""
    counts: dict[str, int] = {}
    for one in facts["findings"]:
        key = f"{one['kind']}.{one['status']}"
        counts[key] = counts.get(key, 0) + 1
    own = {"status": str(facts["status"]), "retrain": str(facts["retrain"]).lower(), "windows": str(len(facts["windows"]))}
    return own | {key: str(count) for key, count in sorted(counts.items())}


def measured(facts: Mapping[str, Any]) -> list[tuple[str, float, dict[str, str]]]:
    """Return the numbers of each window, each with its name and dimensions: what could not be computed is left out, never sent as zero."""
    found: list[tuple[str, float | None, dict[str, str]]] = []
    for window in facts["windows"]:
        at = {"window": str(window["window"])}
        found.append(("rows", window.get("rows"), at))
        for name, column in (window.get("columns") or {}).items():
            found += [(f"column.{what}", column.get(what), {**at, "column": name}) for what in ("psi", "missing", "new")]
        found.append(("score.psi", (window.get("score") or {}).get("psi"), at))
        metric = {**at, "metric": str((facts.get("metric") or {}).get("name", ""))}
        found += [(f"metric.{what}", (window.get("performance") or {}).get(what), metric) for what in ("value", "gain")]
    return [(name, float(value), more) for name, value, more in found if value is not None]


def _resource(model: str, environment: str) -> Resource:
    """Return what the items are of: the role is the model's endpoint. Where nothing is said, the exporter names the machine."""
    names = {"service.namespace": "slipway", "service.name": f"{model}-{environment}"}
    return Resource({**names, "service.instance.id": environment, "device.id": environment})


def quieten() -> None:
    """Keep what the exporter and its HTTP client say of each request out of the log; what they could not send stays."""
    for name in ("azure.core.pipeline.policies.http_logging_policy", "azure.monitor.opentelemetry.exporter", "opentelemetry"):
        logging.getLogger(name).setLevel(logging.WARNING)

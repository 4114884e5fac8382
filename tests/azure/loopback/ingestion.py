"""Application Insights' ingestion: what Microsoft's exporter posts is unpacked, judged by Microsoft's description, and kept.

    POST https://<region>-<n>.in.applicationinsights.azure.com/v2.1/track     JSON, packed or not

There is no token: the connection string's key says whose telemetry it is (`DisableLocalAuth: false`), and another key is refused.
"""

from __future__ import annotations

import gzip
import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from . import description

if TYPE_CHECKING:
    from starlette.requests import Request

REGION = "westeurope-5"
HOST = f"{REGION}.in.applicationinsights.azure.com"
PATHS = ("/v2.1/track", "//v2.1/track")
"""The second is what the exporter makes of a connection string as the portal shows it, whose endpoint ends with a slash."""
TRACK = "track-v2.1"
KINDS = {
    "Request": ("RequestData", "RequestData"),
    "Metric": ("MetricData", "MetricsData"),
    "Event": ("EventData", "EventData"),
    "Message": ("MessageData", "MessageData"),
    "Exception": ("ExceptionData", "ExceptionData"),
    "RemoteDependency": ("RemoteDependencyData", "RemoteDependencyData"),
}
"""What an envelope is called -> what it says that it holds, and the definition of that."""


@dataclass
class Ingestion:
    """One Application Insights resource. `down` is the status that it answers with instead, while it is not zero."""

    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    down: int = 0
    items: list[dict[str, Any]] = field(default_factory=list)
    """The envelopes that were accepted, in order."""
    violations: list[str] = field(default_factory=list)
    """What the description does not allow in those that came."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def connection_string(self) -> str:
        return f"InstrumentationKey={self.key};IngestionEndpoint=https://{HOST}/;LiveEndpoint=https://{REGION}.livediagnostics.monitor.azure.com/"

    def clear(self) -> None:
        self.items.clear()
        self.violations.clear()
        self.down = 0

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return what the accepted envelopes of a kind hold: Request, Metric, Event."""
        return [one["data"]["baseData"] for one in self.items if one["name"] == f"Microsoft.ApplicationInsights.{kind}"]

    def wait(self, kind: str, count: int, seconds: float = 30.0) -> list[dict[str, Any]]:
        """Return what `of` does, once there are so many."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.of(kind)) >= count, seconds)
        return self.of(kind)

    async def track(self, request: Request) -> Response:
        raw = await request.body()
        return await run_in_threadpool(self._track, request.headers.get("content-encoding", ""), raw)

    def _track(self, encoding: str, raw: bytes) -> Response:
        if self.down:
            return JSONResponse({"itemsReceived": 0, "itemsAccepted": 0, "errors": []}, self.down)
        text = (gzip.decompress(raw) if encoding == "gzip" else raw).decode()
        sent = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line]
        errors = [{"index": index, "statusCode": 400, "message": why} for index, one in enumerate(sent) if (why := self._wrong(one))]
        wrong = {error["index"] for error in errors}
        with self.changed:
            self.items += [one for index, one in enumerate(sent) if index not in wrong]
            self.violations += [error["message"] for error in errors]
            self.changed.notify_all()
        status = 200 if not errors else 400 if len(errors) == len(sent) else 206
        return JSONResponse({"itemsReceived": len(sent), "itemsAccepted": len(sent) - len(errors), "errors": errors}, status)

    def _wrong(self, envelope: dict[str, Any]) -> str:
        """Return why an envelope is refused: not of the description, of another's key, or holding something else than it is called."""
        data = envelope.get("data") or {}
        kind, definition = KINDS.get(str(envelope.get("name")).rpartition(".")[2], ("", ""))
        if not kind or data.get("baseType") != kind:
            return f"{envelope.get('name')} holds a {data.get('baseType')}"
        bare = {**envelope, "data": {**data, "baseData": {"ver": 2}}}
        found = description.mistakes_of(TRACK, "TelemetryEnvelope", bare)
        found += description.mistakes_of(TRACK, definition, data.get("baseData"), "$.data.baseData")
        if found:
            return f"{envelope['name']}: {'; '.join(found[:5])}"
        return "" if envelope.get("iKey") == self.key else "Invalid instrumentation key"

"""What Azure Monitor tells of a deployment: how many requests, how many of them failed, and how long the slowest twentieth took.

Metric names and dimensions: "Supported metrics for Microsoft.MachineLearningServices/workspaces/onlineEndpoints" in Azure Monitor's reference. Azure
Monitor keeps minutes, and has each some minutes late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops.azure.failures import told

if TYPE_CHECKING:
    from mlops.azure.arm import Arm

VERSION = "2018-01-01"
_SPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"


@dataclass(frozen=True)
class Measured:
    """Requests of a deployment in a time, those that ended with 5xx, and the largest 95th percentile of a minute, in milliseconds."""

    requests: int
    failed: int
    p95_ms: float | None


def measure(arm: Arm, endpoint: str, deployment: str, since: float, until: float) -> Measured:
    """Return what was measured of a deployment between two times (seconds since 1970), in whole minutes.

    Args:
        arm: Asks.
        endpoint: The endpoint's ARM id.
        deployment: Its name.
        since: From the minute of this time.
        until: To this time.

    Raises:
        PlatformError: Azure Monitor does not tell.
    """
    times = f"{_moment(since - since % 60)}/{_moment(until)}"
    common = {"timespan": times, "interval": "PT1M", "aggregation": "Average", "metricnamespace": _SPACE, "api-version": VERSION}
    path = f"{endpoint}/providers/Microsoft.Insights/metrics"
    with told("read the metrics", where=endpoint.rpartition("/")[2]):
        counted = {"metricnames": "RequestsPerMinute", "$filter": f"deployment eq '{deployment}' and statusCodeClass eq '*'"}
        requests = arm.ask("GET", path, {**common, **counted})
        timed = arm.ask("GET", path, {**common, "metricnames": "RequestLatency_P95", "$filter": f"deployment eq '{deployment}'"})
    classes = {_dimension(series, "statuscodeclass"): sum(_points(series)) for series in _series(requests)}
    slowest = [value for series in _series(timed) for value in _points(series)]
    failed = sum(count for name, count in classes.items() if name.lower().startswith("5"))
    return Measured(round(sum(classes.values())), round(failed), max(slowest, default=None))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _series(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [series for metric in answer.get("value", []) for series in metric.get("timeseries", [])]


def _dimension(series: dict[str, Any], name: str) -> str:
    told_of = {one["name"]["value"].lower(): str(one["value"]) for one in series.get("metadatavalues", [])}
    return told_of.get(name, "")


def _points(series: dict[str, Any]) -> list[float]:
    return [float(point["average"]) for point in series.get("data", []) if point.get("average") is not None]

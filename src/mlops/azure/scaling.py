"""Autoscale rules of a deployment, as Azure Monitor carries them out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from mlops.azure.failures import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops.azure.arm import Arm
    from mlops.settings import ScaleSettings

VERSION = "2022-10-01"
_METRICS = {"cpu": "CpuUtilizationPercentage", "latency": "RequestLatency_P95"}
"""Of the deployment, and of the endpoint."""


def scale(arm: Arm, endpoint: str, deployment: str, region: str, settings: ScaleSettings, tags: Mapping[str, str]) -> None:
    """Write the rules of one deployment.

    Args:
        arm: Asks.
        endpoint: The endpoint's ARM id.
        deployment: Its name.
        region: Of the workspace.
        settings: The rules.
        tags: Of the resource.

    Raises:
        PlatformError: They are refused.
    """
    with told("write the autoscale rules", where=deployment):
        arm.ask("PUT", _path(endpoint, deployment), {"api-version": VERSION}, rules(endpoint, deployment, region, settings, tags))


def unscale(arm: Arm, endpoint: str, deployment: str) -> None:
    """Delete the rules of one deployment, which do not go with it; where there are none, nothing is done."""
    with told("delete the autoscale rules", where=deployment), contextlib.suppress(ResourceNotFoundError):
        arm.ask("DELETE", _path(endpoint, deployment), {"api-version": VERSION})


def _path(endpoint: str, deployment: str) -> str:
    group = endpoint.partition("/providers/")[0]
    return f"{group}/providers/Microsoft.Insights/autoscaleSettings/{_title(endpoint, deployment)}"


def _title(endpoint: str, deployment: str) -> str:
    return f"{endpoint.rpartition('/')[2]}-{deployment}"


def rules(endpoint: str, deployment: str, region: str, settings: ScaleSettings, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the body: one machine more above the bound, one fewer below the other, judged over five minutes, and five minutes of rest after each."""
    target = f"{endpoint}/deployments/{deployment}"
    trigger = {
        "metricName": _METRICS[settings.by],
        "metricResourceUri": target if settings.by == "cpu" else endpoint,
        "timeGrain": "PT1M",
        "statistic": "Average",
        "timeWindow": "PT5M",
        "timeAggregation": "Average",
    }
    act = {"type": "ChangeCount", "value": "1", "cooldown": "PT5M"}
    more = {
        "metricTrigger": {**trigger, "operator": "GreaterThan", "threshold": settings.above},
        "scaleAction": {**act, "direction": "Increase"},
    }
    fewer = {
        "metricTrigger": {**trigger, "operator": "LessThan", "threshold": settings.below},
        "scaleAction": {**act, "direction": "Decrease"},
    }
    capacity = {"minimum": str(settings.least), "maximum": str(settings.most), "default": str(settings.least)}
    profile = {"name": f"by {settings.by}", "capacity": capacity, "rules": [more, fewer]}
    properties = {"enabled": True, "targetResourceUri": target, "profiles": [profile]}
    return {"location": region, "tags": dict(tags), "properties": {"name": _title(endpoint, deployment), **properties}}

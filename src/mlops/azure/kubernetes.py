"""What a deployment on a Kubernetes compute has otherwise than one on the service's own machines: an instance type of the cluster, and its own scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.ai.ml.entities import TargetUtilizationScaleSettings

if TYPE_CHECKING:
    from mlops.settings import OnlineSettings


def on_kubernetes(settings: OnlineSettings) -> dict[str, Any]:
    """Return what only such a deployment takes. Without an instance type it gets the cluster's default one.

    Machines come and go by the cluster's own rule, one share of the processors; Azure Monitor's rules are for the service's machines alone.
    """
    made: dict[str, Any] = {"instance_type": settings.instance_type} if settings.instance_type else {}
    rules = settings.scale
    if rules is not None:
        made["scale_settings"] = TargetUtilizationScaleSettings(
            min_instances=rules.least, max_instances=rules.most, target_utilization_percentage=round(rules.above)
        )
    return made

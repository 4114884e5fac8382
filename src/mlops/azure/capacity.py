"""Whether a deployment would find its machines: the size exists in the region, and the quota has room, beside what serves.

A deployment reserves a fifth more machines than it runs, for upgrades: ceil(1.2 x instances) x cores ("Manage and increase quotas and limits for
resources with Azure Machine Learning", managed online endpoints).
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError

from mlops.azure.failures import clean, told
from mlops.azure.submission import silent
from mlops.errors import UsageError
from mlops.spec.source import did_you_mean

if TYPE_CHECKING:
    from mlops.azure.connection import Connection
    from mlops.settings import OnlineSettings

_RESERVE = 1.2
_FORBIDDEN = 403
_TOTAL = "totaldedicatedcores"


def lacking(connection: Connection, settings: OnlineSettings, where: str) -> str | None:
    """Return what is lacking for one more deployment, or None; also None where it is not known, which is said.

    Raises:
        UsageError: There is no such size in the region.
        PlatformError: Azure cannot be asked.
    """
    with told("look at the quota", where=where), silent():
        try:
            sizes = {one.name.lower(): one for one in connection.client.compute.list_sizes()}
            usages = list(connection.client.compute.list_usage())
        except HttpResponseError as error:
            if error.status_code != _FORBIDDEN:
                raise
            print(f"  the quota is not known, and the service will tell: {clean(error)[:160]}", file=sys.stderr)
            return None
    size = sizes.get(settings.instance_type.lower())
    if size is None:
        hint = did_you_mean(settings.instance_type, [one.name for one in sizes.values()], label="sizes of this region")
        raise UsageError(f"there are no machines {settings.instance_type!r} in the workspace's region", where=where, hint=hint)
    wanted = math.ceil(_RESERVE * settings.instances) * int(_of(size, "vCPUs", "v_cp_us"))
    for usage in usages:
        name = _name(usage)
        left = int(usage.limit) - int(_of(usage, "currentValue", "current_value"))
        if name in {str(size.family).lower(), _TOTAL} and int(usage.limit) >= 0 and left < wanted:
            return f"a deployment of {settings.instances} x {size.name} reserves {wanted} cores, and {left} of {usage.limit} are left of {name}"
    return None


def _of(entity: Any, *names: str) -> Any:
    """Return the first of these that is there: the SDK gives these two kinds the service's names, and leaves its own empty."""
    return next(value for name in names if (value := getattr(entity, name, None)) is not None)


def _name(usage: Any) -> str:
    name = usage.name
    return str(name.get("value") if isinstance(name, dict) else getattr(name, "value", name)).lower()

"""Which requests of endpoints, machines and Azure Monitor are which operation: rows for the table of `service.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import description
from .entra import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from .administration import Administration
    from .endpoints import Endpoints

Row = tuple[str, str, str, "Callable[..., tuple[int, Any]]"]
MONITOR = {"metrics": {"2018-01-01", "2023-10-01"}, "autoscaleSettings": {"2022-10-01"}}
"""Which versions Azure Monitor speaks here."""


def rows(endpoints: Endpoints, administration: Administration, scope: str) -> list[Row]:
    """Return method, path, action and handler of each operation."""
    one = f"{scope}/onlineEndpoints/{{endpoint}}"
    deployment = f"{one}/deployments/{{deployment}}"
    region = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
    scale = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Insights/autoscaleSettings/{name}"
    own = "onlineEndpoints"

    def told(at: dict[str, str], **_: Any) -> tuple[int, Any]:
        return 200, endpoints.told(endpoints.get(at["endpoint"]))

    def deployments(at: dict[str, str], **_: Any) -> tuple[int, Any]:
        found = endpoints.get(at["endpoint"])
        return 200, {"value": [endpoints.told_deployment(found, each) for each in list(found.deployments.values())]}

    def deployed(at: dict[str, str], **_: Any) -> tuple[int, Any]:
        return 200, endpoints.told_deployment(endpoints.get(at["endpoint"]), endpoints.deployment(at["endpoint"], at["deployment"]))

    def measured(at: dict[str, str], query: dict[str, str], **_: Any) -> tuple[int, Any]:
        _monitor("metrics", query)
        return 200, endpoints.metrics(at["endpoint"], query)

    def scaled(at: dict[str, str], query: dict[str, str], body: Any, **_: Any) -> tuple[int, Any]:
        _monitor("autoscaleSettings", query)
        wrong = description.mistakes("insights-2022-10-01", "PUT", f"/autoscalesettings/{at['name']}", body)
        if wrong:
            raise Refused(400, "BadRequest", f"The request is invalid: {'; '.join(wrong[:5])}")
        target = body["properties"]["targetResourceUri"].partition("/onlineEndpoints/")[2]
        name, _, deployment_name = target.partition("/deployments/")
        endpoints.deployment(name, deployment_name)
        endpoints.scales[at["name"]] = body
        return 200, {**body, "name": at["name"]}

    def unscaled(at: dict[str, str], query: dict[str, str], **_: Any) -> tuple[int, Any]:
        _monitor("autoscaleSettings", query)
        if at["name"] not in endpoints.scales:
            raise Refused(404, "ResourceNotFound", f"No autoscale setting {at['name']}.")
        del endpoints.scales[at["name"]]
        return 200, {}

    return [
        ("GET", f"{scope}/onlineEndpoints", f"{own}/read", lambda **_: (200, {"value": endpoints.listed()})),
        ("GET", one, f"{own}/read", told),
        ("PUT", one, f"{own}/write", lambda at, body, **_: endpoints.put(at["endpoint"], body)),
        ("DELETE", one, f"{own}/delete", lambda at, **_: endpoints.delete(at["endpoint"])),
        ("POST", f"{one}/listKeys", f"{own}/listKeys/action", lambda at, **_: (200, dict(endpoints.get(at["endpoint"]).keys))),
        (
            "POST",
            f"{one}/regenerateKeys",
            f"{own}/regenerateKeys/action",
            lambda at, body, **_: endpoints.regenerate(at["endpoint"], body["keyType"]),
        ),
        ("POST", f"{one}/token", f"{own}/token/action", lambda at, **_: (200, endpoints.token(at["endpoint"]))),
        ("GET", f"{one}/deployments", f"{own}/deployments/read", deployments),
        ("GET", deployment, f"{own}/deployments/read", deployed),
        (
            "PUT",
            deployment,
            f"{own}/deployments/write",
            lambda at, body, **_: endpoints.put_deployment(at["endpoint"], at["deployment"], body),
        ),
        ("DELETE", deployment, f"{own}/deployments/delete", lambda at, **_: endpoints.delete_deployment(at["endpoint"], at["deployment"])),
        (
            "POST",
            f"{deployment}/getLogs",
            f"{own}/deployments/getLogs/action",
            lambda at, body, **_: (200, endpoints.logs(at["endpoint"], at["deployment"], int(body.get("tail") or 100))),
        ),
        ("GET", f"{one}/providers/Microsoft.Insights/metrics", "Microsoft.Insights/metrics/read", measured),
        ("PUT", scale, "Microsoft.Insights/autoscaleSettings/write", scaled),
        ("DELETE", scale, "Microsoft.Insights/autoscaleSettings/delete", unscaled),
        (
            "GET",
            f"{region}/usages",
            "Microsoft.MachineLearningServices/locations/usages/read",
            lambda **_: (200, {"value": _usages(endpoints, administration)}),
        ),
        (
            "GET",
            f"{region}/vmSizes",
            "Microsoft.MachineLearningServices/locations/vmSizes/read",
            lambda **_: (200, {"value": endpoints.sizes()}),
        ),
        ("GET", f"{region}/mfeOperationsStatus/{{name}}", "", lambda at, **_: (200, endpoints.operation(at["name"]))),
    ]


def _monitor(kind: str, query: dict[str, str]) -> None:
    if query.get("api-version") not in MONITOR[kind]:
        raise Refused(400, "InvalidApiVersionParameter", f"The api-version {query.get('api-version')} is invalid for {kind}.")


def _usages(endpoints: Endpoints, administration: Administration) -> list[dict[str, Any]]:
    """Return the cores of each family: as a test has set them, else as the endpoints use them."""
    told = administration.usages()
    known = {one["name"]["value"] for one in told}
    return told + [one for one in endpoints.usages() if one["name"]["value"] not in known]

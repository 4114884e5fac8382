"""What runs have logged, from the workspace's MLflow server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.azure.plane import Plane

_PAGE = 1000  # runs


@dataclass
class Measures:
    """Reads metrics. What the server does not tell is nothing: a run is not worse for it."""

    plane: Plane
    _experiments: dict[str, str] = field(default_factory=dict, init=False)

    def of(self, run: str) -> dict[str, float]:
        """Return the last value of each metric of a run: one request.

        Raises:
            AzureError: It cannot be asked now.
        """
        return _metrics(self._run(run))

    def below(self, parent: str) -> dict[str, dict[str, float]]:
        """Return the metrics of each run directly below another: one request for a thousand, and one more the first time.

        Raises:
            AzureError: It cannot be asked now.
        """
        if parent not in self._experiments:
            self._experiments[parent] = str(self._run(parent).get("info", {}).get("experiment_id", ""))
        experiment = self._experiments[parent]
        return {run["info"]["run_id"]: _metrics(run) for run in self._search(experiment, parent)} if experiment else {}

    def _search(self, experiment: str, parent: str) -> Iterator[Mapping[str, Any]]:
        asked: dict[str, Any] = {"experiment_ids": [experiment], "filter": f"tags.mlflow.parentRunId = '{parent}'", "max_results": _PAGE}
        while True:
            told = self.plane.mlflow("POST", "/runs/search", json=asked)
            yield from told.get("runs", [])
            if not told.get("next_page_token"):
                return
            asked["page_token"] = told["next_page_token"]

    def _run(self, run: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.plane.mlflow("GET", "/runs/get", params={"run_id": run}).get("run", {})
        return found


def _metrics(run: Mapping[str, Any]) -> dict[str, float]:
    return {one["key"]: float(one["value"]) for one in run.get("data", {}).get("metrics", [])}

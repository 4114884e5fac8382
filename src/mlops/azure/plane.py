"""The workspace's data plane where azure-ai-ml does not reach: run history by pages, and MLflow. Plain REST, with the same login, pace and patience.

azure-ai-ml 1.35.2 reads the first page of a job's children and no other (Azure/azure-sdk-for-python#32440); the plugin that knows `azureml://` is
for another MLflow than ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.core import PipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
from azure.core.rest import HttpRequest

from mlops.azure.connection import ARM, Spread, retries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops.azure.connection import Connection

_MLFLOW, _HISTORY = "/mlflow/v1.0", "/history/v1.0"
_TOP = 500  # children that one answer may have; the service may give fewer, and says so


@dataclass
class Plane:
    """Asks one workspace's data plane."""

    connection: Connection
    _client: Any = field(default=None, init=False)

    def children(self, run: str) -> Iterator[Mapping[str, Any]]:
        """Yield the runs directly below a run, as run history tells them: one request a page.

        Raises:
            AzureError: It cannot be asked now, or there is no such run.
        """
        asked: dict[str, Any] = {"$top": _TOP}
        while True:
            told = self._send("GET", f"{self.connection.tracking.replace(_MLFLOW, _HISTORY)}/runs/{run}/children", params=asked).json()
            yield from told.get("value", [])
            if not told.get("continuationToken"):
                return
            asked["$continuationtoken"] = told["continuationToken"]

    def mlflow(self, method: str, path: str, **more: Any) -> Mapping[str, Any]:
        """Ask the MLflow server; nothing where it does not know, or not to whoever asks.

        Raises:
            AzureError: It cannot be asked now.
        """
        try:
            found: Mapping[str, Any] = self._send(method, f"{self.connection.tracking}/api/2.0/mlflow{path}", **more).json()
        except HttpResponseError as error:
            if error.status_code in {403, 404}:
                return {}
            raise
        return found

    def _send(self, method: str, address: str, **more: Any) -> Any:
        if self._client is None:
            policies = [
                RetryPolicy(**retries()),
                Spread(),
                BearerTokenCredentialPolicy(self.connection.credential, ARM),
                self.connection.pace,
            ]
            self._client = PipelineClient(self.connection.tracking, policies=policies)
        answer = self._client.send_request(HttpRequest(method, address, **more))
        if answer.status_code >= 400:
            raise HttpResponseError(response=answer)
        return answer

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

"""Asking one deployment of an endpoint held-out rows, whatever traffic it has: the header `azureml-model-deployment` names it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from azure.core import PipelineClient
from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest

from mlops.azure.failures import clean, told
from mlops.serving.trial import Smoke, compare

if TYPE_CHECKING:
    from mlops.azure.endpoint import Endpoint
    from mlops.serving.trial import HeldOut

SCOPE = "https://ml.azure.com/.default"
_PATIENCE = 60.0  # seconds for one answer; the service itself gives up earlier


@dataclass
class Scorer:
    """Asks the deployments of one endpoint. `positive` is the class whose probability is known offline, of a binary task."""

    endpoint: Endpoint
    positive: str | None
    _client: PipelineClient[Any, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._client = PipelineClient(base_url=self.endpoint.address, policies=[])

    def __enter__(self) -> Self:
        self._client.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    def smoke(self, deployment: str, rows: HeldOut) -> Smoke:
        """Ask rows one by one, and compare with what was said offline (see `trial.compare`).

        Raises:
            PlatformError: Nobody is signed in, or may call it.
        """
        with told("sign in to the endpoint", where=self.endpoint.name):
            head = {"Authorization": f"Bearer {self._secret()}", "azureml-model-deployment": deployment, "Content-Type": "application/json"}
        return compare(rows, lambda body, expected: self._said(body, head, expected))

    def _secret(self) -> str:
        if self.endpoint.auth == "aad_token":
            return str(self.endpoint.connection.credential.get_token(SCOPE).token)
        found = self.endpoint.connection.client.online_endpoints.get_keys(self.endpoint.name)
        return str(getattr(found, "primary_key", None) or found.access_token)

    def _said(self, body: bytes, head: dict[str, str], expected: Any) -> Any:
        request = HttpRequest("POST", f"{self.endpoint.address}/score", headers=head, content=body)
        try:
            answer = self._client.send_request(request, connection_timeout=_PATIENCE, read_timeout=_PATIENCE)
        except AzureError as error:
            raise OSError(clean(error)) from error
        if answer.status_code != 200:
            raise ValueError(f"status {answer.status_code}: {answer.text()[:200]}")
        return said_of(answer.json(), expected, self.positive)


def said_of(answer: Any, expected: Any, positive: str | None) -> Any:
    """Return what an answer to one row says, in the form of what is expected.

    A scoring script of ours answers as an endpoint here does. A deployment without code answers what the MLflow model's `predict` gives: where that is a
    class and a probability is expected, the class must be the likelier one, and then the answer counts as what was expected.
    """
    said = (answer.get("probabilities") or answer["predictions"])[0] if isinstance(answer, dict) else answer[0]
    if positive is None or isinstance(expected, list) or isinstance(said, float):
        return said
    if isinstance(said, list):
        return said[-1]
    likelier = expected > 0.5
    return expected if (str(said) == positive) == likelier else 1.0 - expected

"""What azure-ai-ml 1.35.2 does wrong, and is done rightly here in its stead; each with the sign by which it can be taken away again.

`jobs.download` of an output that is a model: `ModelDataplaneOperations.get_batch_model_uris` fills in `values`, and the request that it makes calls
that field `values_property` since it is generated anew; the answer's `values` is a mapping's method for the same reason. Every download of a model
ends in a TypeError. Needed no more when `tests/azure/test_delivery.py` passes without it.

`batch_endpoints.invoke` asks again up to five times where an answer is lost, and its transport a few more times: each may be a job more
(Azure/azure-sdk-for-python#31166). Needed no more when `tests/azure/test_batch.py` passes without it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from azure.ai.ml.exceptions import MlException
from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.policies import RetryPolicy

if TYPE_CHECKING:
    from azure.ai.ml.operations import BatchEndpointOperations, JobOperations


class _ModelPlaces:
    """Asks where models are, as `ModelDataplaneOperations` is meant to."""

    def __init__(self, jobs: Any) -> None:
        self._own = jobs._model_dataplane_operations  # noqa: SLF001 - there is no other way to it

    def get_batch_model_uris(self, model_ids: list[str]) -> SimpleNamespace:
        own, scope = self._own, self._own._operation_scope  # noqa: SLF001
        answer = own._operation.batch_get_resolved_uris(  # noqa: SLF001
            scope.subscription_id, scope.resource_group_name, scope.workspace_name, body={"values": model_ids}
        )
        return SimpleNamespace(values=dict(answer.values_property or {}))


def with_models(jobs: JobOperations) -> JobOperations:
    """Return the same operations, which can download models now."""
    if not isinstance(jobs._model_dataplane_operations_client, _ModelPlaces):  # noqa: SLF001
        jobs._model_dataplane_operations_client = _ModelPlaces(jobs)  # noqa: SLF001
    return jobs


class _Once:
    """Posts one request once, and says where its answer was lost."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def post(self, *words: Any, **more: Any) -> Any:
        try:
            return self._pipeline.with_policies(retry_policy=RetryPolicy.no_retries()).post(*words, **more)
        except (ServiceRequestError, ServiceResponseError) as error:
            raise MlException(message="the answer was lost", no_personal_data_message="the answer was lost") from error


def once(endpoints: BatchEndpointOperations) -> BatchEndpointOperations:
    """Return the same operations, which ask for a job once."""
    if not isinstance(endpoints._requests_pipeline, _Once):  # noqa: SLF001
        endpoints._requests_pipeline = _Once(endpoints._requests_pipeline)  # noqa: SLF001
    return endpoints

"""Calls of Azure Resource Manager that azure-ai-ml does not make: metrics, autoscale rules, what a checkup reads. The same sign-in, the same patience."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, map_error
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpRequest
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from mlops.azure.connection import ARM, Spread, retries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.credentials import TokenCredential

_BASE = "https://management.azure.com"


@dataclass
class Arm:
    """Asks Resource Manager by the id of what is asked about."""

    credential: TokenCredential

    def ask(self, method: str, path: str, query: Mapping[str, str], body: Any = None) -> dict[str, Any]:
        """Return the answer; nothing where it has no body.

        Raises:
            HttpResponseError: It is refused, also after some tries.
        """
        policies = [RetryPolicy(**retries()), Spread(), ARMChallengeAuthenticationPolicy(self.credential, ARM)]
        with ARMPipelineClient(base_url=_BASE, policies=policies) as client:
            answer = client.send_request(HttpRequest(method, f"{_BASE}{path}", params=dict(query), json=body))
            if answer.status_code >= 400:
                map_error(answer.status_code, answer, {})
                raise HttpResponseError(response=answer)
            return dict(answer.json()) if answer.content else {}

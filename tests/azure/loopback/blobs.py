"""The way to the blobs: the role of whoever asks is judged here, and then Azurite, which knows no roles, carries the request out.

What shows a signature (the SAS that an upload of code is opened with) is Azurite's to judge. An account's key opens nothing, as infra/modules/storage.bicep
says (`allowSharedKeyAccess: false`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import urllib3
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from .actions import blob_action
from .entra import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .entra import Entra
    from .faults import Faults
    from .roles import Judge

HOSTS = ".blob.core.windows.net"
AUDIENCE = "https://storage.azure.com"
_HOPS = {"transfer-encoding", "connection", "keep-alive", "content-length"}


@dataclass
class Blobs:
    """Answers for the storage account; `other` answers for every other host. A `Fault` of a blob matches `blob put /container/name`."""

    other: Callable[..., Any]
    entra: Entra
    judge: Judge
    faults: Faults
    drop: Callable[[], None]
    port: int
    authority: Path
    _pool: urllib3.HTTPSConnectionPool = field(init=False)

    def __post_init__(self) -> None:
        names = {"server_hostname": "localhost", "assert_hostname": "localhost", "ca_certs": str(self.authority)}
        self._pool = urllib3.HTTPSConnectionPool("127.0.0.1", self.port, maxsize=16, retries=False, **names)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        request = Request(scope, receive) if scope["type"] == "http" else None
        if request is None or not (request.url.hostname or "").endswith(HOSTS):
            await self.other(scope, receive, send)
            return
        raw = await request.body()
        answer = await run_in_threadpool(self._answered, request, raw)
        await answer(scope, receive, send)

    def _answered(self, request: Request, raw: bytes) -> Response:
        fault = self.faults.take(f"blob {request.method.lower()}", request.url.path)
        try:
            if fault and not fault.after:
                return self._cut() if fault.drop else _refusal(Refused(fault.status, fault.code, fault.message))
            self._allow(request)
            answer = self._carried(request, raw)
        except Refused as error:
            return _refusal(error)
        return self._cut() if fault and fault.drop else answer

    def _cut(self) -> Response:
        self.drop()
        return Response(status_code=502)

    def _allow(self, request: Request) -> None:
        """Refuse whoever is signed in and whose roles do not grant it, in the words of Azure Storage."""
        header, query = request.headers.get("authorization", ""), dict(parse_qsl(request.url.query))
        if header.startswith("SharedKey"):
            raise Refused(403, "KeyBasedAuthenticationNotPermitted", "Key based authentication is not permitted on this storage account.")
        if not header:
            return
        who, claims = self.entra.who(header)
        if claims["aud"].rstrip("/") != AUDIENCE:
            raise Refused(401, "InvalidAuthenticationInfo", "Authentication information is not given in the correct format: the audience.")
        action, data = blob_action(request.method, query)
        if not self.judge.allows(who.role, action, ("storage", "group", "subscription"), data=data):
            told = "This request is not authorized to perform this operation using this permission."
            raise Refused(403, "AuthorizationPermissionMismatch", told)

    def _carried(self, request: Request, raw: bytes) -> Response:
        path = request.scope["raw_path"].decode("ascii") + (f"?{request.url.query}" if request.url.query else "")
        headers = {name: value for name, value in request.headers.items() if name not in _HOPS}
        if raw or request.method in {"PUT", "POST"}:
            headers["content-length"] = str(len(raw))
        told = self._pool.request(request.method, path, body=raw or None, headers=headers, decode_content=False, redirect=False)
        answer = Response(told.data, told.status)
        kept = [(name.lower(), value) for name, value in told.headers.items() if name.lower() not in _HOPS - {"content-length"}]
        answer.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept]
        return answer


def _refusal(error: Refused) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>'
    return Response(body, error.status, {"x-ms-error-code": error.code, **error.headers}, "application/xml")

"""The token services of GitHub Actions and of Azure Pipelines: each job is given what it may ask with, and asks who it is.

with Issuer(azure.entra) as issuer:
    who.trusts.add((GITHUB, "repo:acme/shops:environment:production"))
    variables = issuer.job(GITHUB, {"": "repo:acme/shops:environment:production"})

Entra checks the signature, and knows nothing of jobs. A job that was given nothing can ask for nothing: that is how a missing `id-token: write`, or a
service connection that no task names, shows.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from .entra import Entra

GITHUB = "https://token.actions.githubusercontent.com"
DEVOPS = "https://login.microsoftonline.com/loopback/v2.0"
"""Whose tokens they are; Azure Pipelines has one for each organization."""
AUDIENCE = "api://AzureADTokenExchange"
_LASTS = 300


@dataclass
class Issuer:
    """Both services, until the block ends. `asked` has the subject of every token that was given."""

    entra: Entra
    asked: list[str] = field(default_factory=list)
    _jobs: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    """The job's own token -> the issuer, and its subjects: the only one, or those of service connections by their id."""
    _keys: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._keys = {name: secrets.token_hex(32) for name in (GITHUB, DEVOPS)}
        self.entra.issuers.update(self._keys)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._answer))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        for name in self._keys:
            self.entra.issuers.pop(name, None)

    def job(self, issuer: str, subjects: Mapping[str, str]) -> dict[str, str]:
        """Begin a job that may have tokens, and return its variables; it is `subjects` by the id of the service connection, or by nothing on GitHub."""
        token = secrets.token_urlsafe(16)
        self._jobs[token] = (issuer, dict(subjects))
        if issuer == GITHUB:
            return {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/github?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": token}
        return {"SYSTEM_OIDCREQUESTURI": f"{self.url}/devops/{token}/oidctoken"}

    def _answer(self, method: str, path: str, query: dict[str, str], bearer: str, body: Any) -> tuple[int, Any]:
        if (method, path) == ("POST", "/jobs"):  # a runner begins a job
            return 200, self.job(GITHUB, {"": body["subject"]})
        if (method, path) == ("GET", "/github") and bearer in self._jobs and query.get("audience") == AUDIENCE:
            return 200, {"value": self._signed(*self._jobs[bearer], "")}
        job = path.split("/")[2] if method == "POST" and path.startswith("/devops/") else ""
        if job in self._jobs and bearer and query.get("api-version", "").startswith("7.1"):
            connection = query.get("serviceConnectionId", "")
            if connection not in self._jobs[job][1]:
                return 200, {"count": 1, "value": f"There is no explicit reference to service connection {connection} from current stage."}
            return 200, {"oidcToken": self._signed(*self._jobs[job], connection)}
        return 401, {"message": "no job that may have a token"}

    def _signed(self, issuer: str, subjects: dict[str, str], which: str) -> str:
        now = int(time.time())
        self.asked.append(subjects[which])
        claims = {"iss": issuer, "sub": subjects[which], "aud": AUDIENCE, "iat": now, "nbf": now - 5, "exp": now + _LASTS}
        return jwt.encode(claims, self._keys[issuer], algorithm="HS256")


def _handler(answer: Callable[..., tuple[int, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            at = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(at.query).items()}
            raw = self.rfile.read(int(self.headers["Content-Length"] or 0))
            bearer = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            status, told = answer(self.command, at.path, query, bearer, json.loads(raw) if raw else None)
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler

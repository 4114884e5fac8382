"""The routes of a deployment, as a plain ASGI application.

    POST /score          Azure ML's form; classes, and the probability of the positive one (of all where there are more than two); or numbers
    POST /invocations    MLflow's forms, JSON or CSV; classes, or numbers
    GET  /               liveness in a word, as azureml-inference-server-http answers
    GET  /health/live, /health/ready, /health, /ping, /version, /swagger.json, /metrics

The two that score need a bearer key. No payload is ever logged, and no traceback reaches a caller.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops.serving.body import INVOCATION_FORMS, SCORE_FORMS, Refused
from mlops.serving.home import read_keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from mlops.serving.batch import Batch
    from mlops.serving.body import Form, Row
    from mlops.serving.deployment import Deployment
    from mlops.serving.home import Home
    from mlops.serving.scoring import Scorer
    from mlops.serving.telemetry import Telemetry

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

JSON, TEXT = b"application/json", b"text/plain; charset=utf-8"
AS_JSON = {"", "application/json", "application/x-www-form-urlencoded"}
"""What `curl -d` calls a body when it is told nothing is taken as JSON too."""
LOOPBACK = {b"127.0.0.1", b"localhost", b"[::1]"}
LONGEST_ID = 100
LINGER_SECONDS = 2.0


@dataclass(frozen=True)
class Answer:
    """What a caller gets."""

    status: int
    body: bytes
    kind: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    rows: int = 0
    linger: bool = False


class Keys:
    """The keys that are good now: read again when one does not fit, and forgotten when they leave their file."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._keys = read_keys(home)

    def refresh(self) -> None:
        self._keys = read_keys(self._home)

    def fits(self, header: bytes) -> bool:
        """Return whether an Authorization header has a good key, in a time that does not tell how much of it was right."""
        kind, _, key = header.partition(b" ")
        if kind.lower() != b"bearer":
            return False
        key = key.strip()
        if self._among(key):
            return True
        self.refresh()
        return self._among(key)

    def _among(self, key: bytes) -> bool:
        return sum(hmac.compare_digest(key, known) for known in self._keys) > 0


class Application:
    """Answers requests for one deployment."""

    def __init__(
        self, *, deployment: Deployment, environment: str, scorer: Scorer, form: Form, batch: Batch, keys: Keys, telemetry: Telemetry
    ) -> None:
        import sklearn

        self.closing = False
        self.keys = keys
        self._form = form
        self._batch = batch
        self._telemetry = telemetry
        self._limit_mb = deployment.max_body_mb
        self._limit = int(deployment.max_body_mb * 2**20)
        self._timeout = deployment.timeout_seconds
        self._number = deployment.version
        self._version = str(deployment.version).encode()
        facts = {"model": deployment.model, "version": deployment.version, "digest": deployment.digest, "environment": environment}
        self._facts = json.dumps(facts | {"scikit_learn": sklearn.__version__, "way": scorer.way}).encode()
        self._named: list[Any] = list(scorer.named)
        self._labels = f'model="{deployment.model}",version="{deployment.version}",environment="{environment}"'
        self._swagger = json.dumps(_openapi(deployment, scorer)).encode()
        self._gets: dict[str, Callable[[], Answer]] = {
            "/": lambda: Answer(200, b"Healthy", TEXT),
            "/ping": lambda: Answer(200, b"\n"),
            "/health": lambda: Answer(200, b"OK", TEXT),
            "/health/live": lambda: Answer(200, b'{"status": "live"}'),
            "/health/ready": lambda: Answer(200, b'{"status": "ready"}'),
            "/version": lambda: Answer(200, self._facts),
            "/swagger.json": lambda: Answer(200, self._swagger),
            "/metrics": lambda: Answer(200, telemetry.metrics(self._labels, batch.batches).encode(), b"text/plain; version=0.0.4"),
        }

    def close(self) -> None:
        """Write what is left of the telemetry."""
        self._telemetry.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        given: dict[bytes, bytes] = dict(scope["headers"])
        number = new_id()
        try:
            answer = await self._answer(scope, given, receive)
        except Refused as refused:
            answer = Answer(refused.status, refused.body(), linger=refused.status == 413)
        except Exception:
            logging.getLogger(__name__).exception("request %s failed", number)
            said = f"the model could not score this; the deployment's log has the reason under {number}"
            answer = Answer(500, Refused(500, said).body())
        await self._send(send, receive, answer, number, given.get(b"x-ms-client-request-id"))
        route = scope["path"] if scope["path"] in self._gets or scope["path"] in POSTS else "other"
        self._telemetry.tell((time.time(), number, route, answer.status, answer.rows, time.perf_counter() - began, self._number))

    async def _answer(self, scope: Scope, given: dict[bytes, bytes], receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        _check_origin(scope, given)
        if path not in POSTS:
            return self._get(path, method)
        if method != "POST":
            return _not_allowed(method, "POST")
        if not self.keys.fits(given.get(b"authorization", b"")):
            refused = Refused(401, "a good key is needed, as in: Authorization: Bearer <key>")
            return Answer(401, refused.body(), headers=((b"www-authenticate", b"Bearer"),), linger=True)
        rows = self._read(path, given, await self._body(given, receive))
        work = self._batch.score(rows)
        try:
            scores = await work if len(rows) == 1 else await asyncio.wait_for(work, self._timeout)
        except TimeoutError:
            raise Refused(503, f"scoring {len(rows):,} rows took longer than {self._timeout:g} seconds; send fewer at once") from None
        found: dict[str, Any] = {"predictions": scores.predictions}
        if path == "/score" and scores.probabilities is not None:
            found |= {"probabilities": scores.probabilities, "probabilities_of": self._named}
        return Answer(200, json.dumps(found, allow_nan=False).encode(), rows=len(rows))

    def _get(self, path: str, method: str) -> Answer:
        if path not in self._gets:
            known = ", ".join((*POSTS, *self._gets))
            return Answer(404, Refused(404, f"there is nothing at this address; there is: {known}").body(), linger=method == "POST")
        return self._gets[path]() if method == "GET" else _not_allowed(method, "GET")

    def _read(self, path: str, given: dict[bytes, bytes], body: bytes) -> list[Row]:
        if b"content-encoding" in given:
            raise Refused(415, "send the body as it is, without a content-encoding")
        kind, _, rest = given.get(b"content-type", b"").decode("latin-1").lower().partition(";")
        kind = kind.strip()
        if "charset=" in rest and "utf-8" not in rest and "utf8" not in rest:
            raise Refused(415, "send the body in UTF-8")
        if kind == "text/csv" and path == "/invocations":
            return self._form.read_csv(body)
        if kind not in AS_JSON:
            raise Refused(415, f"{path} takes application/json{' or text/csv' if path == '/invocations' else ''}")
        return self._form.read(body, POSTS[path])

    async def _body(self, given: dict[bytes, bytes], receive: Receive) -> bytes:
        """Return the whole body, or refuse it as soon as it is known to be too large."""
        if int(given.get(b"content-length", b"0")) > self._limit:
            raise self._too_large()
        message = await receive()
        if not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            if len(body) > self._limit:
                raise self._too_large()
            return body
        parts, size = [message["body"]], len(message["body"])
        while message.get("more_body", False):
            if size > self._limit:
                raise self._too_large()
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        if message["type"] == "http.disconnect":
            raise Refused(400, "the body is not complete")
        return b"".join(parts)

    def _too_large(self) -> Refused:
        return Refused(413, f"the body is larger than {self._limit_mb:g} MiB")

    async def _send(self, send: Send, receive: Receive, answer: Answer, number: str, asked: bytes | None) -> None:
        client = asked if asked and len(asked) <= LONGEST_ID and asked.isascii() else number.encode()
        headers = [
            (b"content-type", answer.kind),
            (b"content-length", str(len(answer.body)).encode()),
            (b"x-request-id", number.encode()),
            (b"x-ms-client-request-id", client),
            (b"x-model-version", self._version),
            *answer.headers,
        ]
        if self.closing or answer.linger:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if answer.linger:
            await send({"type": "http.response.body", "body": answer.body, "more_body": True})
            await _discard(receive)
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": answer.body})


POSTS = {"/score": SCORE_FORMS, "/invocations": INVOCATION_FORMS}


async def _discard(receive: Receive) -> None:
    """Read the rest of a body that was refused, for a moment: closed at once, the caller would see a reset and not the reason."""

    async def rest() -> None:
        while (await receive()).get("more_body", False):
            pass

    try:
        await asyncio.wait_for(rest(), LINGER_SECONDS)
    except TimeoutError:
        return


def _not_allowed(method: str, allowed: str) -> Answer:
    refused = Refused(405, f"this address takes {allowed}, not {method}")
    return Answer(405, refused.body(), headers=((b"allow", allowed.encode()),), linger=True)


def _check_origin(scope: Scope, given: dict[bytes, bytes]) -> None:
    """Refuse what a web page of somebody else made a browser send: another host's name, or another origin."""
    host = given.get(b"host")
    if host is None and scope["http_version"] == "1.1":
        raise Refused(400, "the Host header is missing")
    if host is not None and host not in LOOPBACK and host.rpartition(b":")[0] not in LOOPBACK:
        raise Refused(421, "this endpoint answers to 127.0.0.1 and localhost only")
    origin = given.get(b"origin")
    if origin is not None and origin.partition(b"://")[2].rpartition(b":")[0] not in LOOPBACK:
        raise Refused(403, "this endpoint does not answer to web pages")


def new_id() -> str:
    """Return a prediction's id: a UUID of version 7 (RFC 9562), which sorts by time."""
    bits = (time.time_ns() // 1_000_000 << 80) | random.getrandbits(80)
    text = f"{bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _openapi(deployment: Deployment, scorer: Scorer) -> dict[str, Any]:
    """Return what /score takes and gives, as OpenAPI 3, made from the signature."""
    kinds = {"string": "string", "boolean": "boolean", "integer": "integer", "long": "integer", "datetime": "string"}
    names = [column.name for column in scorer.columns]
    columns = {
        c.name: {"type": kinds.get(c.type, "number"), "nullable": c.type in ("double", "float") or not c.required} for c in scorer.columns
    }
    table = {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": "array", "items": {"enum": names}},
            "index": {"type": "array", "items": {}},
            "data": {"type": "array", "items": {"type": "array", "items": {}}},
        },
    }
    records = {"type": "array", "items": {"type": "object", "required": names, "properties": columns}}
    body = {"type": "object", "required": ["input_data"], "properties": {"input_data": {"oneOf": [table, records]}}}
    number = {"type": "number"}
    each: dict[str, Any] = number if len(scorer.named) == 1 else {"type": "array", "items": number}
    found: dict[str, Any] = {"predictions": {"type": "array", "items": {}}, "probabilities": {"type": "array", "items": each}}
    found["probabilities_of"] = {"type": "array", "items": {"enum": list(scorer.named)}}
    operation = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "security": [{"key": []}],
        "responses": {
            "200": {
                "description": "in the order of the rows",
                "content": {"application/json": {"schema": {"type": "object", "properties": found}}},
            },
            "422": {"description": "the request does not fit the signature; the column and row are named"},
        },
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": deployment.model, "version": str(deployment.version)},
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "paths": {"/score": {"post": operation}},
    }

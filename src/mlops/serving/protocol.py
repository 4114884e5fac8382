"""uvicorn's HTTP server with what it lacks for a port that anybody on the machine can reach.

That is time limits for heads and bodies, a size limit for heads, and a way to leave that no caller notices.

uvicorn limits only how long a connection may be idle after an answer. One that sends nothing, or a byte a minute, would stay for ever (S3).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mlops.serving.body import Refused

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from mlops.serving.application import Application

LARGEST_HEAD = 32 * 1024
MOST_CONNECTIONS = 1000
IDLE_SECONDS = 30
"""How long a connection may be idle after an answer."""
LEAVE_SECONDS = 5.0
"""How long the connections of a deployment that was let go may be idle before they are closed."""


class GuardedProtocol(HttpToolsProtocol):
    """A connection that knows since when it waits for the rest of a request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waits_since: float | None = self.loop.time()
        self.head: int | None = None

    def data_received(self, data: bytes) -> None:
        if self.waits_since is None and (self.cycle is None or self.cycle.response_complete):
            self.waits_since = self.loop.time()
        super().data_received(data)
        if self.head is not None:
            self.head += len(data)
            if self.head > LARGEST_HEAD:
                self.refuse(431, "the request's head is too large")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.head = 0

    def on_headers_complete(self) -> None:
        self.head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.waits_since = None

    def refuse(self, status: int, message: str) -> None:
        """Answer an incomplete request, unless its answer has begun, and hang up."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = Refused(status, message).body()
            head = [b"content-type: application/json", b"content-length: %d" % len(body), b"connection: close"]
            self.transport.write(STATUS_LINE[status] + b"\r\n".join(head) + b"\r\n\r\n" + body)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self.refuse(400, f"{msg.rstrip('.')}: it is not valid HTTP")


class Server(uvicorn.Server):
    """A server on an inherited socket, that says when it takes connections and when it does not any more."""

    def __init__(self, app: Application, timeout: float, tell: Callable[[dict[str, Any]], None]) -> None:
        config = uvicorn.Config(
            app,
            http=GuardedProtocol,
            loop="uvloop",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="error",
            proxy_headers=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=4,
        )
        super().__init__(config)
        self._app = app
        self._timeout = timeout
        self._tell = tell
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._until = float("inf")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._sockets = sockets or []
        self._sweeping = self._loop.create_task(self._sweep())
        self._tell({"ready": True})

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ARG002 - uvicorn's signature
        self.leave()

    def leave(self, seconds: float = LEAVE_SECONDS) -> None:
        """Take no more connections, answer what comes on the open ones, and end when they are closed or were idle for `seconds`.

        It may be called from any thread.
        """
        if self._loop is None:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._begin_leaving, seconds)

    def _begin_leaving(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._until = min(self._until, loop.time() + seconds)
        if self._leaving is None:
            self._leaving = loop.create_task(self._leave())

    async def _leave(self) -> None:
        # Two turns of the loop take what is in the socket's queue already.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for sock in self._sockets:
            sock.close()
        self._app.closing = True
        self._tell({"closed": True})
        loop = asyncio.get_running_loop()
        while self.server_state.connections and loop.time() < self._until:  # noqa: ASYNC110 - uvicorn tells nobody when one closes
            await asyncio.sleep(0.02)
        self.should_exit = True

    async def _sweep(self) -> None:
        """Once in a while, hang up on who did not send a whole request in time, and read the keys again."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self._timeout / 4))
            before = loop.time() - self._timeout
            for connection in list(self.server_state.connections):
                since = getattr(connection, "waits_since", None)
                if since is not None and since < before:
                    connection.refuse(408, f"the request was not complete within {self._timeout:g} seconds")  # type: ignore[union-attr]
            self._app.keys.refresh()

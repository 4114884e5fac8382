"""The way out: an HTTP proxy that knows Azure's names alone, and leads each to where it is spoken here.

With `HTTPS_PROXY` naming it, the SDK talks to `management.azure.com` as it does in life, with nothing patched and nothing configured. A name
that is not Azure's is refused and remembered: so it shows that nobody else is talked to.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from fnmatch import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Proxy:
    """Answers CONNECT: `routes` has patterns of names and the local port behind each. `down` says whether a name cannot be reached now."""

    def __init__(self, routes: Mapping[str, int]) -> None:
        self.routes = routes
        self.strangers: list[str] = []
        self.port = 0
        self.down: Callable[[str], bool] = lambda _host: False
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # the end of the loop is no failure
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b" ", 2)
                host = target.decode().rpartition(":")[0]
                port = next((port for pattern, port in self.routes.items() if fnmatch(host, pattern)), None)
                if method != b"CONNECT" or port is None:
                    self.strangers.append(host or target.decode())
                    writer.write(b"HTTP/1.1 403 this is no name of the loopback Azure\r\n\r\n")
                elif not self.down(host):
                    await self._join(reader, writer, port)
            finally:
                writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._open.add(writer)
        try:
            ends = [one.get_extra_info("socket") for one in (writer, there_writer)]
            await asyncio.gather(_carry(reader, there_writer, ends), _carry(there_reader, writer, ends))
        finally:
            self._open.discard(writer)
            there_writer.close()

    def drop(self) -> None:
        """Cut every connection that is open, as a network does that goes away. To be called in the loop's own thread."""
        for writer in self._open:
            writer.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: list[socket.socket]) -> None:
    """Carry bytes; each is acknowledged at once, for urllib3 holds back the rest of a request to a proxy until then (40 ms for each request)."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            for end in ends:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            writer.write(data)
            await writer.drain()
    writer.close()

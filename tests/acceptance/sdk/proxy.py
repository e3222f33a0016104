"""A TCP proxy between a client and the server that breaks connections as networks do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CHUNK_BYTES = 4096


class Proxy:
    """Forwards to `port` on this machine; listens on a port of its own, the same all its life."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._rng: random.Random | None = None
        self._most_bytes = 0
        self._down = False
        self.port = 0
        self.cuts = 0

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket(self) -> str:
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self.cut()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection, whatever is under way on it."""
        for writer in list(self._open):
            self._reset(writer)

    def go_wild(self, seed: int, most_bytes: int) -> None:
        """From now on each new connection is closed after at most so many bytes to the client.

        Where exactly is drawn for each: in the handshake, in the middle of a frame, between two.
        """
        self._rng = random.Random(seed)
        self._most_bytes = most_bytes

    def calm_down(self) -> None:
        self._rng = None

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """The server cannot be reached."""
        self._down = True
        self.cut()
        try:
            yield
        finally:
            self._down = False

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        self.cuts += 1
        writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if not self._down:
                await self._forward(reader, writer)
        except OSError:
            return  # either side is gone: what this proxy is for
        finally:
            self._connections.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._open.add(writer)
        budget = self._rng.randint(1, self._most_bytes) if self._rng is not None else None
        ways = {
            asyncio.create_task(_copy(reader, server_writer, None)),
            asyncio.create_task(_copy(server_reader, writer, budget)),
        }
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            self.cuts += sum(1 for way in done if way.exception() is None and way.result())
        finally:
            self._open.discard(writer)
            for way in ways:
                way.cancel()
            server_writer.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int | None
) -> bool:
    """Until the end of the stream, or of the budget: then True."""
    while data := await reader.read(_CHUNK_BYTES):
        if budget is not None:
            data = data[:budget]
            budget -= len(data)
        writer.write(data)
        await writer.drain()
        if budget == 0:
            return True
    return False

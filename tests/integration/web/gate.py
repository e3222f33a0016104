"""A TCP gate before a server: open, shut (refuses and resets), or still (accepts, says nothing)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal


class Gate:
    """Forwards to `port` on loopback; `port` of its own."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._state: Literal["open", "shut", "still"] = "open"
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    def open(self) -> None:
        self._state = "open"
        self._flowing.set()

    def shut(self) -> None:
        """As of a server that is not there."""
        self._state = "shut"
        self._flowing.set()
        for writer in list(self._writers):
            writer.transport.abort()

    def still(self) -> None:
        """As of a server that was stopped: what is sent is taken, and nothing comes back."""
        self._state = "still"
        self._flowing.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._forward(reader, writer)
        except OSError:
            return  # the server is gone
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        both = {writer, back}
        self._writers |= both
        if self._state == "shut":
            self.shut()
        await asyncio.gather(self._copy(reader, back, both), self._copy(there, writer, both))
        self._writers -= both

    async def _copy(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: set[asyncio.StreamWriter],
    ) -> None:
        """Until either side is gone; then the other is cut, too. Never cancelled."""
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        for each in both:
            each.transport.abort()

    async def _end(self) -> None:
        self.shut()
        await asyncio.gather(*self._tasks)

    @classmethod
    @asynccontextmanager
    async def before(cls, port: int) -> AsyncIterator[Gate]:
        gate = cls(port)
        listener = await asyncio.start_server(gate._accept, "127.0.0.1", 0)
        gate.port = listener.sockets[0].getsockname()[1]
        try:
            yield gate
        finally:
            listener.close()
            await gate._end()

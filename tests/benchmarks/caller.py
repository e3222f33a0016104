"""Callers of the REST API: kept connections and no more, so that a POST costs the client little."""

from __future__ import annotations

import asyncio
from typing import Final

AT_ONCE: Final = 32


class Callers:
    """Up to AT_ONCE requests at a time to one server, each with this token."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def post(self, path: str, body: bytes) -> bytes:
        """The answer's body. Raises RuntimeError for any status but 200 to 299."""
        async with self._gate:
            reader, writer = await self._connection()
            asked = (
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {self._token}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(asked.encode() + body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length:")[2].partition("\r\n")[0])
            answer = await reader.readexactly(length)
            self._idle.append((reader, writer))
        status = int(head.split(" ", 2)[1])
        if not 200 <= status < 300:
            raise RuntimeError(f"POST {path}: {status} {answer.decode()}")
        return answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()  # nobody used it for so long that the server has ended it
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()

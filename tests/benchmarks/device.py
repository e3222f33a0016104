"""A client of the realtime endpoint that costs little, so that thousands fit beside the worker.

It speaks JSON commands, a line each, and leaves replies and pushes to `heard`, undecoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import msgspec

from tests.benchmarks.fan_servers import SOCKET_PATH

Heard = Callable[["Device", bytes], None]
_PONG = b"{}"


def masked(text: bytes) -> bytes:
    """A client's text frame. A mask of zeros leaves the text as it is, which costs us nothing."""
    size = len(text)
    if size < 126:
        return bytes((0x81, 0x80 | size)) + bytes(4) + text
    return b"\x81\xfe" + size.to_bytes(2, "big") + bytes(4) + text


class Device(asyncio.Protocol):
    """`heard` is called with each line; `lost` when the server, or `cut`, ends the connection."""

    __slots__ = ("_buffer", "_greeting", "_open", "heard", "name", "transport")

    def __init__(self, name: str, token: str, subscribe: bytes, heard: Heard) -> None:
        """`subscribe`: the body of a subscribe request to send behind the connect command."""
        self.name = name
        self.heard = heard
        self.transport: asyncio.Transport | None = None
        self._greeting = masked(b'{"id":1,"connect":{"token":"%b"}}' % token.encode()) + masked(
            b'{"id":2,"subscribe":%b}' % subscribe
        )
        self._buffer = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(
            f"GET {SOCKET_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._open:
            head, blank, buffer = buffer.partition(b"\r\n\r\n")
            if not blank:
                self._buffer = head
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                raise ConnectionError(head.decode())
            self._open = True
            assert self.transport is not None
            self.transport.write(self._greeting)
        at = 0
        while (message := _message(buffer, at)) is not None:
            at = message[1]
            if message[2] == 0x1:
                for line in buffer[message[0] : at].split(b"\n"):
                    self._hear(line)
        self._buffer = buffer[at:]

    def _hear(self, line: bytes) -> None:
        if line == _PONG:
            self.send(_PONG)
        else:
            self.heard(self, line)

    def send(self, command: bytes) -> None:
        assert self.transport is not None
        self.transport.write(masked(command))

    def cut(self) -> None:
        """As a lost network does, but that the server hears of it."""
        if self.transport is not None:
            self.transport.abort()


def _message(buffer: bytes, at: int) -> tuple[int, int, int] | None:
    """Start, end and opcode of the unmasked frame at `at`, if it is there whole."""
    have = len(buffer) - at
    if have < 2:
        return None
    size, head = buffer[at + 1], 2
    if size == 126:
        size, head = int.from_bytes(buffer[at + 2 : at + 4], "big"), 4
    elif size == 127:
        size, head = int.from_bytes(buffer[at + 2 : at + 10], "big"), 10
    if have < head + size:
        return None
    return at + head, at + head + size, buffer[at] & 0x0F


class _Error(msgspec.Struct, frozen=True):
    code: int
    message: str


class _Reply(msgspec.Struct, frozen=True):
    id: int = 0
    error: _Error | None = None


_reply = msgspec.json.Decoder(_Reply)


def reply_to(line: bytes) -> int:
    """Which command a line answers, 0 for a push. Raises ConnectionError for an error reply."""
    reply = _reply.decode(line)
    if reply.error is not None:
        raise ConnectionError(f"refused: {reply.error}")
    return reply.id


async def open_all(port: int, devices: list[Device], at_once: int = 200) -> None:
    """Open their sockets, some at a time; what comes on them is told to each."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(at_once)

    async def one(device: Device) -> None:
        async with gate:
            await loop.create_connection(lambda: device, "127.0.0.1", port)

    await asyncio.gather(*(one(device) for device in devices))

"""A WebSocket client that can do what no library lets one do."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""RFC 6455 §1.3: the answer to that key."""

HEADERS = {
    "Host": "maxray.example",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


class RawPeer:
    """`status` and `headers`: of the answer to the handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self._protocol = Protocol(CLIENT, state=OPEN, max_size=None)
        self._events: list[Any] = []

    @classmethod
    async def open(cls, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(host, port)

    @classmethod
    async def shake(cls, url: str, query: str = "", /, **headers: str | None) -> RawPeer:
        """Connect and send the handshake; `headers`: other values, None to leave one out."""
        place = urlsplit(url)
        assert place.hostname and place.port
        peer = cls(*await cls.open(place.hostname, place.port))
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"GET {place.path}{query} HTTP/1.1"]
        lines += [f"{k}: {v}" for k, v in {**HEADERS, **given}.items() if v is not None]
        peer.writer.write("\r\n".join((*lines, "", "")).encode())
        head = (await peer.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        peer.status = int(head[0].split()[1])
        peer.headers = dict(line.split(": ", 1) for line in head[1:] if line)
        return peer

    @classmethod
    async def connect(cls, url: str, token: str = "ann") -> RawPeer:
        """A connected session."""
        peer = await cls.shake(url)
        reply = await peer.ask({"id": 1, "connect": {"token": token}})
        assert "connect" in reply, reply
        return peer

    def send(self, *frames: Frame) -> None:
        self.writer.write(b"".join(frame.serialize(mask=True) for frame in frames))

    def say(self, command: dict[str, Any]) -> None:
        self.send(Frame(Opcode.TEXT, json.dumps(command).encode()))

    async def receive(self) -> Frame:
        """The next frame. Raises EOFError when the connection has ended."""
        async with asyncio.timeout(10):
            while not self._events:
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self._protocol.receive_data(data)
                self._events += self._protocol.events_received()
        frame = self._events.pop(0)
        assert isinstance(frame, Frame)
        return frame

    async def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command; its reply, whatever else comes before it."""
        self.say(command)
        while True:
            frame = await self.receive()
            for line in bytes(frame.data).splitlines():
                reply: dict[str, Any] = json.loads(line)
                if reply.get("id") == command["id"]:
                    return reply

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close frame; whatever else comes before it is passed over."""
        while True:
            frame = await self.receive()
            if frame.opcode is Opcode.CLOSE:
                close = Close.parse(bytes(frame.data))
                return close.code, close.reason

    async def ended(self) -> None:
        """The server has ended the TCP connection, one way or the other."""
        async with asyncio.timeout(10):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                pass
        self.end()

    def end(self) -> None:
        self.writer.close()

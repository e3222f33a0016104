"""A connection whose pushes are the body of a long answer; its commands come by `emulation.py`.

What `http_stream.py` and `sse.py` share. The session lives as long as the answer: it ends when the
client goes, and the answer ends with the session, after a push that says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from realtime.codes import Disconnect
from realtime.protocol.codec import Codec
from realtime.protocol.messages import DisconnectPush, Push
from realtime.session.connection import Connection
from realtime.settings import RealtimeSettings
from realtime.transport.asgi_call import CallTransport, lasting
from realtime.transport.http_exchange import Exchange, Headers, Receive, Refused, SendMessage
from realtime.transport.outbox import Transport

Framing = Callable[[bytes], bytes]
"""How a message (several frames of one format) stands in the body."""

ABORT = "maxray.abort"
"""An ASGI extension, where the server has it: under "abort" what resets the connection."""

_HEADERS: Headers = [
    # Proxies that buffer answers would hold back what is pushed.
    (b"x-accel-buffering", b"no"),
]


class Node(Protocol):
    """What these transports need of the server."""

    @property
    def accepting(self) -> bool: ...

    @property
    def settings(self) -> RealtimeSettings: ...

    def open(
        self, transport: Transport, codec: Codec, address: str = "", emulated: bool = False
    ) -> Connection: ...


class HttpTransport(CallTransport):
    __slots__ = ("_abort", "_codec", "_framing", "_send")

    def __init__(
        self,
        send: SendMessage,
        codec: Codec,
        framing: Framing,
        abort: Callable[[], None] | None,
    ) -> None:
        super().__init__()
        self._send = send
        self._codec = codec
        self._framing = framing
        self._abort = abort

    async def send(self, message: bytes, binary: bool) -> None:
        body = self._framing(message)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def close(self, why: Disconnect) -> None:
        """There is no close code in HTTP: a push says it, and the body ends."""
        push = DisconnectPush(why.code, why.reason, why.reconnects)
        body = self._framing(self._codec.push(Push(disconnect=push)))
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def _end(self, call: asyncio.Task[object]) -> None:
        """Reset the connection, where the server has that extension."""
        if self._abort is not None:
            self._abort()
        else:
            super()._end(call)


async def serve(
    exchange: Exchange,
    node: Node,
    codec: Codec,
    content_type: bytes,
    framing: Framing,
    first: bytes,
) -> None:
    """Answer with a session's pushes until either side ends it. `first`: its first commands."""
    if not node.accepting:
        raise Refused(503, "no new connections here at present", [(b"retry-after", b"1")])
    await exchange.begin(200, [(b"content-type", content_type), *_HEADERS])
    extension = exchange.scope.get("extensions", {}).get(ABORT)
    transport = HttpTransport(
        exchange.send, codec, framing, extension["abort"] if extension else None
    )
    connection = node.open(transport, codec, exchange.address, emulated=True)
    with lasting(transport, connection):
        connection.receive(first)
        await _until_gone(exchange.receive)


async def _until_gone(receive: Receive) -> None:
    """Returns when the client has gone, or the answer has come to its end."""
    while (await receive())["type"] != "http.disconnect":
        pass

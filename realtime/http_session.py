"""A connection whose pushes are the body of a long answer; its commands come by `emulation.py`.

What `http_stream.py` and `sse.py` share. The session lives as long as the answer: it ends when the
client goes, and the answer ends with the session, after a push that says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from realtime.codec import Codec
from realtime.codes import Disconnect
from realtime.connection import Connection
from realtime.http_exchange import Exchange, Headers, Receive, Refused, SendMessage
from realtime.outbox import Transport
from realtime.protocol import DisconnectPush, Push
from realtime.settings import RealtimeSettings

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


class HttpTransport:
    """Lives as long as the ASGI call that made it, in whose task it must be made."""

    __slots__ = ("_abort", "_codec", "_framing", "_send", "_task", "aborted")

    def __init__(
        self,
        send: SendMessage,
        codec: Codec,
        framing: Framing,
        abort: Callable[[], None] | None,
    ) -> None:
        self._send = send
        self._codec = codec
        self._framing = framing
        self._abort = abort
        self._task = asyncio.current_task()
        self.aborted = False

    async def send(self, message: bytes, binary: bool) -> None:
        body = self._framing(message)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def close(self, why: Disconnect) -> None:
        """There is no close code in HTTP: a push says it, and the body ends."""
        push = DisconnectPush(why.code, why.reason, why.reconnects)
        body = self._framing(self._codec.push(Push(disconnect=push)))
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def abort(self) -> None:
        """Reset the connection; without that extension end the call, which closes it."""
        if self.aborted or self._task is None:
            return
        self.aborted = True
        if self._abort is not None:
            self._abort()
        else:
            self._task.cancel()

    def done(self) -> None:
        """The call is ending by itself; its task is not ours to cancel any more."""
        self._task = None


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
    try:
        connection.receive(first)
        await _until_gone(exchange.receive)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        # Ours, and only ours: then it is an end like any other.
        if not transport.aborted or task is None or task.uncancel():
            raise
    finally:
        transport.done()
        connection.gone()


async def _until_gone(receive: Receive) -> None:
    """Returns when the client has gone, or the answer has come to its end."""
    while (await receive())["type"] != "http.disconnect":
        pass

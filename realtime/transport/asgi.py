"""The WebSocket transport, as a plain ASGI application: no framework, any ASGI server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from realtime.codes import DISCONNECT_INAPPROPRIATE_PROTOCOL, Disconnect
from realtime.protocol.codec import Codec
from realtime.session.connection import Connection
from realtime.transport.asgi_call import CallTransport, lasting
from realtime.transport.negotiation import negotiate
from realtime.transport.origin import OriginCheck
from realtime.transport.outbox import Transport

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
SendMessage = Callable[[Message], Awaitable[None]]


class Node(Protocol):
    """What the transport needs of the server."""

    @property
    def accepting(self) -> bool: ...

    def open(self, transport: Transport, codec: Codec, address: str) -> Connection: ...


class WebSocketTransport(CallTransport):
    __slots__ = ("_send",)

    def __init__(self, send: SendMessage) -> None:
        super().__init__()
        self._send = send

    async def send(self, message: bytes, binary: bool) -> None:
        if binary:
            await self._send({"type": "websocket.send", "bytes": message})
        else:
            await self._send({"type": "websocket.send", "text": message.decode()})

    async def close(self, why: Disconnect) -> None:
        await self._send({"type": "websocket.close", "code": why.code, "reason": why.reason})


class WebSocketApp:
    def __init__(self, node: Node, check_origin: OriginCheck) -> None:
        self._node = node
        self._check_origin = check_origin

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        """Serve one socket until it ends."""
        if scope["type"] != "websocket":
            await _upgrade_required(send)
            return
        await receive()  # websocket.connect
        if not self._node.accepting or not self._origin_allowed(scope):
            await send({"type": "websocket.close", "code": 1008})  # before accept: HTTP 403
            return
        query = scope.get("query_string", b"").decode("latin-1")
        subprotocol, codec = negotiate(scope.get("subprotocols") or (), query)
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        transport = WebSocketTransport(send)
        if codec is None:
            await transport.close(DISCONNECT_INAPPROPRIATE_PROTOCOL)
            return
        client = scope.get("client")
        connection = self._node.open(transport, codec, client[0] if client else "")
        with lasting(transport, connection):
            await self._pump(receive, connection)

    async def _pump(self, receive: Receive, connection: Connection) -> None:
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            text = event.get("text")
            connection.receive(text.encode() if text is not None else event["bytes"])

    def _origin_allowed(self, scope: Scope) -> bool:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        host = headers.get(b"host", b"").decode("latin-1")
        return self._check_origin(origin.decode("latin-1") if origin else None, host)


async def _upgrade_required(send: SendMessage) -> None:
    headers = [(b"content-type", b"text/plain"), (b"upgrade", b"websocket")]
    await send({"type": "http.response.start", "status": 426, "headers": headers})
    await send({"type": "http.response.body", "body": b"This is a WebSocket endpoint.\n"})

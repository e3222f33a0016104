"""uvicorn's HTTP protocol class, with a way of its own for WebSockets of the realtime endpoint.

Such a socket is handed to the realtime server as it is (realtime/transport/websocket.py): there is
no ASGI call, no task, no queue and no second parser for it. Other paths go uvicorn's way.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from realtime.codes import DISCONNECT_SHUTDOWN
from realtime.node import RealtimeServer
from realtime.transport.websocket import WebSocket
from realtime.transport.websocket_handshake import Accepted, shake_hands
from web.http_protocol import BoundedHttpProtocol

WRITE_HIGH_BYTES = 64 * 1024


def http_protocol(server: RealtimeServer, path: str) -> type[asyncio.Protocol]:
    """What `uvicorn.Config(http=...)` takes, for a server whose sockets are at `path`."""

    class RealtimeHttpProtocol(BoundedHttpProtocol):
        def handle_websocket_upgrade(self) -> None:
            url, _, query = self.url.partition(b"?")
            if url.decode("latin-1") != path:
                super().handle_websocket_upgrade()
                return
            self.connections.discard(self)
            transport = self.transport
            # The parser holds this object and is held by it. Without the circle both go now, and
            # not when the collector comes by, which in a worker is seldom (config/collector.py).
            self.parser = None  # type: ignore[assignment]
            headers = _joined(self.headers)
            answer = shake_hands(
                headers, query.decode("latin-1"), server.accepting, server.check_origin
            )
            transport.write(answer.response)
            if not isinstance(answer, Accepted):
                transport.close()
                return
            # As plain TCP has it. That of TLS is eight times as much and of no use: what waits for
            # a socket waits in its outbox, where it is bounded.
            transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
            socket = _Socket(transport, server, self.connections)
            transport.set_protocol(socket)
            socket.open(server, answer.codec, self._address(headers))

        def _address(self, headers: dict[str, str]) -> str:
            """Where the client is, as uvicorn finds it for ASGI: a trusted proxy says."""
            address = self.client[0] if self.client else ""
            forwarded = headers.get("x-forwarded-for")
            if forwarded is None or not isinstance(self.app, ProxyHeadersMiddleware):
                return address
            trusted = self.app.trusted_hosts
            if address not in trusted:
                return address
            return trusted.get_trusted_client_address(forwarded)[0] or address

    return RealtimeHttpProtocol


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Repeated headers joined by commas, as RFC 9110 §5.3 allows."""
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


class _Socket(WebSocket):
    """A socket that uvicorn knows of, so that it waits for it when it ends."""

    __slots__ = ("_connections",)

    def __init__(
        self, transport: asyncio.Transport, server: RealtimeServer, connections: set[Any]
    ) -> None:
        super().__init__(transport, server.settings)
        self._connections = connections
        connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Called by uvicorn, once, when the server goes down."""
        self.leave(DISCONNECT_SHUTDOWN)

"""GET /connection/sse: the same as `http_stream.py` for the EventSource of browsers.

EventSource can send nothing but an URL, so the connect command is its parameter `cf_connect`;
others may POST it. Always JSON: an event is one message, its lines replies and pushes.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from realtime.protocol.codec_json import JSON
from realtime.transport.http_exchange import (
    Exchange,
    Receive,
    Refused,
    Scope,
    SendMessage,
    answer_with,
)
from realtime.transport.http_session import Node, serve
from realtime.transport.origin import OriginCheck

CONNECT_PARAMETER: Final = "cf_connect"


def _event(message: bytes) -> bytes:
    return b"data: " + message.replace(b"\n", b"\ndata: ") + b"\n\n"


class SseApp:
    """An ASGI application for one path."""

    def __init__(self, node: Node, check_origin: OriginCheck) -> None:
        self._node = node
        self._check_origin = check_origin

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        await answer_with(self._serve, scope, receive, send, self._check_origin)

    async def _serve(self, exchange: Exchange) -> None:
        exchange.admit("GET", "POST")
        first = await self._first(exchange)
        await serve(exchange, self._node, JSON, b"text/event-stream; charset=utf-8", _event, first)

    async def _first(self, exchange: Exchange) -> bytes:
        settings = self._node.settings
        body = await exchange.body(settings.max_message_bytes, settings.connect_timeout_s)
        if exchange.method == "POST":
            return body
        given = parse_qs(exchange.query).get(CONNECT_PARAMETER)
        if not given:
            raise Refused(400, f"the connect command is wanted as parameter {CONNECT_PARAMETER}")
        return given[0].encode()

"""POST /connection/http_stream: for networks that break WebSockets and let long answers through.

The body is the connect command; the answer goes on for as long as the session. JSON: a reply or
push a line. Protobuf: each behind its length.
"""

from __future__ import annotations

from typing import Final

from realtime.protocol.codec import Codec
from realtime.protocol.codec_json import JSON
from realtime.transport.http_exchange import Exchange, Receive, Scope, SendMessage, answer_with
from realtime.transport.http_session import Framing, Node, serve
from realtime.transport.origin import OriginCheck


def _line(message: bytes) -> bytes:
    return message + b"\n"


def _as_it_is(message: bytes) -> bytes:
    return message


_JSON: Final[tuple[bytes, Framing]] = (b"application/x-ndjson", _line)
_PROTOBUF: Final[tuple[bytes, Framing]] = (b"application/octet-stream", _as_it_is)


class HttpStreamApp:
    """An ASGI application for one path."""

    def __init__(self, node: Node, check_origin: OriginCheck) -> None:
        self._node = node
        self._check_origin = check_origin

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        await answer_with(self._serve, scope, receive, send, self._check_origin)

    async def _serve(self, exchange: Exchange) -> None:
        exchange.admit("POST")
        codec: Codec = exchange.codec()
        settings = self._node.settings
        first = await exchange.body(settings.max_message_bytes, settings.connect_timeout_s)
        content_type, framing = _JSON if codec is JSON else _PROTOBUF
        await serve(exchange, self._node, codec, content_type, framing, first)

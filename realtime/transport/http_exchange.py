"""One HTTP request to a transport: who may ask, its body within limits, and short answers.

Plain ASGI. Web pages of other origins may use it where `OriginCheck` lets them, as they may open
sockets; the answers then carry the headers that the Fetch standard (CORS) asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from realtime.protocol.codec import Codec
from realtime.protocol.codec_json import JSON
from realtime.protocol.codec_protobuf import PROTOBUF
from realtime.transport.origin import OriginCheck

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
SendMessage = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

CONTENT_TYPES: Final[dict[str, Codec]] = {
    "application/json": JSON,
    "application/octet-stream": PROTOBUF,
    # Requests of these types need no preflight, which is why some clients send JSON as such.
    "text/plain": JSON,
    "": JSON,
}
_PREFLIGHT_MAX_AGE_S: Final = b"300"


class Refused(Exception):
    """The request is answered with this status instead."""

    def __init__(self, status: int, reason: str, headers: Iterable[tuple[bytes, bytes]] = ()):
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = tuple(headers)


class Gone(Exception):
    """The client has gone before it had said all; there is nobody to answer."""


class Exchange:
    """`method`, `origin`, `address` (where it comes from, "" where that is not known)."""

    def __init__(
        self, scope: Scope, receive: Receive, send: SendMessage, check_origin: OriginCheck
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.method: str = scope["method"]
        self._headers = {name.lower(): value for name, value in scope["headers"]}
        client = scope.get("client")
        self.address: str = client[0] if client else ""
        origin = self._headers.get(b"origin")
        self._origin = origin
        self._allowed = check_origin(
            origin.decode("latin-1") if origin is not None else None, self.header(b"host")
        )

    def header(self, name: bytes) -> str:
        value: bytes = self._headers.get(name, b"")
        return value.decode("latin-1")

    @property
    def query(self) -> str:
        found: bytes = self.scope.get("query_string", b"")
        return found.decode("latin-1")

    def admit(self, *methods: str) -> None:
        """Raises Refused for other methods and for pages that may not; answers a preflight so."""
        allow = ", ".join((*methods, "OPTIONS")).encode()
        if not self._allowed:
            raise Refused(403, "pages of this origin may not use this server")
        if self.method == "OPTIONS":
            raise Refused(204, "", self._preflight(allow))
        if self.method not in methods:
            raise Refused(405, f"this takes {allow.decode()}", [(b"allow", allow)])

    def codec(self) -> Codec:
        """The format that the body is in. Raises Refused for one that is not spoken here."""
        kind = self.header(b"content-type").partition(";")[0].strip().lower()
        codec = CONTENT_TYPES.get(kind)
        if codec is None:
            raise Refused(415, "send application/json, or application/octet-stream for Protobuf")
        return codec

    async def body(self, limit: int, timeout_s: float) -> bytes:
        """All of it. Raises Refused for more than `limit` bytes or a longer time, Gone."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    event = await self.receive()
                    if event["type"] == "http.disconnect":
                        raise Gone
                    parts.append(event.get("body", b""))
                    size += len(parts[-1])
                    if size > limit:
                        raise Refused(413, f"more than {limit} bytes", [(b"connection", b"close")])
                    if not event.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            late = "the body took too long"
            raise Refused(408, late, [(b"connection", b"close")]) from None

    async def begin(self, status: int, headers: Headers) -> None:
        """Send the head of an answer."""
        head = [*headers, *self._cross_origin(), (b"cache-control", b"no-store, no-transform")]
        await self.send({"type": "http.response.start", "status": status, "headers": head})

    async def answer(self, status: int, text: str = "", headers: Headers | None = None) -> None:
        body = f"{text}\n".encode() if text else b""
        head = [*(headers or ())]
        if body:
            head.append((b"content-type", b"text/plain; charset=utf-8"))
        if status != 204:  # RFC 9110 §8.6: it has none
            head.append((b"content-length", str(len(body)).encode()))
        await self.begin(status, head)
        await self.send({"type": "http.response.body", "body": body})

    def _cross_origin(self) -> Headers:
        if self._origin is None or not self._allowed:
            return [(b"vary", b"origin")]
        return [
            (b"vary", b"origin"),
            (b"access-control-allow-origin", self._origin),
            (b"access-control-allow-credentials", b"true"),
        ]

    def _preflight(self, allow: bytes) -> Headers:
        wanted = self._headers.get(b"access-control-request-headers", b"content-type")
        return [
            (b"access-control-allow-methods", allow),
            (b"access-control-allow-headers", wanted),
            (b"access-control-max-age", _PREFLIGHT_MAX_AGE_S),
        ]


async def answer_with(
    serve: Callable[[Exchange], Awaitable[None]],
    scope: Scope,
    receive: Receive,
    send: SendMessage,
    check_origin: OriginCheck,
) -> None:
    """Have a request served, and answer what is refused. A WebSocket is turned away."""
    if scope["type"] != "http":
        await receive()
        await send({"type": "websocket.close", "code": 1008})  # before accept: HTTP 403
        return
    exchange = Exchange(scope, receive, send, check_origin)
    try:
        await serve(exchange)
    except Refused as refused:
        await exchange.answer(refused.status, refused.reason, [*refused.headers])
    except Gone:
        return

"""POST /emulation: the commands of clients whose transport goes one way only.

Each request names the node that has the session's stream and the session, by a name that only its
client knows; a request that comes to another node is passed on. The answer says nothing of the
commands: their replies are in the stream.
"""

from __future__ import annotations

from typing import Final, Protocol

from realtime.errors import BrokerUnavailable, MalformedFrame
from realtime.settings import RealtimeSettings
from realtime.transport.http_exchange import (
    Exchange,
    Receive,
    Refused,
    Scope,
    SendMessage,
    answer_with,
)
from realtime.transport.origin import OriginCheck

_ESCAPED: Final = 2
"""How much longer a message of JSON becomes as a JSON string, at most: quotes get a backslash."""
_ENVELOPE_BYTES: Final = 1024


class Node(Protocol):
    """What the application needs of the server."""

    @property
    def id(self) -> str: ...

    @property
    def settings(self) -> RealtimeSettings: ...

    async def emulate(self, node: str, session: str, data: bytes) -> bool: ...


class EmulationApp:
    """An ASGI application for one path.

    204: handed over, or the session has just ended, which its stream tells. 404: there is no such
    node (any more), so the client should connect anew.
    """

    def __init__(self, node: Node, check_origin: OriginCheck) -> None:
        self._node = node
        self._check_origin = check_origin

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        await answer_with(self._serve, scope, receive, send, self._check_origin)

    async def _serve(self, exchange: Exchange) -> None:
        exchange.admit("POST")
        codec, settings = exchange.codec(), self._node.settings
        limit = _ESCAPED * settings.max_message_bytes + _ENVELOPE_BYTES
        body = await exchange.body(limit, settings.connect_timeout_s)
        try:
            request = codec.emulated(body)
        except MalformedFrame as error:
            raise Refused(400, f"not an emulation request: {error}") from None
        try:
            found = await self._node.emulate(request.node, request.session, bytes(request.data))
        except BrokerUnavailable:
            raise Refused(503, "the other nodes are out of reach at present") from None
        if not found and request.node != self._node.id:
            raise Refused(404, "no such node")
        await exchange.answer(204)

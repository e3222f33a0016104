"""What an order does to the connections of one node."""

from __future__ import annotations

import logging

from realtime import codes
from realtime.codes import Disconnect, Unsubscribe
from realtime.errors import UnencodablePayload
from realtime.nodes.control import (
    DisconnectOrder,
    MessageOrder,
    Order,
    RefreshOrder,
    SubscribeOrder,
    UnsubscribeOrder,
)
from realtime.nodes.register import Register
from realtime.session.connection import Connection

log = logging.getLogger(__name__)

_ADVICE = "as the server says"


def carry_out(order: Order, register: Register) -> int:
    """Returns how many connections it concerned."""
    found = register.select(order.target)
    if isinstance(order, UnsubscribeOrder):
        why = Unsubscribe(order.code, order.reason, _ADVICE)
        return sum(_unsubscribe(connection, order.channel, why) for connection in found)
    for connection in found:
        if isinstance(order, DisconnectOrder):
            connection.close(Disconnect(order.code, order.reason, _ADVICE))
        elif isinstance(order, SubscribeOrder):
            connection.subscribe(order.channel, order.options, order.since)
        elif isinstance(order, MessageOrder):
            _message(connection, order)
        else:
            _refresh(connection, order)
    return len(found)


def _unsubscribe(connection: Connection, channel: str, why: Unsubscribe) -> bool:
    channels = [channel] if channel else list(connection.session.channels)
    left = [one for one in channels if connection.leave(one, why)]
    return bool(left)


def _message(connection: Connection, order: MessageOrder) -> None:
    try:
        connection.message(order.data)
    except UnencodablePayload:
        log.error("a message for %r is not fit for its format", connection.client)
        connection.close(codes.DISCONNECT_INAPPROPRIATE_PROTOCOL)


def _refresh(connection: Connection, order: RefreshOrder) -> None:
    if order.expired:
        connection.close(codes.DISCONNECT_EXPIRED)
    else:
        connection.prolong(order.expires_at)

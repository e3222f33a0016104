"""Changing maps for clients and for the application."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from realtime.errors import BadRequest, BrokerUnavailable, LimitExceeded, NotAvailable
from realtime.maps.keyed import (
    MAX_KEY_LENGTH,
    KeyedChange,
    KeyedOutcome,
    KeyedRetention,
    KeyedStore,
)
from realtime.protocol.messages import SUBSCRIPTION_MAP, SUBSCRIPTION_STREAM, PublishRequest

if TYPE_CHECKING:
    from realtime.session.connection import Connection

log = logging.getLogger(__name__)


def check_key(request: PublishRequest) -> None:
    """Raises BadRequest for a publish command that makes no sense, whoever sent it."""
    if request.type == SUBSCRIPTION_STREAM:
        if request.removed:
            raise BadRequest("only keys of maps can be removed")
    elif request.type != SUBSCRIPTION_MAP:
        raise BadRequest("no such type of publication")
    elif len(request.key) > MAX_KEY_LENGTH:  # none at all may do: the policy can give it one
        raise BadRequest(f"a key has 1 to {MAX_KEY_LENGTH} characters")


async def change_key(store: KeyedStore | None, change: KeyedChange) -> KeyedOutcome:
    """Make one change. That a key is already as it should be is no error.

    Raises NotAvailable, LimitExceeded, BrokerUnavailable.
    """
    if store is None:
        raise NotAvailable("there are no maps here")
    (outcome,) = await store.change([change])
    if outcome.reason == "limit":
        raise LimitExceeded(f"the map {change.channel!r} has as many keys as it may")
    return outcome


async def remove_own_key(connection: Connection, channel: str, retention: KeyedRetention) -> None:
    """The client has left: the key that is its id goes too. Where that cannot be, its time to live
    (`key_ttl_s`) ends it, as it does for the clients of a node that died.
    """
    removal = KeyedChange(channel, connection.client, retention, removed=True)
    try:
        await change_key(connection.services.keyed, removal)
    except BrokerUnavailable as error:
        log.warning("a key of the map %r stays behind: %s", channel, error)

"""How a connection comes to a channel, and stays there."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from realtime import codes
from realtime.codes import Disconnect
from realtime.errors import InvalidToken, TokenExpired, UnencodablePayload
from realtime.session.effect import Join, RefreshSubscription
from realtime.session.failure import error_message, failure
from realtime.session.outcome import Joined

if TYPE_CHECKING:
    from realtime.session.connection import Connection

log = logging.getLogger(__name__)


async def enter_channel(connection: Connection, effect: Join) -> Joined:
    """Subscribe in the hub. Await it directly and tell the client at once, or hold deliveries.

    Raises what `Hub.subscribe` raises, TokenExpired, TimeoutError.
    """
    services, request = connection.services, effect.request
    async with asyncio.timeout(services.settings.operation_timeout_s):
        result = await services.hub.subscribe(connection, request, effect.options)
    options = services.hub.options(connection, request.channel)
    ttl_s = connection.ttl_s(options.expires_at) if options is not None else None
    if ttl_s is not None and ttl_s <= 0:
        services.hub.unsubscribe(connection, request.channel)
        raise TokenExpired(request.channel)
    return Joined(result, options, ttl_s)


async def join(connection: Connection, effect: Join) -> None:
    channel, session = effect.request.channel, connection.session
    try:
        joined = await enter_channel(connection, effect)
        # No await from here on: the reply is queued before any push can be.
        now = connection.services.clock.monotonic()
        connection.perform(session.subscribed(effect.id, channel, joined, now))
    except UnencodablePayload:
        log.exception("what %r holds is not fit for its reader's format", channel)
        connection.close(codes.DISCONNECT_INAPPROPRIATE_PROTOCOL)
    except Exception as error:  # whatever a port raises is worded by failure.py
        why = failure(error, f"subscribing to {channel!r}")
        if isinstance(why, Disconnect):
            connection.close(why)
        else:
            connection.perform(session.subscribe_refused(effect.id, channel, why))


async def refresh(connection: Connection, effect: RefreshSubscription) -> None:
    services, channel = connection.services, effect.channel
    try:
        async with asyncio.timeout(services.settings.operation_timeout_s):
            expires_at = await services.policy.refresh(connection.identity, channel, effect.token)
    except InvalidToken:
        connection.close(codes.DISCONNECT_INVALID_TOKEN)
        return
    except TokenExpired:
        connection.refuse(effect.id, error_message(codes.ERROR_EXPIRED))
        return
    except Exception as error:  # whatever a port raises is worded by failure.py
        connection.refuse(effect.id, failure(error, f"refreshing {channel!r}"))
        return
    ttl_s = connection.ttl_s(expires_at)
    if ttl_s is not None and ttl_s <= 0:
        connection.refuse(effect.id, error_message(codes.ERROR_EXPIRED))
        return
    now = services.clock.monotonic()
    connection.perform(connection.session.subscription_refreshed(effect.id, channel, ttl_s, now))

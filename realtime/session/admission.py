"""Who a client is, at connect and at each refresh."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from realtime import codes
from realtime.codes import Disconnect
from realtime.errors import InvalidToken, TokenExpired, UnencodablePayload
from realtime.ports import ConnectContext, Identity
from realtime.protocol.messages import NO_DATA, ConnectRequest, Error
from realtime.session import joining
from realtime.session.effect import Authenticate, Join, Refresh
from realtime.session.failure import error_message, failure
from realtime.session.outcome import Joined, Welcome

if TYPE_CHECKING:
    from realtime.session.connection import Connection

log = logging.getLogger(__name__)


async def authenticate(connection: Connection, effect: Authenticate) -> None:
    """Find out who it is, subscribe it to what the server wishes, and welcome it."""
    found = await _identify(connection, effect.request)
    if isinstance(found, Error):
        connection.perform(connection.session.connect_refused(effect.id, found))
        return
    why = found if isinstance(found, Disconnect) else connection.admit(found)
    if why is None:
        why = await _welcome(connection, effect.id, effect.request)
    if why is not None:
        connection.close(why)


async def refresh(connection: Connection, effect: Refresh) -> None:
    services, identity = connection.services, connection.identity
    try:
        async with asyncio.timeout(services.settings.operation_timeout_s):
            renewed = await services.authenticator.refresh(identity, effect.token)
    except InvalidToken:
        connection.close(codes.DISCONNECT_INVALID_TOKEN)
        return
    except TokenExpired:
        connection.close(codes.DISCONNECT_EXPIRED)
        return
    except Exception as error:  # whatever a port raises is worded by failure.py
        connection.refuse(effect.id, failure(error, "refreshing a connection"))
        return
    if renewed.user != identity.user:
        connection.close(codes.DISCONNECT_INVALID_TOKEN)  # a connection never changes hands
        return
    ttl_s = connection.ttl_s(renewed.expires_at)
    if ttl_s is not None and ttl_s <= 0:
        connection.close(codes.DISCONNECT_EXPIRED)
        return
    now = services.clock.monotonic()
    connection.perform(connection.session.refreshed(effect.id, ttl_s, now))
    connection.renew(renewed)


async def _identify(
    connection: Connection, request: ConnectRequest
) -> Identity | Error | Disconnect:
    services = connection.services
    context = ConnectContext(
        connection.client,
        request.name,
        request.version,
        request.headers,
        bytes(request.data),
        connection.address,
    )
    try:
        async with asyncio.timeout(services.settings.operation_timeout_s):
            identity = await services.authenticator.authenticate(request.token, context)
    except InvalidToken:
        return codes.DISCONNECT_INVALID_TOKEN
    except Exception as error:  # whatever a port raises is worded by failure.py
        return failure(error, "authentication")
    ttl_s = connection.ttl_s(identity.expires_at)
    if ttl_s is not None and ttl_s <= 0:
        return error_message(codes.ERROR_TOKEN_EXPIRED)
    return identity


async def _welcome(connection: Connection, id_: int, request: ConnectRequest) -> Disconnect | None:
    """Why it cannot stay, if it cannot."""
    services, session, identity = connection.services, connection.session, connection.identity
    connection.hold()
    effects = session.authenticated(identity.subs, request.subs)
    joins = [effect for effect in effects if isinstance(effect, Join)]
    if len(joins) < len(effects):  # not joins, but the end: more than a client may have
        connection.perform(effects)
        return None
    try:
        joined = await _join_all(connection, joins)
        data = connection.codec.payload(identity.data) if identity.data is not None else NO_DATA
    except UnencodablePayload:
        log.exception("what a client is to be welcomed with is not fit for its format")
        return codes.DISCONNECT_INAPPROPRIATE_PROTOCOL
    except TokenExpired:
        return codes.DISCONNECT_EXPIRED
    except Exception as error:  # whatever a port raises is worded by failure.py
        why = failure(error, "subscribing a client to its channels")
        return why if isinstance(why, Disconnect) else codes.DISCONNECT_SERVER_ERROR
    # Spread over half an interval, for thousands may have come back in the same second.
    spread = random.uniform(0.5, 1.0)  # noqa: S311  jitter, not a secret
    first_ping_s = services.settings.ping_interval_s * spread
    welcome = Welcome(
        connection.ttl_s(identity.expires_at),
        data,
        connection.session_id,
        services.node if connection.session_id else "",
        int(services.clock.now() * 1000) if services.settings.include_server_time else 0,
    )
    # No await from here on: the reply is queued before anything that was held.
    now = services.clock.monotonic()
    connection.perform(session.connected(id_, welcome, joined, now, first_ping_s))
    connection.release()
    return None


async def _join_all(connection: Connection, joins: list[Join]) -> dict[str, Joined]:
    """All or none: a client that is connected has what the server wishes it to have."""
    tasks = [asyncio.create_task(joining.enter_channel(connection, join)) for join in joins]
    try:
        found = await asyncio.gather(*tasks)
    except BaseException:  # also when cancelled: no join may outlive the one who asked
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    finally:
        for join in joins:  # what the client has left, or lost, while it was being joined
            if join.request.channel not in connection.session.channels:
                connection.services.hub.unsubscribe(connection, join.request.channel)
    return {join.request.channel: one for join, one in zip(joins, found, strict=True)}

"""What a client asks of a channel: its history, and who is there.

Subscribers may what their subscription says; for others the policy is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime.errors import NotAvailable, PermissionDenied
from realtime.ports import SubscribeOptions
from realtime.protocol.codec import client_info, publication_message
from realtime.protocol.messages import HistoryResult, PresenceResult, PresenceStatsResult, Reply
from realtime.publication import StreamPosition
from realtime.session.effect import ReadHistory, ReadPresence, ReadPresenceStats
from realtime.session.failure import failure

if TYPE_CHECKING:
    from realtime.presence.presence import Presence
    from realtime.session.connection import Connection


async def history(connection: Connection, effect: ReadHistory) -> None:
    request, services = effect.request, connection.services
    limit = services.settings.history_limit
    limit = request.limit if 0 <= request.limit <= limit else limit
    asked = request.since
    since = StreamPosition(asked.offset, asked.epoch) if asked is not None else None
    try:
        options = await _access(connection, request.channel)
        if options.retention is None and options.delivery != "fact":
            raise NotAvailable(f"{request.channel!r} keeps no history")
        if not options.may_read_history:
            raise PermissionDenied(request.channel)
        found = await services.archive.page(
            request.channel, options.retention, since, limit, request.reverse
        )
        publications = tuple(
            publication_message(connection.codec, one) for one in found.publications
        )
    except Exception as error:  # whatever a port raises is worded by failure.py
        connection.refuse(effect.id, failure(error, f"the history of {request.channel!r}"))
    else:
        result = HistoryResult(publications, found.epoch, found.top_offset)
        connection.perform(connection.session.finished(Reply(effect.id, history=result)))


async def presence(connection: Connection, effect: ReadPresence) -> None:
    try:
        port = await _presence(connection, effect.channel)
        peers = await port.clients(effect.channel)
        clients = {client: client_info(connection.codec, peer) for client, peer in peers.items()}
    except Exception as error:  # whatever a port raises is worded by failure.py
        connection.refuse(effect.id, failure(error, f"the presence of {effect.channel!r}"))
    else:
        reply = Reply(effect.id, presence=PresenceResult(clients))
        connection.perform(connection.session.finished(reply))


async def presence_stats(connection: Connection, effect: ReadPresenceStats) -> None:
    try:
        port = await _presence(connection, effect.channel)
        stats = await port.stats(effect.channel)
    except Exception as error:  # whatever a port raises is worded by failure.py
        connection.refuse(effect.id, failure(error, f"the presence of {effect.channel!r}"))
    else:
        result = PresenceStatsResult(stats.clients, stats.users)
        reply = Reply(effect.id, presence_stats=result)
        connection.perform(connection.session.finished(reply))


async def _presence(connection: Connection, channel: str) -> Presence:
    """Where to look, for one who may. What this node has to tell of it is told by then."""
    services = connection.services
    if services.presence is None:
        raise NotAvailable("nobody keeps presence here")
    options = await _access(connection, channel)
    if not options.presence:
        raise NotAvailable(f"{channel!r} keeps no presence")
    if not options.may_read_presence:
        raise PermissionDenied(channel)
    await services.attendance.told()
    return services.presence


async def _access(connection: Connection, channel: str) -> SubscribeOptions:
    member = connection.session.channels.get(channel)
    if member is not None and member.options is not None:
        return member.options
    return await connection.services.policy.access(connection.identity, channel)

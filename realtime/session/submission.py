"""What a client gives: publications, calls, messages."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from realtime.errors import PermissionDenied, Refusal
from realtime.maps.keyed import KeyedChange
from realtime.maps.keyed_submission import change_key, check_key
from realtime.protocol.messages import NO_DATA, PublishResult, Reply, RpcResult
from realtime.publication import Append
from realtime.session.effect import Call, HandOver, Publish
from realtime.session.failure import disconnect, failure

if TYPE_CHECKING:
    from realtime.session.connection import Connection

log = logging.getLogger(__name__)


async def publish(connection: Connection, effect: Publish) -> None:
    services, channel = connection.services, effect.request.channel
    member = connection.session.channels.get(channel)
    options = member.options if member is not None else None
    peer = connection.peer(options.chan_info if options is not None else b"")
    try:
        check_key(effect.request)
        publication = await services.policy.publish(
            connection.identity, peer, effect.request, options is not None
        )
        if isinstance(publication, KeyedChange):
            await change_key(services.keyed, publication)
        elif isinstance(publication, Append):
            await services.broker.append(publication)
        elif publication.delivery in ("fact", "keyed"):
            raise PermissionDenied("offsets are given by the journal or the map alone")
        else:
            await services.broker.publish([publication])
    except Exception as error:  # whatever a port raises is worded by failure.py
        connection.refuse(effect.id, failure(error, f"publishing to {channel!r}"))
    else:
        reply = Reply(effect.id, publish=PublishResult())
        connection.perform(connection.session.finished(reply))


async def call(connection: Connection, effect: Call) -> None:
    rpc = connection.services.rpc
    try:
        answer = await rpc.rpc(connection.identity, effect.method, bytes(effect.data))
        data = connection.codec.payload(answer) if answer else NO_DATA
    except Exception as error:  # whatever a port raises is worded by failure.py
        connection.refuse(effect.id, failure(error, f"the call {effect.method!r}"))
    else:
        connection.perform(connection.session.finished(Reply(effect.id, rpc=RpcResult(data))))


async def hand_over(connection: Connection, effect: HandOver) -> None:
    try:
        await connection.services.rpc.message(connection.identity, bytes(effect.data))
    except Refusal as refusal:
        connection.close(disconnect(refusal))
    except Exception:  # nobody waits for an answer: there is but the log to tell
        log.exception("a message of a client was not taken")
    finally:
        connection.session.handed_over()

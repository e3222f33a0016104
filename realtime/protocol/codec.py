"""How protocol messages become bytes: one implementation a format (`codec_json.py`, ...)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Raw

from realtime.protocol.messages import (
    NO_DATA,
    ClientInfo,
    Command,
    EmulationRequest,
    JoinPush,
    PublicationMessage,
    Push,
    Reply,
)
from realtime.publication import Peer, Publication


class Codec(Protocol):
    """Stateless; the same object serves every connection, so its outputs can be shared by them."""

    binary: bool
    """Whether frames travel as binary WebSocket messages."""
    ping: bytes

    def decode(self, message: bytes, limit: int) -> list[Command]:
        """The commands of one message. Raises MalformedFrame, also for more than `limit`."""
        ...

    def emulated(self, body: bytes) -> EmulationRequest:
        """What was posted for a session, with a message for `decode`. Raises MalformedFrame."""
        ...

    def payload(self, data: bytes) -> Raw:
        """An application's payload, made fit for this format. Raises UnencodablePayload."""
        ...

    def delta(self, data: bytes) -> Raw:
        """A payload, whole or as a delta, for a subscription that gets deltas.

        Raises UnencodablePayload for a delta that this format cannot carry; a whole one it can.
        """
        ...

    def reply(self, reply: Reply) -> bytes:
        """A reply, as a frame."""
        ...

    def push(self, push: Push) -> bytes:
        """A push, as a frame."""
        ...

    def publication(self, publication: Publication) -> bytes:
        """A publication as a push frame, for all its readers. Raises UnencodablePayload."""
        ...

    def join(self, frames: Sequence[bytes]) -> bytes:
        """One message out of several frames."""
        ...


def client_info(codec: Codec, peer: Peer) -> ClientInfo:
    """A client as others see it. Raises UnencodablePayload."""
    return ClientInfo(
        peer.user,
        peer.client,
        codec.payload(peer.conn_info) if peer.conn_info else NO_DATA,
        codec.payload(peer.chan_info) if peer.chan_info else NO_DATA,
    )


def publication_message(codec: Codec, publication: Publication) -> PublicationMessage:
    """A publication as it stands in pushes and results. Raises UnencodablePayload."""
    removed = publication.removed and not publication.data
    return PublicationMessage(
        NO_DATA if removed else codec.payload(publication.data),
        client_info(codec, publication.info) if publication.info else None,
        publication.offset,
        publication.tags,
        time=publication.time,
        # What a `latest` value is the newest of matters to conflation alone.
        key="" if publication.delivery == "latest" else publication.key,
        removed=publication.removed,
        score=publication.score,
    )


def publication_push(codec: Codec, publication: Publication) -> Push:
    """A publication, a join or a leave as it is pushed. Raises UnencodablePayload."""
    if publication.info is not None and publication.delivery in ("join", "leave"):
        info = JoinPush(client_info(codec, publication.info))
        if publication.delivery == "join":
            return Push(channel=publication.channel, join=info)
        return Push(channel=publication.channel, leave=info)
    return Push(channel=publication.channel, pub=publication_message(codec, publication))

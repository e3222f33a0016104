"""What nodes tell each other about connections, beside the publications on channels.

A revocation must reach the connection wherever it is. So each order goes to all nodes, and each
carries out what concerns its own connections; the one who gave it does so at once and ignores the
copy that comes back. Delivery is at most once: an order given while the broker is out of reach
raises, and whoever gave it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import Struct

from realtime.errors import MalformedFrame
from realtime.ports import SubscribeOptions
from realtime.publication import StreamPosition

OnControl = Callable[[bytes], None]
"""Called on the event loop for each message of any node; must not block."""


class ControlBus(Protocol):
    """Carries small opaque messages to all nodes. Brokers implement it beside their streams."""

    async def listen(self, on_message: OnControl) -> None:
        """Begin. Called after `Broker.start`; does not fail when the broker is out of reach."""
        ...

    async def send(self, message: bytes) -> None:
        """To every listening node; whether the sender hears it, too, makes no difference.

        Raises BrokerUnavailable.
        """
        ...


class Target(Struct, frozen=True):
    """Which connections: those that match every field given. None at all matches none.

    `user` "" is that of all anonymous clients. `channel`: subscribed to it. `token_id`: came with
    the token of that name. `session`: the secret name of a connection, of the connect reply.
    """

    user: str | None = None
    client: str = ""
    session: str = ""
    token_id: str = ""
    channel: str = ""
    except_clients: tuple[str, ...] = ()


class NodeInfo(Struct, frozen=True):
    """A node as it describes itself. `uptime_s` whole seconds."""

    id: str
    name: str
    version: str
    clients: int
    users: int
    subscriptions: int
    channels: int
    uptime_s: int


class DisconnectOrder(Struct, frozen=True, tag="disconnect"):
    target: Target
    code: int
    reason: str


class UnsubscribeOrder(Struct, frozen=True, tag="unsubscribe"):
    """`channel` "": from all."""

    target: Target
    channel: str
    code: int
    reason: str


class SubscribeOrder(Struct, frozen=True, tag="subscribe"):
    target: Target
    channel: str
    options: SubscribeOptions
    since: StreamPosition | None = None


class RefreshOrder(Struct, frozen=True, tag="refresh"):
    """`expires_at`: seconds since the Unix epoch, None for ever. `expired`: has ended now."""

    target: Target
    expires_at: float | None
    expired: bool = False


class MessageOrder(Struct, frozen=True, tag="message"):
    target: Target
    data: bytes


class Emulated(Struct, frozen=True, tag="emulated"):
    """Commands of a client whose POST came to another node than its stream."""

    session: str
    data: bytes
    node: str


class Announcement(Struct, frozen=True, tag="announce"):
    info: NodeInfo


class Departure(Struct, frozen=True, tag="depart"):
    """The node is going down."""


class ChannelsQuestion(Struct, frozen=True, tag="channels?"):
    """`pattern`: a glob, "" for all."""

    question: str
    pattern: str


class ChannelsAnswer(Struct, frozen=True, tag="channels!"):
    """How many clients of this node are subscribed to each channel."""

    question: str
    channels: dict[str, int]


Order = DisconnectOrder | UnsubscribeOrder | SubscribeOrder | RefreshOrder | MessageOrder

ControlMessage = Order | Emulated | Announcement | Departure | ChannelsQuestion | ChannelsAnswer


class Envelope(Struct, frozen=True):
    """`node`: who says it."""

    node: str
    message: ControlMessage


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    return _encoder.encode(envelope)


def decode(message: bytes) -> Envelope:
    """Raises MalformedFrame, also for what a newer version says that this one does not know."""
    try:
        return _decoder.decode(message)
    except msgspec.MsgspecError as error:
        raise MalformedFrame(str(error)) from error

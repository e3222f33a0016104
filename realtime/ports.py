"""What the server needs from the application that embeds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct

from realtime.maps.keyed import KeyedChange, KeyedOptions
from realtime.protocol.messages import PublishRequest, SubscribeRequest
from realtime.publication import Append, Delivery, HistorySlice, Peer, Publication, Retention


class Identity(Struct, frozen=True):
    """Whom a connection belongs to.

    `info` is the application's own and comes back to it untouched in every other port; `data` is
    a JSON payload given to the client in the connect reply.
    """

    user: str
    expires_at: float | None = None
    """Seconds since the Unix epoch; None where the token does not expire."""
    info: Any = None
    data: bytes | None = None
    conn_info: bytes = b""
    """A JSON payload that other clients see in presence, joins and publications; b"" for none."""
    subs: Mapping[str, SubscribeOptions] = {}
    """Channels the server subscribes this connection to, beside what the client asks for."""
    token_id: str = ""
    """What the token is called, so that it can be revoked; "" for a token without a name."""
    alone: bool = False
    """The newest connection of its user is the only one: the others, on all nodes, are ended. Two
    that come to two nodes in the same moment may end each other."""


class SubscribeOptions(Struct, frozen=True):
    """What a subscription is like. All subscribers of a channel must be given the same `delivery`.

    `delivery` is what the channel is kept whole for: a `fact` channel carries signals as well.
    `guarded`: `ChannelPolicy.still_allowed` is asked before each fact is given to this subscriber.
    `guard`: for a channel that carries no facts of its own, the channel whose facts decide: with
    each of them `still_allowed` is asked (with the guard's name), and a no ends this subscription.
    `data`: a JSON payload for the subscribe reply, such as the present state. Give `data_offset`
    with it, the journal version that it shows, and the subscriber gets every fact after that.
    """

    delivery: Delivery
    recoverable: bool = True
    positioned: bool = True
    guarded: bool = False
    guard: str | None = None
    data: bytes | None = None
    data_offset: int | None = None
    retention: Retention | None = None
    """The broker counts the channel's stream and nothing else does: there is no journal behind."""
    recovery_mode: Literal["stream", "cache"] = "stream"
    """Recover every missed publication, or the newest one alone."""
    expires_at: float | None = None
    """Seconds since the Unix epoch at which the subscription must have been refreshed."""
    chan_info: bytes = b""
    """As `Identity.conn_info`, for this channel."""
    presence: bool = False
    """The subscriber is entered in the channel's presence."""
    join_leave: bool = False
    """Its coming and going is published on the channel."""
    push_join_leave: bool = False
    """It is told of the coming and going of others."""
    may_publish: bool = False
    may_read_presence: bool = False
    may_read_history: bool = True
    delta: bool = False
    """Publications may be sent to it as fossil deltas, if it asks for that."""
    tags_filter: bool = False
    """It may ask for only those publications whose tags pass a filter."""
    keyed: KeyedOptions | None = None
    """A map channel (see `keyed_hub.py`); its `delivery` is `latest`. Who subscribes to it without
    saying that it knows maps gets the newest of each key as `latest` publications."""


class ConnectContext(Struct, frozen=True):
    """What comes with a connect command beside the token.

    All but `client` and `address` is what the client says of itself: not to be trusted.
    """

    client: str
    """The id this connection was given."""
    name: str = ""
    version: str = ""
    headers: Mapping[str, str] = {}
    """What a client that cannot set HTTP headers sends in their stead."""
    data: bytes = b""
    """The payload of the command, b"" for none."""
    address: str = ""
    """Where the socket comes from; "" where the transport does not know."""


class Authenticator(Protocol):
    async def authenticate(self, token: str, context: ConnectContext) -> Identity:
        """Who connects with this token; "" is a client without one, who may be let in as well.

        Raises NotAuthenticated, InvalidToken or TokenExpired, or Refusal for a code of the
        application's own; anything else is answered as a temporary error.
        """
        ...

    async def refresh(self, identity: Identity, token: str) -> Identity:
        """What a new token says of a connection that is there already.

        Of another user: the connection is closed as for an invalid token. Only `expires_at`,
        `info`, `conn_info` and `token_id` are taken over. Raises as `authenticate`.
        """
        ...


class ChannelPolicy(Protocol):
    async def subscribe(self, identity: Identity, request: SubscribeRequest) -> SubscribeOptions:
        """May it, and how. Raises PermissionDenied, UnknownChannel, TokenExpired, InvalidToken.

        The channel is listened to before this is asked, so a change of access that is published
        while it decides is not missed.
        """
        ...

    def still_allowed(self, identity: Identity, channel: str, payload: bytes) -> bool:
        """May this identity be given this fact? No: it is unsubscribed and does not get it.

        Called for each fact and guarded subscriber: decide from the payload, without I/O.
        An exception counts as no.
        """
        ...

    async def refresh(self, identity: Identity, channel: str, token: str) -> float | None:
        """Until when (seconds since the Unix epoch) a subscription with `expires_at` goes on, by
        this token; None for ever. Raises InvalidToken (the connection is closed), TokenExpired or
        PermissionDenied (both answered).
        """
        ...

    async def access(self, identity: Identity, channel: str) -> SubscribeOptions:
        """What one who is not subscribed may read of a channel: `may_read_presence`,
        `may_read_history` and, for the latter, `retention` and `delivery` are looked at.
        Raises PermissionDenied, UnknownChannel.
        """
        ...

    async def publish(
        self, identity: Identity, peer: Peer, request: PublishRequest, subscribed: bool
    ) -> Publication | Append | KeyedChange:
        """What to publish for a client's publish command; raises PermissionDenied where it may not.

        `peer` is the client as others may see it; `subscribed`: whether it is to that channel.
        Never a fact with an offset: those come from a journal. A request whose `type` is map wants
        a KeyedChange.
        """
        ...


class RpcHandler(Protocol):
    async def rpc(self, identity: Identity, method: str, data: bytes) -> bytes:
        """Answer a client's call with a JSON payload, or raise RpcError.

        Calls of one client begin in the order it sent them and then run side by side. A call runs
        to its end even when the client goes away.
        """
        ...

    async def message(self, identity: Identity, data: bytes) -> None:
        """Take what a client sent without waiting for an answer. An exception is only logged."""
        ...


class HistorySource(Protocol):
    async def since(self, channel: str, offset: int, limit: int) -> HistorySlice:
        """The facts after `offset`, ascending, at most `limit` (may be 0), and the top.

        This is the truth: brokers may forget, it does not. A channel that has no fact yet has top
        0. Must see everything that was published before the call.
        """
        ...

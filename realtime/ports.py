"""What the server needs from the application that embeds it."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from realtime.publication import Delivery, HistorySlice, Publication


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


class Authenticator(Protocol):
    async def authenticate(self, token: str, data: bytes | None) -> Identity:
        """Who comes with this token, at connect and at each refresh (`data` is None then).

        Raises NotAuthenticated, InvalidToken or TokenExpired; anything else is answered as a
        temporary error.
        """
        ...


class ChannelPolicy(Protocol):
    async def subscribe(self, identity: Identity, channel: str) -> SubscribeOptions:
        """May it, and how. Raises PermissionDenied or UnknownChannel.

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

    async def publish(self, identity: Identity, channel: str, data: bytes) -> Publication:
        """What to publish for a client's publish command; raises PermissionDenied where it may not.

        Never a fact: their offsets come from a journal.
        """
        ...


class RpcHandler(Protocol):
    async def rpc(self, identity: Identity, method: str, data: bytes) -> bytes:
        """Answer a client's call with a JSON payload, or raise RpcError.

        Calls of one client begin in the order it sent them and then run side by side. A call runs
        to its end even when the client goes away.
        """
        ...


class HistorySource(Protocol):
    async def since(self, channel: str, offset: int, limit: int) -> HistorySlice:
        """The facts after `offset`, ascending, at most `limit` (may be 0), and the top.

        This is the truth: brokers may forget, it does not. A channel that has no fact yet has top
        0. Must see everything that was published before the call.
        """
        ...

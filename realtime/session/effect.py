"""What a session wants done. The shell performs effects in their order and tells how each ended."""

from __future__ import annotations

from msgspec import Raw, Struct

from realtime.codes import Disconnect
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import (
    ConnectRequest,
    HistoryRequest,
    PublishRequest,
    SubscribeRequest,
)


class Send(Struct, frozen=True):
    """Queue this frame."""

    frame: bytes


class Close(Struct, frozen=True):
    """Close the socket with this code. Nothing comes after it."""

    why: Disconnect


class Authenticate(Struct, frozen=True):
    """Find out who this is; then `authenticated`, `connect_refused` or `close`."""

    id: int
    request: ConnectRequest


class Refresh(Struct, frozen=True):
    """The same with a new token; then `refreshed`, `refused` or `close`."""

    id: int
    token: str


class Join(Struct, frozen=True):
    """Subscribe to a channel; then `subscribed` or `subscribe_refused`.

    `options`: the server wants it, with these; then the id is below zero, and nothing is replied.
    """

    id: int
    request: SubscribeRequest
    options: SubscribeOptions | None = None


class Arrive(Struct, frozen=True):
    """The client is subscribed now and has been told: enter it in presence, announce it."""

    channel: str
    options: SubscribeOptions


class Leave(Struct, frozen=True):
    """Unsubscribe from a channel, or stop joining it; nothing of it may be pushed any more.

    `options`: those it had arrived with, so that its leaving is told; None while it was joining.
    """

    channel: str
    options: SubscribeOptions | None = None


class RefreshSubscription(Struct, frozen=True):
    """Look at a subscription's new token; then `subscription_refreshed`, `refused` or `close`."""

    id: int
    channel: str
    token: str


class Publish(Struct, frozen=True):
    """Publish for the client; then `finished` or `refused`."""

    id: int
    request: PublishRequest


class Call(Struct, frozen=True):
    """Call the application; then `finished` or `refused`."""

    id: int
    method: str
    data: Raw


class HandOver(Struct, frozen=True):
    """Give a message to the application; then `handed_over`, well or not."""

    data: Raw


class ReadHistory(Struct, frozen=True):
    """Read a page of a channel's history; then `finished` or `refused`."""

    id: int
    request: HistoryRequest


class ReadPresence(Struct, frozen=True):
    """Read who is on a channel; then `finished` or `refused`."""

    id: int
    channel: str


class ReadPresenceStats(Struct, frozen=True):
    """Read how many are on a channel; then `finished` or `refused`."""

    id: int
    channel: str


Work = (
    Authenticate
    | Refresh
    | Join
    | RefreshSubscription
    | Publish
    | Call
    | HandOver
    | ReadHistory
    | ReadPresence
    | ReadPresenceStats
)
"""What takes time."""

Effect = Send | Close | Arrive | Leave | Work

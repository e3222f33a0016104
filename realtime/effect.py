"""What a session wants done. The shell performs effects in their order and tells how each ended."""

from __future__ import annotations

from msgspec import Raw, Struct

from realtime.codes import Disconnect
from realtime.protocol import HistoryRequest, SubscribeRequest


class Send(Struct, frozen=True):
    """Queue this frame."""

    frame: bytes


class Close(Struct, frozen=True):
    """Close the socket with this code. Nothing comes after it."""

    why: Disconnect


class Authenticate(Struct, frozen=True):
    """Find out who this is; then `connected`, `connect_refused` or `close`."""

    id: int
    token: str
    data: Raw


class Refresh(Struct, frozen=True):
    """The same with a new token; then `refreshed`, `refused` or `close`."""

    id: int
    token: str


class Join(Struct, frozen=True):
    """Subscribe to a channel; then `subscribed` or `subscribe_refused`."""

    id: int
    request: SubscribeRequest


class Leave(Struct, frozen=True):
    """Unsubscribe from a channel, or stop joining it; nothing of it may be pushed any more."""

    channel: str


class Publish(Struct, frozen=True):
    """Publish for the client; then `finished` or `refused`."""

    id: int
    channel: str
    data: Raw


class Call(Struct, frozen=True):
    """Call the application; then `finished` or `refused`."""

    id: int
    method: str
    data: Raw


class ReadHistory(Struct, frozen=True):
    """Read a page of a subscribed channel's history; then `finished` or `refused`."""

    id: int
    request: HistoryRequest


Effect = Send | Close | Authenticate | Refresh | Join | Leave | Publish | Call | ReadHistory

"""The port to who is on which channel, on all nodes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from realtime.publication import Peer


class Present(Struct, frozen=True):
    """One client's subscription to one channel."""

    channel: str
    client: str
    info: Peer


class PresenceStats(Struct, frozen=True):
    clients: int
    users: int


class Presence(Protocol):
    """Entries that are not renewed in time disappear by themselves: a node may die.

    All raise BrokerUnavailable.
    """

    async def add(self, batch: Sequence[Present]) -> None:
        """Enter, or renew for another period, in one round trip."""
        ...

    async def remove(self, batch: Sequence[Present]) -> None:
        """Take out at once."""
        ...

    async def clients(self, channel: str) -> Mapping[str, Peer]:
        """Who is there, by client id."""
        ...

    async def stats(self, channel: str) -> PresenceStats:
        """How many there are, without reading who."""
        ...

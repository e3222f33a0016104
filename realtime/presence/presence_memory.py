"""Presence in one process: for one worker alone, and the twin of the Redis one in tests."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence

from realtime.clock import Clock, SystemClock
from realtime.presence.presence import PresenceStats, Present
from realtime.publication import Peer
from realtime.settings import BrokerSettings


class _Room:
    __slots__ = ("clients", "users")

    def __init__(self) -> None:
        self.clients: dict[str, Peer] = {}
        self.users: Counter[str] = Counter()


class MemoryPresence:
    def __init__(self, settings: BrokerSettings | None = None, clock: Clock | None = None) -> None:
        self._ttl_s = (settings or BrokerSettings()).presence_ttl_s
        self._clock = clock or SystemClock()
        self._rooms: dict[str, _Room] = {}
        self._ends: OrderedDict[tuple[str, str], float] = OrderedDict()
        """By channel and client, the soonest first: the period is the same for all."""

    async def add(self, batch: Sequence[Present]) -> None:
        now = self._expire()
        for one in batch:
            self._leave(one.channel, one.client)
            room = self._rooms.setdefault(one.channel, _Room())
            room.clients[one.client] = one.info
            room.users[one.info.user] += 1
            self._ends[one.channel, one.client] = now + self._ttl_s

    async def remove(self, batch: Sequence[Present]) -> None:
        self._expire()
        for one in batch:
            self._leave(one.channel, one.client)

    async def clients(self, channel: str) -> Mapping[str, Peer]:
        self._expire()
        room = self._rooms.get(channel)
        return dict(room.clients) if room else {}

    async def stats(self, channel: str) -> PresenceStats:
        self._expire()
        room = self._rooms.get(channel)
        return PresenceStats(len(room.clients), len(room.users)) if room else PresenceStats(0, 0)

    def _expire(self) -> float:
        """Send away those whose time is over, and say what time it is."""
        now = self._clock.monotonic()
        while self._ends:
            (channel, client), end = next(iter(self._ends.items()))
            if end > now:
                break
            self._leave(channel, client)
        return now

    def _leave(self, channel: str, client: str) -> None:
        if self._ends.pop((channel, client), None) is None:
            return
        room = self._rooms[channel]
        user = room.clients.pop(client).user
        room.users[user] -= 1
        if not room.users[user]:
            del room.users[user]
        if not room.clients:
            del self._rooms[channel]

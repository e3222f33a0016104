"""The broker in one process: for one worker alone, and the twin of the Redis one in tests."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from realtime.broker.appended_memory import AppendedStreams
from realtime.broker.broker import Deliver, Reconnected
from realtime.clock import Clock, SystemClock
from realtime.publication import (
    Append,
    HistorySlice,
    Publication,
    Retention,
    StreamPosition,
)
from realtime.settings import BrokerSettings


class _Kept:
    """What is kept of one channel."""

    __slots__ = ("expires_at", "facts", "values")

    def __init__(self) -> None:
        self.facts: OrderedDict[int, Publication] = OrderedDict()
        self.values: dict[str, Publication] = {}
        self.expires_at = 0.0


class MemoryBroker:
    def __init__(self, settings: BrokerSettings | None = None, clock: Clock | None = None) -> None:
        self._settings = settings or BrokerSettings()
        self._clock = clock or SystemClock()
        self._channels: OrderedDict[str, _Kept] = OrderedDict()
        self._appended = AppendedStreams(self._clock, self._settings.idempotency_ttl_s)
        self._listened: set[str] = set()
        self._deliver: Deliver | None = None

    @property
    def listened(self) -> frozenset[str]:
        """The channels listened to."""
        return frozenset(self._listened)

    async def start(self, deliver: Deliver, reconnected: Reconnected) -> None:
        self._deliver = deliver

    async def stop(self) -> None:
        self._deliver = None

    async def publish(self, batch: Sequence[Publication]) -> None:
        self._expire()
        for publication in batch:
            if self._keep(publication):
                self._send(publication)

    async def subscribe(self, channel: str) -> None:
        self._listened.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._listened.discard(channel)

    async def append(self, append: Append) -> StreamPosition:
        position, publication = self._appended.append(append)
        if publication is not None:
            self._send(publication)
        return position

    async def stream(
        self,
        channel: str,
        since: StreamPosition | None,
        limit: int,
        retention: Retention,
        reverse: bool = False,
    ) -> HistorySlice:
        return self._appended.page(channel, since, limit, retention, reverse)

    async def clear(self, channel: str) -> None:
        self._appended.clear(channel)

    async def history(self, channel: str, since: int, limit: int) -> HistorySlice | None:
        top = await self.top(channel)
        if top is None or since > top.offset:
            return None
        facts = self._channels[channel].facts
        publications = []
        for offset in range(since + 1, min(since + limit, top.offset) + 1):
            publication = facts.get(offset)
            if publication is None:
                return None
            publications.append(publication)
        return HistorySlice(tuple(publications), top.offset, top.epoch)

    async def top(self, channel: str) -> StreamPosition | None:
        self._expire()
        kept = self._channels.get(channel)
        if kept is None or not kept.facts:
            return None
        newest = next(reversed(kept.facts.values()))
        return StreamPosition(newest.offset, newest.epoch)

    async def latest(self, channel: str) -> Mapping[str, Publication]:
        self._expire()
        kept = self._channels.get(channel)
        return dict(kept.values) if kept else {}

    def forget(self) -> None:
        """Lose all that is kept, as a restarted Redis does."""
        self._channels.clear()
        self._appended.forget()

    def _send(self, publication: Publication) -> None:
        if publication.channel in self._listened:
            # Not at once: as over a network, the publisher never runs the readers' code.
            asyncio.get_running_loop().call_soon(self._hand_over, publication)

    def _hand_over(self, publication: Publication) -> None:
        if self._deliver is not None and publication.channel in self._listened:
            self._deliver(publication)

    def _keep(self, publication: Publication) -> bool:
        """Whether it is new, and so to be delivered."""
        if publication.delivery not in ("fact", "latest"):
            return True
        kept = self._channels.setdefault(publication.channel, _Kept())
        self._channels.move_to_end(publication.channel)
        kept.expires_at = self._clock.monotonic() + self._settings.history_ttl_s
        if publication.delivery == "latest":
            kept.values[publication.key] = publication
            return True
        if kept.facts:
            newest = next(reversed(kept.facts.values()))
            if newest.epoch != publication.epoch:
                kept.facts.clear()
            elif newest.offset >= publication.offset:
                return False
        kept.facts[publication.offset] = publication
        while len(kept.facts) > self._settings.history_size:
            kept.facts.popitem(last=False)
        return True

    def _expire(self) -> None:
        """The channels are in the order of their last publication, so the oldest come first."""
        now = self._clock.monotonic()
        while self._channels:
            name, kept = next(iter(self._channels.items()))
            if kept.expires_at > now:
                return
            del self._channels[name]

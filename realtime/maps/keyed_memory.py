"""Maps in one process: for one worker alone, and the twin of the Redis store in tests."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

from realtime.broker.broker import Publisher
from realtime.broker.epoch import new_epoch
from realtime.clock import Clock, SystemClock
from realtime.maps.keyed import (
    KeyedChange,
    KeyedOutcome,
    KeyedRetention,
    KeyedSlice,
    NotApplied,
    beginning,
    change_publication,
)
from realtime.maps.keyed_log import KeyedLog
from realtime.publication import Publication, StreamPosition

_NEVER = float("inf")


class _Expiries:
    """When each key goes. A key that is set again and again stands once in the queue."""

    __slots__ = ("_at", "_queue", "_queued")

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._queue: list[tuple[float, str]] = []
        self._queued: dict[str, float] = {}

    def put(self, key: str, at: float) -> None:
        self._at[key] = at
        if at < self._queued.get(key, _NEVER):
            self._queued[key] = at
            heapq.heappush(self._queue, (at, key))

    def drop(self, key: str) -> None:
        self._at.pop(key, None)

    def due(self, now: float) -> Iterator[str]:
        """The keys whose time has come, each once."""
        while self._queue and self._queue[0][0] <= now:
            look_at, key = heapq.heappop(self._queue)
            if self._queued.get(key) != look_at:
                continue
            del self._queued[key]
            at = self._at.get(key)
            if at is not None and at <= now:
                del self._at[key]
                yield key
            elif at is not None:
                self.put(key, at)


class _Map:
    __slots__ = ("expiries", "forgotten_at", "log")

    def __init__(self) -> None:
        self.log = KeyedLog(new_epoch(), removed_size=0)
        self.expiries = _Expiries()
        self.forgotten_at = _NEVER


class MemoryKeyedStore:
    """`publisher` delivers the changes: the broker of the same process."""

    def __init__(self, publisher: Publisher, clock: Clock | None = None) -> None:
        self._publisher = publisher
        self._clock = clock or SystemClock()
        self._maps: dict[str, _Map] = {}

    async def change(self, batch: Sequence[KeyedChange]) -> list[KeyedOutcome]:
        published: list[Publication] = []
        outcomes = [self._change(one, published) for one in batch]
        await self._publisher.publish(published)
        return outcomes

    async def changes(self, channel: str, since: int, limit: int) -> KeyedSlice:
        log = self._open(channel).log
        return KeyedSlice(tuple(log.above(since)[:limit]), log.position, log.floor)

    async def top(self, channel: str) -> StreamPosition | None:
        self._forget_quiet()
        found = self._maps.get(channel)
        return found.log.position if found is not None else None

    async def clear(self, channel: str) -> None:
        begun = self._maps[channel] = _Map()
        first = beginning(channel, begun.log.epoch)
        begun.log.put(first)
        await self._publisher.publish([first])

    async def expire(self) -> int:
        now = self._clock.monotonic()
        removals = [
            self._put(kept, KeyedChange(channel, key, KeyedRetention(), removed=True))
            for channel, kept in self._maps.items()
            for key in kept.expiries.due(now)
        ]
        self._forget_quiet()
        await self._publisher.publish(removals)
        return len(removals)

    def forget(self) -> None:
        """Lose all that is kept, as a restarted Redis does."""
        self._maps.clear()

    def _open(self, channel: str) -> _Map:
        self._forget_quiet()
        found = self._maps.get(channel)
        if found is None:
            found = self._maps[channel] = _Map()
        return found

    def _change(self, change: KeyedChange, published: list[Publication]) -> KeyedOutcome:
        kept, retention = self._open(change.channel), change.retention
        now = self._clock.monotonic()
        kept.forgotten_at = now + retention.meta_ttl_s if retention.meta_ttl_s else _NEVER
        reason = _refuses(kept.log, change)
        if not reason:
            kept.log.retain(retention.removed_size)
            published.append(self._put(kept, change))
        elif not (change.refresh_ttl and reason == "key_exists"):
            return KeyedOutcome(kept.log.position, reason)
        if change.removed or not retention.key_ttl_s:
            kept.expiries.drop(change.key)
        else:
            kept.expiries.put(change.key, now + retention.key_ttl_s)
        return KeyedOutcome(kept.log.position, reason)

    def _put(self, kept: _Map, change: KeyedChange) -> Publication:
        position = StreamPosition(kept.log.top + 1, kept.log.epoch)
        publication = change_publication(change, position)
        kept.log.put(publication)
        return publication

    def _forget_quiet(self) -> None:
        now = self._clock.monotonic()
        for channel in [name for name, kept in self._maps.items() if kept.forgotten_at <= now]:
            del self._maps[channel]


def _refuses(log: KeyedLog, change: KeyedChange) -> NotApplied:
    """Why a change is not made; "" where it is."""
    exists = change.key in log.live
    if change.removed or change.mode == "if_exists":
        return "" if exists else "key_not_found"
    if exists:
        return "key_exists" if change.mode == "if_new" else ""
    limit = change.retention.max_keys
    return "limit" if limit and len(log.live) >= limit else ""

"""Reading what was missed: the broker's recent history first, the journal behind it else; of a
channel with a retention, the broker's stream alone.

Thousands of clients may come back in the same second. So at most one read a channel is in flight,
those who wait share it, and what it found stays for a moment. Facts never change, so a cached
read serves anyone whose hole lies within it; no read is ever stale.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar

from realtime.broker.broker import Broker
from realtime.clock import Clock
from realtime.errors import (
    BrokerUnavailable,
    HistoryUnavailable,
    RealtimeError,
    UnrecoverablePosition,
)
from realtime.metrics import Metrics
from realtime.ports import HistorySource
from realtime.publication import HistorySlice, Publication, Retention, StreamPosition
from realtime.settings import RealtimeSettings

log = logging.getLogger(__name__)

T = TypeVar("T")


def mark_seen(task: asyncio.Task[Any]) -> None:
    """An error is no news to the event loop when all who waited for the task have gone."""
    if not task.cancelled():
        task.exception()


class SingleFlight(Generic[T]):
    """One call a key at a time; those who ask while it runs share its outcome."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[T]] = {}

    async def run(self, key: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(call())
            flight.add_done_callback(mark_seen)
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        # Shielded: one who gives up must not take the others' answer away.
        return await asyncio.shield(flight)

    async def stop(self) -> None:
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)


class _Window:
    """A run of facts without a hole: those after `since`, of one epoch."""

    __slots__ = ("epoch", "facts", "read_at", "since")

    def __init__(self, since: int, found: HistorySlice, read_at: float) -> None:
        self.since = since
        self.facts = found.publications
        self.epoch = found.epoch
        self.read_at = read_at

    def cut(self, since: int, reach: int, epoch: str) -> tuple[Publication, ...] | None:
        """The facts after `since`, if all up to `reach` are here."""
        fits = self.epoch == epoch and self.since <= since and reach <= self.since + len(self.facts)
        return self.facts[since - self.since :] if fits else None


class _Flight:
    __slots__ = ("epoch", "reach", "retention", "since", "started", "task")

    def __init__(self, since: int, reach: int, epoch: str, retention: Retention | None) -> None:
        self.since = since
        self.reach = reach
        self.epoch = epoch
        self.retention = retention
        self.started = False
        self.task: asyncio.Task[_Window] | None = None


class HistoryReader:
    """`retention`, wherever it is asked for, is that of the channel; None: there is a journal."""

    def __init__(
        self,
        broker: Broker,
        source: HistorySource,
        settings: RealtimeSettings,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._broker = broker
        self._source = source
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._flights: dict[str, _Flight] = {}
        self._tops: SingleFlight[StreamPosition] = SingleFlight()
        self._latest: SingleFlight[Mapping[str, Publication]] = SingleFlight()
        self._lasts: SingleFlight[HistorySlice] = SingleFlight()
        self._source_epoch = ""
        self._source_slots = asyncio.Semaphore(settings.concurrent_checks)

    async def stop(self) -> None:
        await self._tops.stop()
        await self._latest.stop()
        await self._lasts.stop()
        flights = [flight.task for flight in self._flights.values() if flight.task]
        for task in flights:
            task.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def since(
        self, channel: str, offset: int, reach: int, epoch: str, retention: Retention | None = None
    ) -> tuple[Publication, ...] | None:
        """The facts after `offset`, without a hole, at least up to `reach`.

        None when they cannot be had: another epoch, too far back, gone. Raises HistoryUnavailable
        when who has them could not be asked.
        """
        if reach - offset > self._settings.recovery_limit:
            return None
        while True:
            window = self._windows.get(channel)
            found = window.cut(offset, reach, epoch) if window else None
            if found is not None:
                return found
            flight = self._flights.get(channel)
            if flight is None:
                flight = self._flights[channel] = _Flight(offset, reach, epoch, retention)
                flight.task = asyncio.create_task(self._fly(channel, flight))
                flight.task.add_done_callback(mark_seen)
            # Until it has begun to read, a flight can be asked to bring more.
            mine = not flight.started
            if mine:
                flight.since = min(flight.since, offset)
                flight.reach = max(flight.reach, reach)
            assert flight.task is not None
            window = await asyncio.shield(flight.task)
            if mine:
                # What it brought, not what is cached: with many channels that may be gone already.
                return window.cut(offset, reach, epoch)

    async def last(
        self, channel: str, top: StreamPosition, count: int, retention: Retention | None
    ) -> HistorySlice:
        """The newest facts that are kept, ascending, at most `count`, and how far there are any.

        Of a channel with a journal: those up to `top`. Raises HistoryUnavailable.
        """
        if retention is None:
            count = min(count, top.offset)
            if not count:
                return HistorySlice((), top.offset, top.epoch)
            found = await self.since(channel, top.offset - count, top.offset, top.epoch)
            kept = found[:count] if found is not None else ()
            return HistorySlice(kept, top.offset, top.epoch)

        async def read() -> HistorySlice:
            newest = await self._read_stream(channel, None, count, retention, reverse=True)
            return HistorySlice(newest.publications[::-1], newest.top_offset, newest.epoch)

        return await self._lasts.run(f"{count}:{channel}", read)

    async def top(self, channel: str, retention: Retention | None = None) -> StreamPosition:
        """Where the channel stands, by the broker or, where that holds nothing, by the source.

        Raises HistoryUnavailable.
        """

        async def read() -> StreamPosition:
            if retention is not None:
                return await self._stream_top(channel, retention)
            return await self._broker_top(channel) or await self.source_top(channel)

        return await self._tops.run(channel, read)

    async def newest(
        self, channel: str, ask_source: bool, retention: Retention | None = None
    ) -> StreamPosition | None:
        """Where the channel stands, to check a live position by. Raises HistoryUnavailable.

        None when the broker can be asked and holds nothing: the channel has long been quiet (a
        broker that lost its data has lost its connections too, which is another check).
        """
        if retention is not None:
            return await self._stream_top(channel, retention)
        if not ask_source:
            try:
                return await self._broker.top(channel)
            except BrokerUnavailable:
                log.debug("no broker to check %r by; asking the source", channel)
        return await self.source_top(channel)

    async def source_top(self, channel: str, retention: Retention | None = None) -> StreamPosition:
        """Where the channel truly stands. Raises HistoryUnavailable."""
        if retention is not None:
            return await self._stream_top(channel, retention)
        found = await self._read_source(channel, 0, 0)
        return StreamPosition(found.top_offset, found.epoch)

    async def latest(self, channel: str) -> Mapping[str, Publication]:
        """The channel's current values. Raises BrokerUnavailable."""
        return await self._latest.run(channel, lambda: self._read_latest(channel))

    async def page(self, channel: str, offset: int, limit: int) -> HistorySlice:
        """A page of history for a client that asks for it. Raises HistoryUnavailable."""
        limit = min(limit, self._settings.recovery_limit)
        found = await self._broker_since(channel, offset, limit)
        return found or await self._read_source(channel, offset, limit)

    async def _read_latest(self, channel: str) -> Mapping[str, Publication]:
        return await self._broker.latest(channel)

    async def _broker_top(self, channel: str) -> StreamPosition | None:
        try:
            top = await self._broker.top(channel)
        except BrokerUnavailable:
            return None
        return top if top is not None and self._current(top.epoch) else None

    def _current(self, epoch: str) -> bool:
        """Whether a broker's epoch can be that of the journal.

        A broker may still hold streams of a journal that is no more; the source knows better.
        """
        return not self._source_epoch or epoch == self._source_epoch

    async def _broker_since(self, channel: str, since: int, limit: int) -> HistorySlice | None:
        self._metrics.history_reads += 1
        try:
            found = await self._broker.history(channel, since, limit)
        except BrokerUnavailable:
            return None
        return found if found is not None and self._current(found.epoch) else None

    async def _read_source(self, channel: str, since: int, limit: int) -> HistorySlice:
        self._metrics.source_reads += 1
        try:
            async with self._source_slots, asyncio.timeout(self._settings.operation_timeout_s):
                found = await self._source.since(channel, since, limit)
        except RealtimeError:
            raise
        except Exception as error:  # the application's source may raise anything
            log.warning("history source failed for %r: %r", channel, error)
            raise HistoryUnavailable(channel) from error
        self._source_epoch = found.epoch
        return found

    async def _stream_top(self, channel: str, retention: Retention) -> StreamPosition:
        found = await self._read_stream(channel, None, 0, retention)
        return StreamPosition(found.top_offset, found.epoch)

    async def _read_stream(
        self,
        channel: str,
        since: StreamPosition | None,
        limit: int,
        retention: Retention,
        reverse: bool = False,
    ) -> HistorySlice:
        """Raises UnrecoverablePosition and HistoryUnavailable."""
        self._metrics.history_reads += 1
        try:
            return await self._broker.stream(channel, since, limit, retention, reverse)
        except BrokerUnavailable as error:
            raise HistoryUnavailable(channel) from error

    async def _fly(self, channel: str, flight: _Flight) -> _Window:
        await asyncio.sleep(0)  # those who are asking in this very turn of the loop come along
        flight.started = True
        try:
            window = await self._read_window(channel, flight)
        finally:
            del self._flights[channel]
        self._remember(channel, window)
        return window

    async def _read_window(self, channel: str, flight: _Flight) -> _Window:
        since, epoch = flight.since, flight.epoch
        # Those who share a read may each stay within the limit and together exceed it.
        limit = max(self._settings.recovery_limit, flight.reach - since)
        if flight.retention is not None:
            try:
                found = await self._read_stream(
                    channel, StreamPosition(since, epoch), limit, flight.retention
                )
            except UnrecoverablePosition:
                return _Window(since, HistorySlice((), 0, ""), self._clock.monotonic())
            if not found.follows(since):
                found = HistorySlice((), found.top_offset, found.epoch)
            return _Window(since, found, self._clock.monotonic())
        recent = await self._broker_since(channel, since, limit)
        if recent is not None:
            window = _Window(since, recent, self._clock.monotonic())
            if window.cut(since, flight.reach, epoch) is not None:
                return window
        found = await self._read_source(channel, since, limit)
        if not found.follows(since):
            found = HistorySlice((), found.top_offset, found.epoch)
        return _Window(since, found, self._clock.monotonic())

    def _remember(self, channel: str, window: _Window) -> None:
        self._windows[channel] = window
        self._windows.move_to_end(channel)
        if len(self._windows) > self._settings.history_cache_channels:
            self._windows.popitem(last=False)

    def expire(self) -> None:
        """Drop what was read a while ago: it is only kept for those who come at the same time."""
        stale = self._clock.monotonic() - self._settings.history_cache_s
        while self._windows and next(iter(self._windows.values())).read_at <= stale:
            self._windows.popitem(last=False)

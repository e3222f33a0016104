"""Reading what was missed: the broker's recent history first, the journal behind it else.

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

from realtime.broker import Broker
from realtime.clock import Clock
from realtime.errors import BrokerUnavailable, HistoryUnavailable, RealtimeError
from realtime.metrics import Metrics
from realtime.ports import HistorySource
from realtime.publication import HistorySlice, Publication, StreamPosition
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
    __slots__ = ("reach", "since", "started", "task")

    def __init__(self, since: int, reach: int) -> None:
        self.since = since
        self.reach = reach
        self.started = False
        self.task: asyncio.Task[None] | None = None


class HistoryReader:
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
        self._source_epoch = ""
        self._source_slots = asyncio.Semaphore(settings.concurrent_checks)

    async def stop(self) -> None:
        await self._tops.stop()
        await self._latest.stop()
        flights = [flight.task for flight in self._flights.values() if flight.task]
        for task in flights:
            task.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def since(
        self, channel: str, offset: int, reach: int, epoch: str
    ) -> tuple[Publication, ...] | None:
        """The facts after `offset`, without a hole, at least up to `reach`.

        None when they cannot be had: another epoch, too far back, gone. Raises HistoryUnavailable
        when the source could not be asked.
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
                flight = self._flights[channel] = _Flight(offset, reach)
                flight.task = asyncio.create_task(self._fly(channel, flight, epoch))
                flight.task.add_done_callback(mark_seen)
            # Until it has begun to read, a flight can be asked to bring more.
            mine = not flight.started
            if mine:
                flight.since = min(flight.since, offset)
                flight.reach = max(flight.reach, reach)
            assert flight.task is not None
            await asyncio.shield(flight.task)
            if mine:
                window = self._windows.get(channel)
                return window.cut(offset, reach, epoch) if window else None

    async def top(self, channel: str) -> StreamPosition:
        """Where the channel stands, by the broker or, where that holds nothing, by the source."""

        async def read() -> StreamPosition:
            return await self._broker_top(channel) or await self.source_top(channel)

        return await self._tops.run(channel, read)

    async def newest(self, channel: str, ask_source: bool) -> StreamPosition | None:
        """Where the channel stands, to check a live position by. Raises HistoryUnavailable.

        None when the broker can be asked and holds nothing: the channel has long been quiet (a
        broker that lost its data has lost its connections too, which is another check).
        """
        if not ask_source:
            try:
                return await self._broker.top(channel)
            except BrokerUnavailable:
                log.debug("no broker to check %r by; asking the source", channel)
        return await self.source_top(channel)

    async def source_top(self, channel: str) -> StreamPosition:
        """Where the channel truly stands. Raises HistoryUnavailable."""
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
        except Exception as error:
            log.warning("history source failed for %r: %r", channel, error)
            raise HistoryUnavailable(channel) from error
        self._source_epoch = found.epoch
        return found

    async def _fly(self, channel: str, flight: _Flight, epoch: str) -> None:
        await asyncio.sleep(0)  # those who are asking in this very turn of the loop come along
        flight.started = True
        try:
            window = await self._read_window(channel, flight, epoch)
        finally:
            del self._flights[channel]
        self._remember(channel, window)

    async def _read_window(self, channel: str, flight: _Flight, epoch: str) -> _Window:
        since = flight.since
        # Those who share a read may each stay within the limit and together exceed it.
        limit = max(self._settings.recovery_limit, flight.reach - since)
        found = await self._broker_since(channel, since, limit)
        if found is not None:
            window = _Window(since, found, self._clock.monotonic())
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

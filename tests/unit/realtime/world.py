"""A hub with everything around it: a broker that can be made to lose, a journal, readers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

import msgspec

from realtime.broker import Deliver, Reconnected
from realtime.broker_memory import MemoryBroker
from realtime.codec import Codec
from realtime.codec_json import JSON
from realtime.codes import Disconnect, Unsubscribe
from realtime.errors import BrokerUnavailable
from realtime.history import HistoryReader
from realtime.hub import Hub
from realtime.metrics import Metrics
from realtime.ports import Identity
from realtime.protocol import (
    PublicationMessage,
    SubscribeRequest,
    SubscribeResult,
)
from realtime.publication import HistorySlice, Publication, StreamPosition
from realtime.settings import BrokerSettings, RealtimeSettings
from realtime.wheel import TimerWheel
from tests.unit.realtime.application import Journal, Policy
from tests.unit.realtime.clock import VirtualClock, settle


class FaultyBroker:
    """The memory broker behind a bad line. Every call takes some turns of the event loop."""

    def __init__(self, clock: VirtualClock, seed: int = 0, history_size: int = 1000) -> None:
        self.inner = MemoryBroker(BrokerSettings(history_size=history_size), clock)
        self.down = False
        self.losing = False
        self.histories = 0
        self.tops = 0
        self.subscribes = 0
        self._random = random.Random(seed)
        self._deliver: Deliver | None = None
        self._reconnected: Reconnected | None = None

    async def _line(self) -> None:
        for _ in range(self._random.choice((0, 0, 1, 3, 6))):
            await asyncio.sleep(0)
        if self.down:
            raise BrokerUnavailable("down")

    async def start(self, deliver: Deliver, reconnected: Reconnected) -> None:
        self._deliver, self._reconnected = deliver, reconnected
        await self.inner.start(self._pass, reconnected)

    def _pass(self, publication: Publication) -> None:
        if not self.losing and not self.down:
            self.inject(publication)

    def inject(self, publication: Publication) -> None:
        """Deliver something as if it had come from elsewhere: a repeat, an overtaking."""
        assert self._deliver is not None
        self._deliver(publication)

    def come_back(self, empty: bool) -> None:
        """After an outage."""
        assert self._reconnected is not None
        if empty:
            self.inner.forget()
        self.down = False
        self._reconnected()

    async def stop(self) -> None:
        await self.inner.stop()

    async def publish(self, batch: Sequence[Publication]) -> None:
        if self.down:
            raise BrokerUnavailable("down")
        await self.inner.publish(batch)

    async def subscribe(self, channel: str) -> None:
        self.subscribes += 1
        await self._line()
        await self.inner.subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        await self.inner.unsubscribe(channel)

    async def history(self, channel: str, since: int, limit: int) -> HistorySlice | None:
        self.histories += 1
        await self._line()
        found = await self.inner.history(channel, since, limit)
        await self._line()
        return found

    async def top(self, channel: str) -> StreamPosition | None:
        self.tops += 1
        await self._line()
        found = await self.inner.top(channel)
        await self._line()
        return found

    async def latest(self, channel: str) -> Mapping[str, Publication]:
        await self._line()
        found = await self.inner.latest(channel)
        await self._line()
        return found


class _Pub(msgspec.Struct):
    data: msgspec.Raw
    offset: int = 0


class _Push(msgspec.Struct):
    channel: str
    pub: _Pub


class _Frame(msgspec.Struct):
    push: _Push


class Reader:
    """A subscriber that checks what an application relies on: each fact once, in order.

    `position`: the last fact it knows of a channel; `facts`: the offsets it was given. What goes
    against that is kept in `faults`: it runs where exceptions are caught and logged.
    """

    def __init__(self, user: str = "ann") -> None:
        self.identity = Identity(user)
        self.codec: Codec = JSON
        self.position: StreamPosition | None = None
        self.frames: list[bytes] = []
        self.faults: list[str] = []
        self.facts: list[int] = []
        self.values: list[bytes] = []
        self.ended: list[Unsubscribe] = []
        self.closed: list[Disconnect] = []
        self.results: list[SubscribeResult] = []

    def push(self, frame: bytes) -> None:
        self.frames.append(frame)
        pub = msgspec.json.decode(frame, type=_Frame).push.pub
        if not pub.offset:
            self.values.append(bytes(pub.data))
            return
        self._take(pub.offset)

    def _take(self, offset: int) -> None:
        if self.position is None:
            self.faults.append(f"{offset} was pushed before the reply")
            return
        if offset != self.position.offset + 1:
            self.faults.append(f"{offset} came after {self.position.offset}")
        self.facts.append(offset)
        self.position = StreamPosition(offset, self.position.epoch)

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        self.ended.append(why)

    def close(self, why: Disconnect) -> None:
        self.closed.append(why)

    def request(self, channel: str) -> SubscribeRequest:
        if self.position is None:
            return SubscribeRequest(channel)
        offset, epoch = self.position.offset, self.position.epoch
        return SubscribeRequest(channel, recover=True, offset=offset, epoch=epoch)

    def subscribed(self, result: SubscribeResult) -> None:
        """Take a subscribe reply."""
        self.results.append(result)
        if not result.positioned:
            self.values += [bytes(message.data) for message in result.publications]
            return
        if self.position is None or not result.recovered:
            # New, or told that it missed something: the application loads its state anew.
            first = result.publications[0].offset if result.publications else result.offset + 1
            self.position, self.facts = StreamPosition(first - 1, result.epoch), []
        for message in result.publications:
            self._take(message.offset)
        if self.position != StreamPosition(result.offset, result.epoch):
            self.faults.append(f"the reply says {result.offset} after {self.position}")


def offsets(messages: Sequence[PublicationMessage]) -> list[int]:
    return [message.offset for message in messages]


class World:
    def __init__(
        self, settings: RealtimeSettings | None = None, seed: int = 0, history_size: int = 1000
    ) -> None:
        self.clock = VirtualClock()
        self.settings = settings or RealtimeSettings()
        self.metrics = Metrics()
        self.wheel = TimerWheel(self.clock, self.settings.wheel_tick_s)
        self.broker = FaultyBroker(self.clock, seed, history_size)
        self.journal = Journal()
        self.policy = Policy()
        self.history = HistoryReader(
            self.broker, self.journal, self.settings, self.clock, self.metrics
        )
        self.hub = Hub(
            self.broker,
            self.history,
            self.policy,
            self.settings,
            self.clock,
            self.wheel,
            self.metrics,
        )
        self._turning: asyncio.Task[None] | None = None

    async def __aenter__(self) -> World:
        self._turning = asyncio.create_task(self.wheel.run())
        await self.hub.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hub.stop()
        await self.history.stop()
        assert self._turning is not None
        self._turning.cancel()
        await asyncio.gather(self._turning, return_exceptions=True)

    async def join(self, reader: Reader, channel: str) -> SubscribeResult:
        """Subscribe, recovering where the reader was."""
        result = await self.hub.subscribe(reader, reader.request(channel))
        reader.subscribed(result)
        return result

    async def publish(self, channel: str, count: int = 1, data: bytes | None = None) -> None:
        """Commit facts and publish them, and let them arrive."""
        await self.broker.publish([self.journal.append(channel, data) for _ in range(count)])
        await settle()

    async def publish_lost(self, channel: str, count: int = 1) -> None:
        """Commit and publish, but no node hears of it."""
        self.broker.losing = True
        await self.publish(channel, count)
        self.broker.losing = False

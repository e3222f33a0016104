"""A hub with everything around it: a broker that can be made to lose, a journal, readers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from realtime.broker.broker import Deliver, Reconnected
from realtime.broker.broker_memory import MemoryBroker
from realtime.codes import Disconnect, Unsubscribe
from realtime.errors import BrokerUnavailable
from realtime.history.reader import HistoryReader
from realtime.hub.delta import apply
from realtime.hub.hub import Hub
from realtime.hub.turn import Turn
from realtime.metrics import Metrics
from realtime.ports import Identity
from realtime.protocol.codec import Codec
from realtime.protocol.codec_json import JSON
from realtime.protocol.messages import (
    FilterNode,
    PublicationMessage,
    SubscribeRequest,
    SubscribeResult,
)
from realtime.publication import (
    Append,
    HistorySlice,
    Publication,
    Retention,
    StreamPosition,
)
from realtime.settings import BrokerSettings, RealtimeSettings
from realtime.transport.message import Message
from realtime.wheel import TimerWheel
from tests.unit.realtime.application import Journal, Policy
from tests.unit.realtime.clock import VirtualClock, settle

RETENTION = Retention(size=100, ttl_s=3600.0)


class FaultyBroker:
    """The memory broker behind a bad line. Every call takes some turns of the event loop."""

    def __init__(self, clock: VirtualClock, seed: int = 0, history_size: int = 1000) -> None:
        self.inner = MemoryBroker(BrokerSettings(history_size=history_size), clock)
        self.down = False
        self.surprise: Exception | None = None
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
        self._reconnected(self.inner.listened)

    async def stop(self) -> None:
        await self.inner.stop()

    async def publish(self, batch: Sequence[Publication]) -> None:
        if self.down:
            raise BrokerUnavailable("down")
        await self.inner.publish(batch)

    async def subscribe(self, channel: str) -> None:
        self.subscribes += 1
        await self._line()
        if self.surprise is not None:
            raise self.surprise
        await self.inner.subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        await self.inner.unsubscribe(channel)

    async def append(self, append: Append) -> StreamPosition:
        await self._line()
        return await self.inner.append(append)

    async def stream(
        self,
        channel: str,
        since: StreamPosition | None,
        limit: int,
        retention: Retention,
        reverse: bool = False,
    ) -> HistorySlice:
        await self._line()
        found = await self.inner.stream(channel, since, limit, retention, reverse)
        await self._line()
        return found

    async def clear(self, channel: str) -> None:
        await self._line()
        await self.inner.clear(channel)

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
    data: msgspec.Raw = msgspec.Raw(b"")
    offset: int = 0
    delta: bool = False


class _Push(msgspec.Struct):
    channel: str
    pub: _Pub | None = None
    join: dict[str, dict[str, Any]] | None = None
    leave: dict[str, dict[str, Any]] | None = None


class _Frame(msgspec.Struct):
    push: _Push


class Reader:
    """A subscriber that does as an SDK does, and checks what an application relies on: each fact
    once, in order, with the data that it was published with.

    `position`: the last fact it knows of a channel; `facts`: the offsets it was given; `data`:
    their payloads, deltas applied. What goes against the rules is kept in `faults`: it runs where
    exceptions are caught and logged.
    """

    def __init__(
        self, user: str = "ann", *, delta: bool = False, tf: FilterNode | None = None
    ) -> None:
        self.identity = Identity(user)
        self.codec: Codec = JSON
        self.delta = delta
        self.tf = tf
        self.position: StreamPosition | None = None
        self.frames: list[bytes] = []
        self.faults: list[str] = []
        self.facts: list[int] = []
        self.data: list[bytes] = []
        self.values: list[bytes] = []
        self.comings: list[str] = []
        self.ended: list[Unsubscribe] = []
        self.closed: list[Disconnect] = []
        self.results: list[SubscribeResult] = []
        self.deltas = 0
        self._base = b""

    def deliver(self, message: Message) -> None:
        for frame in message.frames:
            self.push(frame)

    def push(self, frame: bytes) -> None:
        self.frames.append(frame)
        push = msgspec.json.decode(frame, type=_Frame).push
        for sign, coming in (("+", push.join), ("-", push.leave)):
            if coming is not None:
                self.comings.append(sign + coming["info"]["client"])
        if push.pub is None:
            return
        data = self._decode(bytes(push.pub.data), push.pub.delta)
        if push.pub.offset and (not self.results or self.results[-1].positioned):
            self._take(push.pub.offset, data)
        else:
            self.values.append(data)

    def _decode(self, data: bytes, delta: bool) -> bytes:
        if not (self.results and self.results[-1].delta):
            return data
        text: bytes = msgspec.json.decode(data, type=str).encode()
        self._base = apply(self._base, text) if delta else text
        self.deltas += delta
        return self._base

    def _take(self, offset: int, data: bytes) -> None:
        if self.position is None:
            self.faults.append(f"{offset} was pushed before the reply")
            return
        # Filtered ones are no gap for a client; whether they are the right ones, tests look at.
        follows = offset > self.position.offset if self.tf else offset == self.position.offset + 1
        if not follows:
            self.faults.append(f"{offset} came after {self.position.offset}")
        self.facts.append(offset)
        self.data.append(data)
        self.position = StreamPosition(offset, self.position.epoch)

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        self.ended.append(why)

    def close(self, why: Disconnect) -> None:
        self.closed.append(why)

    def request(self, channel: str) -> SubscribeRequest:
        delta = "fossil" if self.delta else ""
        if self.position is None:
            return SubscribeRequest(channel, delta=delta, tf=self.tf)
        offset, epoch = self.position.offset, self.position.epoch
        return SubscribeRequest(
            channel, recover=True, offset=offset, epoch=epoch, delta=delta, tf=self.tf
        )

    def subscribed(self, result: SubscribeResult) -> None:
        """Take a subscribe reply."""
        self.results.append(result)
        messages = [(one.offset, bytes(one.data), one.delta) for one in result.publications]
        if not result.positioned:
            self.values += [self._decode(data, delta) for _, data, delta in messages]
            return
        if self.position is None or not result.recovered:
            # New, or told that it missed something: the application loads its state anew.
            first = messages[0][0] if messages else result.offset + 1
            self.position = StreamPosition(first - 1, result.epoch)
            self.facts, self.data = [], []
        elif messages and result.offset != self.position.offset:
            self.faults.append(f"the reply begins at {result.offset}, not at {self.position}")
        for offset, data, delta in messages:
            self._take(offset, self._decode(data, delta))
        if not messages:
            self.position = StreamPosition(result.offset, result.epoch)


def offsets(messages: Sequence[PublicationMessage]) -> list[int]:
    return [message.offset for message in messages]


class World:
    def __init__(
        self,
        settings: RealtimeSettings | None = None,
        seed: int = 0,
        history_size: int = 1000,
        policy: Policy | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.settings = settings or RealtimeSettings()
        self.metrics = Metrics()
        self.wheel = TimerWheel(self.clock, self.settings.wheel_tick_s)
        self.broker = FaultyBroker(self.clock, seed, history_size)
        self.journal = Journal()
        self.policy = policy or Policy()
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
            Turn(self.metrics),
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

    async def append(
        self,
        channel: str,
        *payloads: bytes,
        retention: Retention = RETENTION,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Append payloads to a stream of the broker, and let them arrive."""
        for data in payloads:
            await self.broker.append(Append(channel, data, retention, tags=tags))
        await settle()

    async def append_lost(self, channel: str, *payloads: bytes) -> None:
        """The same, but no node hears of it."""
        self.broker.losing = True
        await self.append(channel, *payloads)
        self.broker.losing = False

    async def publish_lost(self, channel: str, count: int = 1) -> None:
        """Commit and publish, but no node hears of it."""
        self.broker.losing = True
        await self.publish(channel, count)
        self.broker.losing = False

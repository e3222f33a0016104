"""Nodes that share a store of maps. Virtual time, memory store, bad lines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import msgspec

from realtime.broker.broker_memory import MemoryBroker
from realtime.errors import BrokerUnavailable
from realtime.history.reader import HistoryReader
from realtime.hub.hub import Hub
from realtime.hub.turn import Turn
from realtime.maps.keyed import KeyedChange, KeyedOptions, KeyedOutcome, KeyedSlice
from realtime.maps.keyed_memory import MemoryKeyedStore
from realtime.metrics import Metrics
from realtime.ports import SubscribeOptions
from realtime.publication import Publication, StreamPosition
from realtime.settings import RealtimeSettings
from realtime.wheel import TimerWheel
from tests.unit.realtime.application import Journal, Policy
from tests.unit.realtime.clock import VirtualClock
from tests.unit.realtime.world import FaultyBroker


class Air:
    """What the store publishes reaches the brokers of all nodes."""

    def __init__(self) -> None:
        self.brokers: list[MemoryBroker] = []

    async def publish(self, batch: Sequence[Publication]) -> None:
        for broker in self.brokers:
            await broker.publish(batch)


class FaultyStore:
    """The memory store behind a bad line. `reads` and `tops` count what it was asked."""

    def __init__(self, air: Air, clock: VirtualClock, seed: int) -> None:
        self.inner = MemoryKeyedStore(air, clock)
        self.down = False
        self.reads = 0
        self.held: asyncio.Event | None = None
        self._random = random.Random(seed)

    async def _line(self) -> None:
        for _ in range(self._random.choice((0, 0, 1, 3, 6))):
            await asyncio.sleep(0)
        if self.held is not None:
            await self.held.wait()
        if self.down:
            raise BrokerUnavailable("down")

    async def change(self, batch: Sequence[KeyedChange]) -> list[KeyedOutcome]:
        return await self.inner.change(batch)

    async def changes(self, channel: str, since: int, limit: int) -> KeyedSlice:
        self.reads += 1
        await self._line()
        found = await self.inner.changes(channel, since, limit)
        await self._line()
        return found

    async def top(self, channel: str) -> StreamPosition | None:
        await self._line()
        found = await self.inner.top(channel)
        await self._line()
        return found

    async def clear(self, channel: str) -> None:
        await self.inner.clear(channel)

    async def expire(self) -> int:
        return 0 if self.down else await self.inner.expire()


class Node:
    """One hub."""

    def __init__(self, world: KeyedWorld, seed: int) -> None:
        settings, clock = world.settings, world.clock
        self.metrics = Metrics()
        self.wheel = TimerWheel(clock, settings.wheel_tick_s)
        self.broker = FaultyBroker(clock, seed)
        self.policy = world.policy
        self.history = HistoryReader(self.broker, Journal(), settings, clock, self.metrics)
        self.hub = Hub(
            self.broker,
            self.history,
            self.policy,
            settings,
            clock,
            self.wheel,
            self.metrics,
            Turn(self.metrics),
            world.store,
        )
        self._turning: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._turning = asyncio.create_task(self.wheel.run())
        await self.hub.start()

    async def stop(self) -> None:
        await self.hub.stop()
        await self.history.stop()
        assert self._turning is not None
        self._turning.cancel()
        await asyncio.gather(self._turning, return_exceptions=True)


class KeyedWorld:
    def __init__(
        self,
        keyed: KeyedOptions | None = None,
        nodes: int = 1,
        seed: int = 0,
        delta: bool = True,
        read_size: int = 1000,
    ) -> None:
        self.clock = VirtualClock()
        # Short intervals, for each tick of the wheel costs a test some turns of the loop.
        self.settings = RealtimeSettings(
            position_check_interval_s=1.0, keyed_sweep_s=0.5, keyed_read_size=read_size
        )
        self.policy = Policy()
        self.keyed = keyed or KeyedOptions()
        self.policy.options["m"] = SubscribeOptions(
            "latest", keyed=self.keyed, delta=delta, tags_filter=True
        )
        self.air = Air()
        self.store = FaultyStore(self.air, self.clock, seed)
        self.nodes = [Node(self, seed + number) for number in range(nodes)]
        self.air.brokers = [node.broker.inner for node in self.nodes]

    async def __aenter__(self) -> KeyedWorld:
        for node in self.nodes:
            await node.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in self.nodes:
            await node.stop()

    async def set(
        self, key: str, value: object, tags: dict[str, str] | None = None, score: int = 0
    ) -> None:
        data = msgspec.json.encode(value)
        change = KeyedChange("m", key, self.keyed.retention, data, tags=tags, score=score)
        await self.store.change([change])

    async def remove(self, key: str) -> None:
        await self.store.change([KeyedChange("m", key, self.keyed.retention, removed=True)])

    async def state(self, passing: str | None = None) -> dict[str, object]:
        """What the store has; `passing`: of the keys whose tag `t` is that."""
        found = await self.store.inner.changes("m", 0, 10**9)
        return {
            one.key: msgspec.json.decode(one.data)
            for one in found.changes
            if not one.removed and (passing is None or (one.tags or {}).get("t") == passing)
        }

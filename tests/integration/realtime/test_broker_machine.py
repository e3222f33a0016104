"""Any sequence of operations: the brokers in memory and on Redis answer and deliver the same.

Epochs are random, so they are compared by when they first appeared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.broker.broker_memory import MemoryBroker
from realtime.broker.broker_redis import RedisBroker
from realtime.broker.sharding import split_urls
from realtime.clock import SystemClock
from realtime.errors import UnrecoverablePosition
from realtime.publication import Append, HistorySlice, Peer, Publication, Retention, StreamPosition
from realtime.settings import BrokerSettings
from tests.integration.realtime.listener import Listener

CHANNELS = ["a", "b{1} ü"]

channels = st.sampled_from(CHANNELS)
payloads = st.binary(max_size=40)
offsets = st.integers(0, 8)
retentions = st.builds(
    Retention, size=st.integers(1, 5), ttl_s=st.just(60.0), meta_ttl_s=st.sampled_from([0.0, 90.0])
)
peers = st.builds(Peer, st.text(max_size=3), st.text(max_size=3), payloads, payloads)
appends = st.builds(
    Append,
    channels,
    payloads,
    retentions,
    st.none() | peers,
    st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=20),
    st.sampled_from(["", "", "k1", "k2:"]),
)
facts = st.builds(
    Publication, channels, payloads, st.integers(1, 8), st.sampled_from(["e1", "e1", "e2"])
)
values = st.builds(
    Publication, channels, payloads, key=st.sampled_from(["", "x", "y"]), delivery=st.just("latest")
)
signals = st.builds(
    Publication, channels, payloads, delivery=st.sampled_from(["signal", "join", "leave"])
)
pages = st.tuples(
    st.just("stream"),
    channels,
    st.none() | st.tuples(offsets, st.sampled_from(["", "newest", "other"])),
    st.integers(-1, 4),
    retentions,
    st.booleans(),
)
appending = st.tuples(st.just("append"), appends)
publishing = st.tuples(st.just("publish"), st.lists(facts | values | signals, max_size=6))
operations = st.one_of(  # a strategy named more often is chosen more often
    *(appending, appending, appending, appending, pages, pages, pages, publishing, publishing),
    st.tuples(st.just("history"), channels, offsets, st.integers(0, 4)),
    st.tuples(st.just("top"), channels),
    st.tuples(st.just("subscribe"), channels),
    st.tuples(st.just("unsubscribe"), channels),
    st.tuples(st.just("clear"), channels),
    st.tuples(st.just("lose everything")),
)
WHOLE = Retention(size=5, ttl_s=60.0)
LAST_LOOK = [
    (name, channel, *arguments)
    for channel in CHANNELS
    for name, *arguments in [
        ("stream", None, -1, WHOLE, False),
        ("stream", None, -1, WHOLE, True),
        ("history", 0, 100),
        ("latest",),
    ]
]


class OneInstant(SystemClock):
    """The same time of day for both brokers."""

    def now(self) -> float:
        return 1_700_000_000.0


class Side:
    """One of the two brokers, and the epochs that it has begun."""

    def __init__(self, listener: Listener, forget: Callable[[], None]) -> None:
        self.listener = listener
        self._broker = listener.broker
        self._forget = forget
        self._epochs: list[str] = []
        self._newest: dict[str, str] = {}

    async def begin(self) -> None:
        self._forget()
        for channel in CHANNELS:
            await self._broker.unsubscribe(channel)
        await self.listener.flush()
        self.listener.got.clear()
        self._epochs.clear()
        self._newest.clear()

    async def do(self, operation: tuple[Any, ...]) -> Any:
        name, *arguments = operation
        match name:
            case "append":
                position = await self._broker.append(arguments[0])
                self._newest[arguments[0].channel] = position.epoch
                return self._alike(position)
            case "stream":
                return await self._stream(*arguments)
            case "lose everything":
                self._forget()
                return None
            case "publish":
                # One batch may hold several values for a key, of which the last counts.
                return await self._broker.publish(arguments[0])
            case _:
                return self._alike(await getattr(self._broker, name)(*arguments))

    async def _stream(
        self,
        channel: str,
        since: tuple[int, str] | None,
        limit: int,
        retention: Retention,
        reverse: bool,
    ) -> Any:
        position = None
        if since is not None:
            offset, epoch = since
            if epoch == "newest":
                epoch = self._newest.get(channel, "other")
            position = StreamPosition(offset, epoch)
        try:
            found = await self._broker.stream(channel, position, limit, retention, reverse)
        except UnrecoverablePosition:
            return "unrecoverable"
        self._newest[channel] = found.epoch
        return self._alike(found)

    def _alike(self, found: Any) -> Any:
        if isinstance(found, StreamPosition):
            return found.offset, self._number(found.epoch)
        if isinstance(found, Publication):
            return self._number(found.epoch), [getattr(found, name) for name in _BUT_EPOCH]
        if isinstance(found, HistorySlice):
            inside = [self._alike(one) for one in found.publications]
            return inside, found.top_offset, self._number(found.epoch)
        return found

    def _number(self, epoch: str) -> str | int:
        if epoch in ("", "e1", "e2"):
            return epoch
        if epoch not in self._epochs:
            self._epochs.append(epoch)
        return self._epochs.index(epoch)

    async def delivered(self) -> Any:
        """By channel: all but values in order, and the last value of each key."""
        await self.listener.flush()
        got = self.listener.got
        return {
            channel: (
                [
                    self._alike(one)
                    for one in got
                    if one.channel == channel and one.delivery != "latest"
                ],
                {
                    one.key: one.data
                    for one in got
                    if one.channel == channel and one.delivery == "latest"
                },
            )
            for channel in CHANNELS
        }


_BUT_EPOCH = [name for name in Publication.__struct_fields__ if name != "epoch"]


class Pair:
    """The memory broker and one on Redis, for many examples: each begins with nothing kept."""

    def __init__(self, urls: str, kind: str) -> None:
        keeping = BrokerSettings(prefix=f"machine-{kind}")
        self._clients = [redis.Redis.from_url(url) for url in split_urls(urls)]
        memory = MemoryBroker(keeping, OneInstant())
        remote = RedisBroker(urls, keeping, OneInstant())
        self._sides = [
            Side(Listener(memory), memory.forget),
            Side(Listener(remote, len(self._clients)), self._flush),
        ]

    def _flush(self) -> None:
        for client in self._clients:
            client.flushall()

    async def start(self) -> None:
        await asyncio.gather(*(side.listener.start() for side in self._sides))

    async def stop(self) -> None:
        await asyncio.gather(*(side.listener.broker.stop() for side in self._sides))
        for client in self._clients:
            client.close()

    async def compare(self, script: list[tuple[Any, ...]]) -> None:
        for side in self._sides:
            await side.begin()
        for step in (*script, *LAST_LOOK):
            first, second = [await side.do(step) for side in self._sides]
            assert first == second, step
        first, second = [await side.delivered() for side in self._sides]
        assert first == second


@pytest.mark.parametrize("kind", ["redis", "sharded"])
def test_memory_and_redis_do_the_same(kind: str, redis_urls: Mapping[str, str]) -> None:
    with asyncio.Runner() as runner:

        @settings(
            max_examples=100 if kind == "redis" else 40,
            derandomize=True,
            database=None,
        )
        @given(st.lists(operations, min_size=10, max_size=30))
        def check(script: list[tuple[Any, ...]]) -> None:
            runner.run(pair.compare(script))

        pair = Pair(redis_urls[kind], kind)
        runner.run(pair.start())
        try:
            check()
        finally:
            runner.run(pair.stop())

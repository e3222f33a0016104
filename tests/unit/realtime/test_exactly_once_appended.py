"""The same property for streams that the broker counts and may lose: every reader has every
publication that its filter passes, once, in order and with the very data, from where it began; and
where that cannot be it is told so, and begins anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.codes import Disconnect
from realtime.errors import BrokerUnavailable
from realtime.hub.tags_filter import compile_filter
from realtime.ports import Identity, SubscribeOptions
from realtime.protocol.messages import FilterNode, SubscribeRequest, SubscribeResult
from realtime.publication import Append, Retention, StreamPosition
from tests.unit.realtime.application import Policy
from tests.unit.realtime.clock import settle
from tests.unit.realtime.returning import (
    SETTINGS,
    Returning,
    Step,
    befall,
    interleaved,
    recovered,
)
from tests.unit.realtime.world import World

CHANNEL = "chat:1"
ODD = FilterNode(key="n", cmp="eq", val="1")

STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 4)),
    st.tuples(st.just("append"), st.integers(1, 4)),
    st.tuples(st.just("lose"), st.integers(1, 4)),
    st.tuples(st.just("wipe"), st.just(0)),
    st.tuples(st.just("outage"), st.integers(0, 1)),
    st.tuples(st.just("connect"), st.integers(0, 5)),
    st.tuples(st.just("connect"), st.integers(0, 5)),
    st.tuples(st.just("cut"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
)


class Options(Policy):
    """Who is called loose is not positioned."""

    def __init__(self, retention: Retention) -> None:
        super().__init__()
        self.strict = SubscribeOptions("fact", retention=retention, delta=True, tags_filter=True)
        self.loose = SubscribeOptions(
            "fact", retention=retention, positioned=False, recoverable=False
        )

    async def subscribe(self, identity: Identity, request: SubscribeRequest) -> SubscribeOptions:
        return self.loose if identity.user == "loose" else self.strict


class Client(Returning):
    """`began`: where it began (anew)."""

    began = StreamPosition(0, "")

    def close(self, why: Disconnect) -> None:
        if not why.reconnects or self._options is None:
            self.faults.append(f"closed: {why}")
        self.cut()
        self.connect()

    def subscribed(self, result: SubscribeResult) -> None:
        fresh = self.position is None or not result.recovered
        super().subscribed(result)
        if fresh and self.position is not None:
            self.began = StreamPosition(result.offset, result.epoch)


class Log:
    """What was published, as the broker counted it."""

    def __init__(self, retention: Retention) -> None:
        self.retention = retention
        self.data: dict[StreamPosition, bytes] = {}
        self.tags: dict[StreamPosition, dict[str, str]] = {}
        self.count = 0
        self.tops: dict[str, int] = defaultdict(int)

    async def append(self, world: World) -> None:
        self.count += 1
        tags = {"n": str(self.count % 2)}
        data = json.dumps({"state": "aé" * 20, "number": self.count}, ensure_ascii=False).encode()
        append = Append(CHANNEL, data, self.retention, tags=tags)
        with contextlib.suppress(BrokerUnavailable):
            position = await world.broker.append(append)
            self.data[position], self.tags[position] = data, tags
            self.tops[position.epoch] = position.offset

    def owed(self, client: Client, top: int) -> list[int]:
        began = client.began
        passes = compile_filter(client.tf) if client.tf else lambda _: True
        return [
            offset
            for offset in range(began.offset + 1, top + 1)
            if passes(self.tags[StreamPosition(offset, began.epoch)])
        ]


async def run(steps: list[Step], seed: int, retention: Retention) -> None:
    policy = Options(retention)
    async with World(SETTINGS, seed, policy=policy) as world:
        log = Log(retention)
        clients = [
            Client(world, "plain", CHANNEL),
            Client(world, "delta", CHANNEL, delta=True),
            Client(world, "filtered", CHANNEL, tf=ODD),
            Client(world, "both", CHANNEL, delta=True, tf=ODD),
            Client(world, "server", CHANNEL, delta=True, options=policy.strict),
            Client(world, "loose", CHANNEL),
        ]
        await interleaved(steps, seed, partial(perform, world, log, clients))
        await recovered(world, clients)
        top = await world.broker.inner.stream(CHANNEL, None, 0, retention)
        *strict, loose = clients
        for client in strict:
            assert client.faults == []
            assert client.position is not None
            assert client.began.epoch == client.position.epoch == top.epoch
            assert client.facts == log.owed(client, top.top_offset)
            for offset, data in zip(client.facts, client.data, strict=True):
                assert data == log.data[StreamPosition(offset, top.epoch)]
        assert clients[0].position == StreamPosition(top.top_offset, top.epoch)
        numbers = [json.loads(value)["number"] for value in loose.values]
        assert numbers == sorted(set(numbers))
        for client in clients:
            client.cut()
        await settle()


async def perform(world: World, log: Log, clients: list[Client], step: str, number: int) -> None:
    broker = world.broker
    if step in ("append", "lose"):
        broker.losing = step == "lose"
        for _ in range(number):
            await log.append(world)
        if broker.losing:
            await asyncio.sleep(0)  # the memory broker delivers in the next turn
            broker.losing = False
    else:
        await befall(world, clients, step, number)


@settings(max_examples=150)
@given(st.lists(STEPS, min_size=10, max_size=80), st.integers(0, 2**16), st.sampled_from([3, 1000]))
async def test_every_publication_once_and_in_order_or_a_word_that_it_cannot_be(
    steps: list[Step], seed: int, size: int
) -> None:
    await run(steps, seed, Retention(size=size, ttl_s=3600.0))

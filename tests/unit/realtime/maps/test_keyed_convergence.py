"""The property that maps are about: a client that follows the protocol ends with the store's
state, whatever was changed, lost and cut where."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.maps.keyed import KeyedOptions, KeyedRetention
from tests.unit.realtime.clock import settle
from tests.unit.realtime.keyed_world import KeyedWorld
from tests.unit.realtime.map_client import MapClient

KEYS = st.sampled_from("abcdefgh")
STEPS = st.one_of(
    st.tuples(st.just("set"), KEYS, st.integers(0, 3)),
    st.tuples(st.just("set"), KEYS, st.integers(0, 3)),
    st.tuples(st.just("remove"), KEYS, st.just(0)),
    st.tuples(st.just("step"), st.just(""), st.integers(0, 2)),
    st.tuples(st.just("step"), st.just(""), st.integers(0, 2)),
    st.tuples(st.just("take"), st.just(""), st.integers(0, 3)),
    st.tuples(st.just("cut"), st.just(""), st.integers(0, 2)),
    st.tuples(st.just("turn"), st.just(""), st.integers(1, 5)),
    st.tuples(st.just("wait"), st.just(""), st.sampled_from([1, 4, 25])),
    st.tuples(st.just("lose"), st.just(""), st.integers(0, 3)),
    st.tuples(st.just("outage"), st.just(""), st.integers(0, 1)),
    st.tuples(st.just("clear"), st.just(""), st.just(0)),
    st.tuples(st.just("restart"), st.just(""), st.just(0)),
)

OPTIONS = st.builds(
    KeyedOptions,
    retention=st.builds(
        KeyedRetention,
        key_ttl_s=st.sampled_from([0.0, 2.0]),
        removed_size=st.sampled_from([0, 1, 3, 1000]),
    ),
    recoverable=st.booleans(),
    stream_size=st.sampled_from([0, 0, 2]),
    ordered=st.booleans(),
    page_size_max=st.sampled_from([1, 2, 1000]),
    conflation_s=st.sampled_from([0.0, 0.3]),
)


class Story:
    """One run: what the steps do to the world and its clients."""

    def __init__(self, options: KeyedOptions, seed: int) -> None:
        self.world = KeyedWorld(options, nodes=2, seed=seed, read_size=2 + seed % 2 * 1000)
        self.clients = [
            MapClient(page=1),
            MapClient(page=2, delta=True),
            MapClient(page=3, tag="0"),
        ]
        self.value = 0

    async def tell(self, steps: list[tuple[str, str, int]]) -> None:
        async with self.world:
            for step, key, number in steps:
                await getattr(self, f"_{step}")(key, number)
            await self._end_well()

    async def _set(self, key: str, number: int) -> None:
        self.value += 1
        value = {"n": self.value, "text": "the same in all of them, so that deltas pay" * 3}
        await self.world.set(key, value, {"t": str(number % 2)}, score=number)

    async def _remove(self, key: str, _: int) -> None:
        await self.world.remove(key)

    async def _step(self, _: str, number: int) -> None:
        client = self.clients[number]
        if client.node is None:
            await client.connect(self.world.nodes[self.value % 2])
        await client.step()
        client.take(self.value % 3)

    async def _take(self, _: str, number: int) -> None:
        for client in self.clients:
            client.take(number)

    async def _cut(self, _: str, number: int) -> None:
        self.clients[number].cut()

    async def _turn(self, _: str, number: int) -> None:
        await settle(number)

    async def _wait(self, _: str, number: int) -> None:
        await self.world.clock.advance(number / 10)

    async def _lose(self, _: str, number: int) -> None:
        self.world.nodes[number % 2].broker.losing = number > 1

    async def _outage(self, _: str, number: int) -> None:
        broker = self.world.nodes[number].broker
        self.world.store.down = True
        broker.down = True
        await self._set("a", number)
        await settle(3)
        self.world.store.down = False
        broker.come_back(empty=False)

    async def _clear(self, _: str, __: int) -> None:
        await self.world.store.clear("m")

    async def _restart(self, _: str, __: int) -> None:
        self.world.store.inner.forget()

    async def _end_well(self) -> None:
        for node in self.world.nodes:
            node.broker.losing = False
        for number, client in enumerate(self.clients):
            if client.node is None:
                await client.connect(self.world.nodes[number % 2])
            await client.settle()
        # Whatever was lost on a live line is found by the next check of the position, and then
        # all that has an end ends: keys expire, clients that were sent away come back.
        for _ in range(3):
            await self.world.clock.advance(1.5)
            for client in self.clients:
                await client.settle()
        for client in self.clients:
            assert client.live
            assert not client.closed
        state = await self.world.state()
        assert self.clients[0].seen == state
        assert self.clients[1].seen == state
        assert self.clients[2].seen == await self.world.state(passing="0")


@settings(max_examples=60)
@given(st.lists(STEPS, min_size=5, max_size=60), OPTIONS, st.integers(0, 2**16))
def test_a_client_ends_with_the_state_of_the_store(
    steps: list[tuple[str, str, int]], options: KeyedOptions, seed: int
) -> None:
    asyncio.run(Story(options, seed).tell(steps))

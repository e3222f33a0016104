"""The property of the whole: whatever is lost, repeated, wiped or cut, in whatever order and with
whatever interleaving, every reader gets every fact once and in order.

The journal never forgets here, so there is no excuse: each recovery must succeed, and in the end
every reader has everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.codes import Unsubscribe
from realtime.errors import BrokerUnavailable, HistoryUnavailable
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import Reader, World

CHANNEL = "fact:1"
SETTINGS = RealtimeSettings(channel_linger_s=1.0, wheel_tick_s=1.0)

STEPS = st.one_of(
    st.tuples(st.just("publish"), st.integers(1, 4)),
    st.tuples(st.just("lose"), st.integers(1, 4)),
    st.tuples(st.just("commit"), st.integers(1, 3)),
    st.tuples(st.just("repeat"), st.integers(0, 40)),
    st.tuples(st.just("wipe"), st.just(0)),
    st.tuples(st.just("outage"), st.integers(0, 1)),
    st.tuples(st.just("connect"), st.integers(0, 2)),
    st.tuples(st.just("connect"), st.integers(0, 2)),
    st.tuples(st.just("publish"), st.integers(1, 4)),
    st.tuples(st.just("cut"), st.integers(0, 2)),
    st.tuples(st.just("journal fails"), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
)


class Client(Reader):
    """A reader as an SDK makes it: it comes back by itself, from where it was."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(name)
        self._world = world
        self._joining: asyncio.Task[None] | None = None
        self.wanted = False

    def unsubscribed(self, channel: str, why: Unsubscribe) -> None:
        if not why.resubscribes:
            self.faults.append(f"sent away: {why}")
        self.connect()

    def connect(self) -> None:
        self.wanted = True
        if self._joining is None:
            self._joining = asyncio.create_task(self._join())

    def cut(self) -> None:
        self.wanted = False
        if self._joining is not None:
            self._joining.cancel()
            self._joining = None
        self._world.hub.unsubscribe(self, CHANNEL)

    async def _join(self) -> None:
        await asyncio.sleep(0)
        self._world.hub.unsubscribe(self, CHANNEL)
        while True:
            try:
                result = await self._world.join(self, CHANNEL)
            except (BrokerUnavailable, HistoryUnavailable):
                await self._world.clock.sleep(0.5)
                continue
            if result.recovered is False:
                self.faults.append("not recovered, though the journal holds all of it")
            self._joining = None
            return


async def run(steps: list[tuple[str, int]], seed: int, history_size: int) -> None:
    async with World(SETTINGS, seed, history_size) as world:
        clients = [Client(world, name) for name in "abc"]
        interleaving = random.Random(seed)
        for step, number in steps:
            await perform(world, clients, step, number)
            for _ in range(interleaving.choice((0, 0, 1, 2, 4, 8))):
                await asyncio.sleep(0)
        # Now all is well again, and everybody comes.
        world.journal.failing = False
        if world.broker.down:
            world.broker.come_back(empty=False)
        for client in clients:
            if not client.wanted:
                client.connect()
        await world.clock.advance(90)  # some position checks
        committed = len(world.journal.facts[CHANNEL])
        for client in clients:
            assert client.faults == []
            assert client.position is not None
            assert client.position.offset == committed
            assert not client.facts or client.facts[-1] == committed
        for client in clients:
            client.cut()
        await settle()


async def perform(world: World, clients: list[Client], step: str, number: int) -> None:
    broker, journal = world.broker, world.journal
    if step in ("publish", "lose"):
        broker.losing = step == "lose"
        with contextlib.suppress(BrokerUnavailable):
            await broker.publish([journal.append(CHANNEL) for _ in range(number)])
        if broker.losing:
            await asyncio.sleep(0)  # the memory broker delivers in the next turn
            broker.losing = False
    elif step == "commit":
        for _ in range(number):
            journal.append(CHANNEL)
    elif step == "repeat" and number < len(journal.facts[CHANNEL]):
        broker.inject(journal.facts[CHANNEL][number])
    elif step == "wipe":
        broker.inner.forget()
    elif step == "outage":
        if broker.down:
            broker.come_back(empty=bool(number))
        else:
            broker.down = True
    elif step == "connect":
        clients[number].connect()
    elif step == "cut":
        clients[number].cut()
    elif step == "journal fails":
        journal.failing = not journal.failing
    elif step == "wait":
        await world.clock.advance(number)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=10, max_size=80), st.integers(0, 2**16), st.sampled_from([2, 1000]))
async def test_every_fact_once_and_in_order(
    steps: list[tuple[str, int]], seed: int, history_size: int
) -> None:
    await run(steps, seed, history_size)

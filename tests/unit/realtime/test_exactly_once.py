"""The property of the whole: whatever is lost, repeated, wiped or cut, in whatever order and with
whatever interleaving, every reader gets every fact once and in order.

The journal never forgets here, so there is no excuse: each recovery must succeed, and in the end
every reader has everything.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import BrokerUnavailable
from realtime.protocol.messages import SubscribeResult
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

CHANNEL = "fact:1"

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


class Client(Returning):
    def joined(self, result: SubscribeResult) -> None:
        if result.recovered is False:
            self.faults.append("not recovered, though the journal holds all of it")


async def run(steps: list[Step], seed: int, history_size: int) -> None:
    async with World(SETTINGS, seed, history_size) as world:
        clients = [Client(world, name, CHANNEL) for name in "abc"]
        await interleaved(steps, seed, partial(perform, world, clients))
        world.journal.failing = False
        await recovered(world, clients)
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
    elif step == "journal fails":
        journal.failing = not journal.failing
    else:
        await befall(world, clients, step, number)


@settings(max_examples=150)
@given(st.lists(STEPS, min_size=10, max_size=80), st.integers(0, 2**16), st.sampled_from([2, 1000]))
async def test_every_fact_once_and_in_order(
    steps: list[Step], seed: int, history_size: int
) -> None:
    await run(steps, seed, history_size)

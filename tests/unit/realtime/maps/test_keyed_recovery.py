"""What was lost on the way to a map's readers is found, or they begin anew."""

from __future__ import annotations

import pytest

from realtime.codes import UNSUBSCRIBE_INSUFFICIENT_STATE
from realtime.errors import (
    UnrecoverablePosition,
)
from realtime.maps.keyed import KeyedOptions, KeyedRetention
from realtime.protocol.messages import (
    PHASE_STATE,
    PHASE_STREAM,
    SUBSCRIPTION_MAP,
    SubscribeRequest,
)
from tests.unit.realtime.clock import settle
from tests.unit.realtime.keyed_world import KeyedWorld
from tests.unit.realtime.map_client import MapClient, joined
from tests.unit.realtime.world import Reader


async def test_a_lost_change_is_found_by_the_next_one() -> None:
    async with KeyedWorld() as world:
        client = await joined(world, MapClient())
        world.nodes[0].broker.losing = True
        await world.set("a", 1)
        await settle()
        world.nodes[0].broker.losing = False
        await world.set("b", 2)
        await client.settle()
        assert client.events == ["sync", "a", "b"]
        assert client.ended == []


async def test_a_lost_last_change_is_found_by_a_check() -> None:
    async with KeyedWorld() as world:
        client = await joined(world, MapClient())
        world.nodes[0].broker.losing = True
        await world.set("a", 1)
        await settle()
        world.nodes[0].broker.losing = False
        await world.clock.advance(1.5)
        await client.settle()
        assert client.events == ["sync", "a"]


async def test_a_client_ahead_of_its_new_node_waits_for_it() -> None:
    async with KeyedWorld(nodes=2) as world:
        await joined(world, MapClient(), node=1)
        client = await joined(world, MapClient(), node=0)
        world.nodes[1].broker.losing = True
        await world.set("a", 1)
        await settle()
        client.take()
        client.cut()
        await joined(world, client, node=1)
        assert client.events == ["sync", "a"]


async def test_a_forgotten_removal_makes_a_position_unrecoverable() -> None:
    options = KeyedOptions(retention=KeyedRetention(removed_size=1))
    async with KeyedWorld(options) as world:
        for key in "abc":
            await world.set(key, key)
        client = await joined(world, MapClient())
        client.cut()
        await world.remove("a")
        await world.remove("b")
        await joined(world, client)
        assert [step.phase for step in client.steps[1:]] == [PHASE_STREAM, PHASE_STATE]
        assert client.events == ["sync", "sync"]
        assert client.seen == {"c": "c"}


async def test_a_stream_size_limits_how_far_back_one_recovers() -> None:
    async with KeyedWorld(KeyedOptions(stream_size=2)) as world:
        client = await joined(world, MapClient())
        client.cut()
        for number in range(3):
            await world.set("a", number)
        await joined(world, client)
        assert client.events == ["sync", "sync"]
        client.cut()
        await world.set("a", 3)
        await joined(world, client)
        assert client.events == ["sync", "sync", "a"]


async def test_a_cleared_map_is_read_anew() -> None:
    async with KeyedWorld() as world:
        await world.set("a", 1)
        client = await joined(world, MapClient())
        await world.store.clear("m")
        await client.settle()
        assert client.ended == [UNSUBSCRIBE_INSUFFICIENT_STATE]
        assert (client.events, client.seen) == (["sync", "sync"], {})
        await world.set("b", 2)
        await settle()
        client.take()
        assert client.seen == {"b": 2}


async def test_a_map_that_is_not_recoverable_has_no_positions() -> None:
    async with KeyedWorld(KeyedOptions(recoverable=False)) as world:
        await world.set("a", 1)
        client = await joined(world, MapClient())
        (result,) = client.results
        assert (result.recoverable, result.positioned, result.epoch) == (False, False, "")
        assert result.offset == result.state[0].offset == 0
        client.cut()
        await joined(world, client)
        assert client.events == ["sync", "sync"]
        with pytest.raises(UnrecoverablePosition):
            await world.nodes[0].hub.subscribe(
                Reader(),
                SubscribeRequest("m", type=SUBSCRIPTION_MAP, phase=PHASE_STREAM, recover=True),
            )


async def test_another_life_of_the_map_is_found_by_a_check() -> None:
    async with KeyedWorld() as world:
        await world.set("a", 1)
        client = await joined(world, MapClient())
        world.nodes[0].broker.losing = True
        world.store.inner.forget()
        await world.set("b", 2)
        await settle()
        await world.clock.advance(1.5)
        await client.settle()
        assert client.seen == {"b": 2}


async def test_a_removal_that_was_lost_here_and_forgotten_there_sends_readers_back() -> None:
    options = KeyedOptions(retention=KeyedRetention(removed_size=0))
    async with KeyedWorld(options) as world:
        await world.set("a", 1)
        client = await joined(world, MapClient())
        world.nodes[0].broker.losing = True
        await world.remove("a")
        await settle()
        await world.clock.advance(1.5)
        await client.settle()
        assert client.ended == [UNSUBSCRIBE_INSUFFICIENT_STATE]
        assert (client.events, client.seen) == (["sync", "sync"], {})

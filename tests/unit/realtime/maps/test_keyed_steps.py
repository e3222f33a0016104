"""How a map comes to its subscribers, step by step: all at once, in pages, since a position."""

from __future__ import annotations

import asyncio

import pytest

from realtime.errors import (
    PermissionDenied,
)
from realtime.maps.keyed import KeyedOptions
from realtime.protocol.messages import (
    PHASE_LIVE,
    PHASE_STATE,
    PHASE_STREAM,
    SUBSCRIPTION_MAP,
    SubscribeRequest,
)
from tests.unit.realtime.clock import settle
from tests.unit.realtime.keyed_world import KeyedWorld
from tests.unit.realtime.map_client import MapClient, joined
from tests.unit.realtime.world import Reader

SMALL = KeyedOptions(page_size=2, page_size_max=2)


async def test_a_small_map_takes_one_step() -> None:
    async with KeyedWorld() as world:
        await world.set("a", 1)
        await world.set("b", 2)
        client = await joined(world, MapClient())
        assert len(client.steps) == 1
        (result,) = client.results
        assert (result.type, result.phase, result.cursor) == (SUBSCRIPTION_MAP, PHASE_LIVE, "")
        assert [one.key for one in result.state] == ["a", "b"]
        assert (result.offset, result.recoverable, result.positioned) == (2, True, True)
        assert result.recovered is None


async def test_an_empty_map_has_a_position_too() -> None:
    async with KeyedWorld() as world:
        client = await joined(world, MapClient())
        assert client.results[0].epoch
        client.cut()
        await world.set("a", 1)
        await joined(world, client)
        assert (client.events, client.seen) == (["sync", "a"], {"a": 1})


async def begun(world: KeyedWorld, keys: int) -> MapClient:
    """A client that has read the first page, two keys, of a map of so many."""
    for number in range(keys):
        await world.set(f"k{number}", number)
    client = MapClient(page=2)
    await client.connect(world.nodes[0])
    await client.step()
    client.take()
    return client


async def test_a_large_map_comes_in_pages_of_one_moment() -> None:
    async with KeyedWorld(SMALL) as world:
        client = await begun(world, 5)
        # What changes between two pages comes after them, as changes.
        await world.set("k4", "newer")
        await world.remove("k0")
        await settle()
        await client.settle()
        state = [[one.key for one in result.state] for result in client.results]
        assert state == [["k0", "k1"], ["k2", "k3"], ["k4"]]
        phases = [PHASE_STATE, PHASE_STATE, PHASE_LIVE]
        assert [result.phase for result in client.results] == phases
        assert [result.offset for result in client.results] == [5, 5, 7]
        assert [one.key for one in client.results[-1].publications] == ["k4", "k0"]
        assert client.seen == await world.state()


async def test_many_changes_since_the_state_come_in_pages_too() -> None:
    async with KeyedWorld(SMALL) as world:
        await world.set("a", 0)
        client = await joined(world, MapClient(page=2))
        client.cut()
        for number in range(7):
            await world.set(f"k{number}", number)
        await joined(world, client)
        recovery = client.results[1:]
        assert [result.phase for result in recovery] == [PHASE_STREAM] * 3 + [PHASE_LIVE]
        assert [result.offset for result in recovery] == [3, 5, 7, 8]
        assert client.events == ["sync", *(f"k{number}" for number in range(7))]
        assert recovery[-1].recovered and recovery[-1].was_recovering


async def test_who_comes_back_gets_each_key_once_however_often_it_changed() -> None:
    async with KeyedWorld() as world:
        await world.set("a", 0)
        await world.set("b", 0)
        client = await joined(world, MapClient())
        client.cut()
        for number in range(500):
            await world.set("a", number)
        await world.remove("b")
        await joined(world, client)
        assert client.events == ["sync", "a", "-b"]
        assert client.seen == {"a": 499}


async def test_an_ordered_map_comes_by_score() -> None:
    async with KeyedWorld(KeyedOptions(ordered=True, page_size=2)) as world:
        for key, score in (("low", -5), ("high", 9), ("b", 3), ("a", 3)):
            await world.set(key, 0, score=score)
        hub, reader = world.nodes[0].hub, Reader()
        keys: list[str] = []
        for ascending in (False, True):
            cursor, epoch, offset = "", "", 0
            for _ in range(2):
                result = await hub.subscribe(
                    reader,
                    SubscribeRequest(
                        "m",
                        type=SUBSCRIPTION_MAP,
                        phase=PHASE_STATE,
                        cursor=cursor,
                        epoch=epoch,
                        offset=offset,
                        asc=ascending,
                    ),
                )
                keys += [one.key for one in result.state]
                cursor, epoch, offset = result.cursor, result.epoch, result.offset
            hub.unsubscribe(reader, "m")
        assert keys == ["high", "a", "b", "low", "low", "a", "b", "high"]


async def test_changes_that_arrive_while_the_map_is_read_are_not_lost() -> None:
    async with KeyedWorld() as world:
        await world.set("a", 1)
        world.store.held = asyncio.Event()
        client = MapClient()
        await client.connect(world.nodes[0])
        joining = asyncio.create_task(client.step())
        await settle()
        await world.set("b", 2)
        await world.remove("a")
        await settle()
        world.store.held.set()
        await joining
        await client.settle()
        assert client.seen == {"b": 2}


async def test_a_crowd_costs_the_store_one_reading() -> None:
    async with KeyedWorld() as world:
        for number in range(50):
            await world.set(f"k{number}", number)
        crowd = [MapClient() for _ in range(100)]
        for client in crowd:
            await client.connect(world.nodes[0])
        await asyncio.gather(*(client.step() for client in crowd))
        for client in crowd:
            client.take()
        assert all(client.live and len(client.seen) == 50 for client in crowd)
        assert world.store.reads == 1


async def test_the_policy_is_asked_once_a_conversation() -> None:
    async with KeyedWorld(SMALL) as world:
        for number in range(6):
            await world.set(f"k{number}", number)
        client = await joined(world, MapClient(page=2))
        assert len(client.steps) == 3
        assert len(world.policy.asked) == 1
        client.cut()
        await joined(world, client)
        assert len(world.policy.asked) == 2


async def test_a_conversation_that_was_ended_is_asked_about_again() -> None:
    async with KeyedWorld(SMALL) as world:
        client = await begun(world, 6)
        assert client._wire is not None
        world.nodes[0].hub.unsubscribe(client._wire, "m")
        del world.policy.options["m"]
        world.policy.released.add("ann")
        with pytest.raises(PermissionDenied):
            await client.step()


async def test_nobody_runs_after_a_fast_map_for_ever() -> None:
    async with KeyedWorld(SMALL) as world:
        client = await joined(world, MapClient(page=2))
        client.cut()
        await client.connect(world.nodes[0])
        for round_ in range(20):
            for number in range(10):
                await world.set(f"k{number}", round_)
            await settle()
            await client.step()
            client.take()
        assert client.live
        assert client.seen == await world.state()

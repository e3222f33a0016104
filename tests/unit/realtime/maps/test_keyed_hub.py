"""How a map comes to its subscribers: step by step, live, and after something was lost."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from realtime.codes import UNSUBSCRIBE_INSUFFICIENT_STATE
from realtime.errors import (
    BadRequest,
    BrokerUnavailable,
    NotAvailable,
    PermissionDenied,
    UnrecoverablePosition,
)
from realtime.maps.keyed import KeyedChange, KeyedOptions, KeyedRetention
from realtime.ports import SubscribeOptions
from realtime.protocol.codec_json import JSON
from realtime.protocol.messages import (
    PHASE_LIVE,
    PHASE_STATE,
    PHASE_STREAM,
    SUBSCRIPTION_MAP,
    FilterNode,
    SubscribeRequest,
)
from realtime.publication import Publication
from tests.unit.realtime.clock import settle
from tests.unit.realtime.keyed_world import KeyedWorld
from tests.unit.realtime.map_client import MapClient
from tests.unit.realtime.world import Reader, World

SMALL = KeyedOptions(page_size=2, page_size_max=2)


async def joined(world: KeyedWorld, client: MapClient, node: int = 0) -> MapClient:
    await client.connect(world.nodes[node])
    await client.settle()
    assert client.live
    return client


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


async def test_changes_are_pushed_with_key_and_offset() -> None:
    async with KeyedWorld() as world:
        client = await joined(world, MapClient())
        await world.set("a", 1, tags={"x": "y"})
        await world.set("a", 2)
        await world.remove("a")
        await settle()
        frames = [one for one in client.inbox if isinstance(one, bytes)]
        pushed = [msgspec.json.decode(one)["push"]["pub"] for one in frames]
        assert pushed == [
            {"data": 1, "offset": 1, "key": "a", "tags": {"x": "y"}},
            {"data": 2, "offset": 2, "key": "a"},
            {"offset": 3, "key": "a", "removed": True},
        ]


async def test_of_a_conflated_map_only_the_newest_of_each_key_leaves_in_order() -> None:
    async with KeyedWorld(KeyedOptions(conflation_s=0.3)) as world:
        client = await joined(world, MapClient())
        for number in range(100):
            await world.set("a", number)
            await world.set(f"k{number % 3}", number)
        await world.clock.advance(0.2)
        assert client.inbox == []
        await world.clock.advance(0.3)
        await client.settle()
        assert client.events == ["sync", "k1", "k2", "a", "k0"]
        assert client.seen == await world.state()


async def test_a_line_cut_in_the_midst_of_what_left_together_loses_nothing() -> None:
    async with KeyedWorld(KeyedOptions(conflation_s=0.3)) as world:
        client = await joined(world, MapClient())
        for key in "abcab":
            await world.set(key, key)
        await world.clock.advance(0.5)
        client.take(1)
        client.cut()
        await world.set("d", "d")
        await joined(world, client)
        assert client.events == ["sync", "c", "a", "b", "d"]
        assert client.seen == await world.state()


async def test_who_joins_between_two_emissions_is_not_told_again() -> None:
    async with KeyedWorld(KeyedOptions(conflation_s=0.3)) as world:
        text = "a long text that stays as it is but for the number at its end: "
        await world.set("a", text + "1")
        early = await joined(world, MapClient(delta=True))
        await world.set("a", text + "2")
        await world.set("c", "c")
        await settle()
        late = await joined(world, MapClient(delta=True))
        assert late.seen == await world.state()
        await world.set("b", "b")
        await world.set("a", text + "3")
        await world.clock.advance(0.5)
        await early.settle()
        await late.settle()
        assert (early.events, late.events) == (["sync", "c", "b", "a"], ["sync", "b", "a"])
        assert early.seen == late.seen == await world.state()
        # They had different values of the key, so the delta was for one of them only.
        assert (early.deltas, late.deltas) == (1, 0)
        await world.set("a", text + "4")
        await world.clock.advance(0.5)
        await late.settle()
        assert (late.deltas, late.seen) == (1, await world.state())


async def test_who_joins_in_the_turn_of_a_change_is_not_told_again() -> None:
    async with KeyedWorld() as world:
        early = await joined(world, MapClient())
        late = MapClient()
        await late.connect(world.nodes[0])
        assert early.epoch is not None
        world.nodes[0].broker.inject(
            Publication("m", b"1", 1, early.epoch, key="a", delivery="keyed")
        )
        await late.step()
        await settle()
        early.take()
        late.take()
        assert (early.events, late.events) == (["sync", "a"], ["sync"])
        assert early.seen == late.seen == {"a": 1}


async def test_a_delta_is_against_what_this_client_has_of_the_key() -> None:
    async with KeyedWorld() as world:
        text = "a long text that stays as it is but for the number at its end: "
        await world.set("a", text + "1")
        await world.set("b", text + "2")
        client = await joined(world, MapClient(delta=True))
        assert client.results[-1].delta
        for number in range(3, 9):
            await world.set("a" if number % 2 else "b", text + str(number))
        await settle()
        client.take()
        assert (client.deltas, client.seen) == (6, await world.state())
        await world.remove("a")
        await world.set("a", text + "9")
        await settle()
        client.take()
        assert (client.deltas, client.seen) == (6, await world.state())


async def test_deltas_go_on_after_a_recovery() -> None:
    async with KeyedWorld(nodes=2) as world:
        text = "a long text that stays as it is but for the number at its end: "
        await world.set("a", text + "1")
        client = await joined(world, MapClient(delta=True))
        client.cut()
        await world.set("b", text + "2")
        await joined(world, client, node=1)
        await world.set("a", text + "3")
        await world.set("b", text + "4")
        await settle()
        client.take()
        assert (client.deltas, client.seen) == (2, await world.state())


async def test_a_filter_shows_what_passes_and_removes_what_does_not_any_more() -> None:
    async with KeyedWorld() as world:
        await world.set("a", 1, {"t": "x"})
        await world.set("b", 1, {"t": "y"})
        client = await joined(world, MapClient(delta=True, tag="x"))
        assert not client.results[-1].delta, "filters and deltas exclude each other"
        assert client.seen == {"a": 1}
        await world.set("b", 2, {"t": "y"})
        await world.set("c", 2, {"t": "x"})
        await world.set("a", 2, {"t": "y"})
        await world.remove("b")
        await settle()
        client.take()
        assert client.events == ["sync", "c", "-a"]
        client.cut()
        await world.set("c", 3, {"t": "y"})
        await joined(world, client)
        assert client.seen == {}


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


async def test_a_key_expires_for_all_nodes() -> None:
    options = KeyedOptions(retention=KeyedRetention(key_ttl_s=2.0))
    async with KeyedWorld(options, nodes=2) as world:
        await world.set("a", 1)
        await world.set("b", 1)
        clients = [await joined(world, MapClient(), node) for node in (0, 1)]
        await world.clock.advance(1.5)
        await world.set("b", 2)
        await world.clock.advance(1.5)
        for client in clients:
            await client.settle()
            assert client.events == ["sync", "b", "-a"]


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


async def test_who_knows_no_maps_is_given_the_newest_values_and_no_removals() -> None:
    async with KeyedWorld(KeyedOptions(conflation_s=0.3)) as world:
        await world.set("a", 1)
        await world.set("gone", 1)
        await world.remove("gone")
        reader = Reader()
        result = await world.nodes[0].hub.subscribe(reader, SubscribeRequest("m"))
        assert [(bytes(one.data), one.offset, one.key) for one in result.publications] == [
            (b"1", 0, "")
        ]
        assert (result.phase, result.type, result.recoverable) == (0, 0, False)
        for number in range(5):
            await world.set("a", number)
        await world.remove("a")
        await world.set("b", 9)
        await world.clock.advance(0.5)
        assert reader.values == [b"9"]


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


@pytest.mark.parametrize(
    "request_",
    [
        SubscribeRequest("m", type=4, phase=PHASE_STATE),
        SubscribeRequest("m", type=SUBSCRIPTION_MAP, phase=7),
        SubscribeRequest("m", type=SUBSCRIPTION_MAP, phase=PHASE_STATE, cursor="x"),
        SubscribeRequest(
            "m", type=SUBSCRIPTION_MAP, phase=PHASE_STATE, tf=FilterNode(key="t", cmp="like")
        ),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(request_: SubscribeRequest) -> None:
    async with KeyedWorld() as world:
        with pytest.raises(BadRequest):
            await world.nodes[0].hub.subscribe(Reader(), request_)


@pytest.mark.parametrize(("epoch", "offset"), [("other", 0), ("", 0), ("here", 2), ("here", 2**40)])
async def test_a_position_that_never_was_is_unrecoverable(epoch: str, offset: int) -> None:
    async with KeyedWorld() as world:
        await world.set("a", 1)
        client = await joined(world, MapClient())
        assert client.epoch is not None
        request = SubscribeRequest(
            "m",
            type=SUBSCRIPTION_MAP,
            phase=PHASE_STREAM,
            recover=True,
            epoch=epoch.replace("here", client.epoch),
            offset=offset,
        )
        with pytest.raises(UnrecoverablePosition):
            await world.nodes[0].hub.subscribe(Reader(), request)


async def test_a_store_out_of_reach_is_a_temporary_error() -> None:
    async with KeyedWorld() as world:
        world.store.down = True
        request = SubscribeRequest("m", type=SUBSCRIPTION_MAP, phase=PHASE_STATE)
        with pytest.raises(BrokerUnavailable):
            await world.nodes[0].hub.subscribe(Reader(), request)
        world.store.down = False
        await joined(world, MapClient())


async def test_a_channel_that_is_no_map_is_not_read_as_one() -> None:
    async with World() as world:
        with pytest.raises(BadRequest):
            await world.hub.subscribe(
                Reader(), SubscribeRequest("fact:1", type=SUBSCRIPTION_MAP, phase=PHASE_STATE)
            )


async def test_a_node_without_a_store_has_no_maps() -> None:
    async with World() as world:
        world.policy.options["m"] = SubscribeOptions("latest", keyed=KeyedOptions())
        with pytest.raises(NotAvailable):
            await world.hub.subscribe(
                Reader(), SubscribeRequest("m", type=SUBSCRIPTION_MAP, phase=PHASE_STATE)
            )


async def test_a_value_that_its_readers_cannot_have_ends_their_connection_alone() -> None:
    async with KeyedWorld() as world:
        client = await joined(world, MapClient())
        assert client.codec is JSON
        await world.store.change([KeyedChange("m", "a", KeyedRetention(), b"\xff")])
        await settle()
        assert [why.code for why in client.closed] == [3506]


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

"""What changes in a map reaches who is in it: conflated, as deltas, filtered, and expired."""

from __future__ import annotations

import msgspec

from realtime.maps.keyed import KeyedChange, KeyedOptions, KeyedRetention
from realtime.protocol.codec_json import JSON
from realtime.protocol.messages import (
    SubscribeRequest,
)
from realtime.publication import Publication
from tests.unit.realtime.clock import settle
from tests.unit.realtime.keyed_world import KeyedWorld
from tests.unit.realtime.map_client import MapClient, joined
from tests.unit.realtime.world import Reader


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


async def test_a_value_that_its_readers_cannot_have_ends_their_connection_alone() -> None:
    async with KeyedWorld() as world:
        client = await joined(world, MapClient())
        assert client.codec is JSON
        await world.store.change([KeyedChange("m", "a", KeyedRetention(), b"\xff")])
        await settle()
        assert [why.code for why in client.closed] == [3506]

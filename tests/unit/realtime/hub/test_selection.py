"""What a subscriber is given of a channel: what its filter passes, and who comes and goes."""

from __future__ import annotations

import json

import pytest

from realtime import codes
from realtime.errors import BadRequest
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import FilterNode, SubscribeRequest
from realtime.publication import Peer, Publication
from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import RETENTION, Reader, World, offsets

CHANNEL = "news:1"
OPTIONS = SubscribeOptions("fact", retention=RETENTION, tags_filter=True)
RED = FilterNode(key="colour", cmp="eq", val="red")


def world_of(options: SubscribeOptions = OPTIONS) -> World:
    world = World()
    world.policy.options[CHANNEL] = options
    return world


async def colours(world: World, *names: str) -> None:
    for name in names:
        await world.append(CHANNEL, json.dumps(name).encode(), tags={"colour": name})


class TestFilters:
    async def test_what_does_not_pass_is_not_given_and_is_no_gap(self) -> None:
        async with world_of() as world:
            reader, everybody = Reader(tf=RED), Reader()
            await world.join(reader, CHANNEL)
            await world.join(everybody, CHANNEL)
            await colours(world, "blue", "red", "green")
            await world.append(CHANNEL, b'"none"')
            await colours(world, "red")
            assert (reader.facts, everybody.facts) == ([2, 5], [1, 2, 3, 4, 5])
            assert (reader.ended, reader.faults) == ([], [])

    async def test_recovery_filters_too_and_misses_nothing(self) -> None:
        async with world_of() as world:
            reader = Reader(tf=RED)
            await world.join(reader, CHANNEL)
            await colours(world, "red")
            world.hub.unsubscribe(reader, CHANNEL)
            await colours(world, "blue", "red", "blue")
            result = await world.join(reader, CHANNEL)
            assert (result.recovered, offsets(result.publications)) == (True, [3])
            # The client knows of offset 3 alone, but it is owed nothing before 5.
            await colours(world, "red")
            assert reader.facts == [1, 3, 5]

    async def test_where_nothing_passed_the_client_is_moved_on(self) -> None:
        async with world_of() as world:
            reader = Reader(tf=RED)
            await world.join(reader, CHANNEL)
            world.hub.unsubscribe(reader, CHANNEL)
            await colours(world, *["blue"] * 9)
            result = await world.join(reader, CHANNEL)
            assert (result.recovered, result.publications, result.offset) == (True, (), 9)

    async def test_a_cache_recovers_the_newest_that_passes(self) -> None:
        options = SubscribeOptions(
            "fact", retention=RETENTION, tags_filter=True, recovery_mode="cache"
        )
        async with world_of(options) as world:
            await colours(world, "red", "red", "blue")
            request = SubscribeRequest(CHANNEL, recover=True, tf=RED)
            result = await world.hub.subscribe(Reader(), request)
            assert (result.recovered, offsets(result.publications)) == (True, [2])

    async def test_signals_are_filtered_as_well(self) -> None:
        async with world_of() as world:
            reader = Reader(tf=RED)
            await world.join(reader, CHANNEL)
            for colour in ("red", "blue"):
                signal = Publication(
                    CHANNEL, b'"%s"' % colour.encode(), delivery="signal", tags={"colour": colour}
                )
                await world.broker.publish([signal])
            await settle()
            assert reader.values == [b'"red"']

    async def test_equal_filters_share_the_work_and_the_bytes(self) -> None:
        async with world_of() as world:
            readers = [Reader(tf=FilterNode(key="colour", cmp="eq", val="red")) for _ in range(3)]
            for reader in readers:
                await world.join(reader, CHANNEL)
            await colours(world, "red")
            assert len({id(reader.frames[0]) for reader in readers}) == 1

    @pytest.mark.parametrize(
        ("allowed", "tf"), [(False, RED), (True, FilterNode(key="colour", cmp="is", val="red"))]
    )
    async def test_one_that_is_not_allowed_or_makes_no_sense_is_refused(
        self, allowed: bool, tf: FilterNode
    ) -> None:
        options = SubscribeOptions("fact", retention=RETENTION, tags_filter=allowed)
        async with world_of(options) as world:
            with pytest.raises(BadRequest):
                await world.hub.subscribe(Reader(), SubscribeRequest(CHANNEL, tf=tf))


class TestComings:
    async def test_joins_and_leaves_go_to_those_who_want_them(self) -> None:
        async with world_of() as world:
            reader, curious = Reader(), Reader(delta=True)
            await world.join(reader, CHANNEL)
            world.policy.options[CHANNEL] = SubscribeOptions(
                "fact", retention=RETENTION, push_join_leave=True, delta=True
            )
            await world.join(curious, CHANNEL)
            peer = Peer("bob", "c1", b'{"name":"Bob"}')
            await world.append(CHANNEL, b'"one"')
            await world.broker.publish(
                [
                    Publication(CHANNEL, b"", delivery="join", info=peer),
                    Publication(CHANNEL, b"", delivery="leave", info=peer),
                ]
            )
            await world.append(CHANNEL, b'"two"')
            assert (reader.comings, curious.comings) == ([], ["+c1", "-c1"])
            assert reader.data == curious.data == [b'"one"', b'"two"']
            join = json.loads(curious.frames[1])["push"]["join"]
            assert join == {"info": {"user": "bob", "client": "c1", "conn_info": {"name": "Bob"}}}


class TestFields:
    async def test_a_publication_says_by_whom_with_which_tags_and_when(self) -> None:
        async with world_of() as world:
            reader = Reader()
            result = await world.join(reader, CHANNEL)
            peer = Peer("bob", "c1", b"", b'{"role":"crew"}')
            fact = Publication(
                CHANNEL, b"1", 1, result.epoch, info=peer, tags={"a": "b"}, time=1_700_000_000_000
            )
            world.broker.inject(fact)
            await settle()
            pub = json.loads(reader.frames[0])["push"]["pub"]
            assert pub == {
                "data": 1,
                "offset": 1,
                "info": {"user": "bob", "client": "c1", "chan_info": {"role": "crew"}},
                "tags": {"a": "b"},
                "time": 1_700_000_000_000,
            }

    async def test_also_where_it_is_recovered(self) -> None:
        async with world_of() as world:
            await colours(world, "red")
            request = SubscribeRequest(CHANNEL, recover=True)
            (message,) = (await world.hub.subscribe(Reader(), request)).publications
            assert message.tags == {"colour": "red"}

    async def test_info_unfit_for_the_format_closes_its_readers(self) -> None:
        async with world_of() as world:
            reader = Reader()
            result = await world.join(reader, CHANNEL)
            fact = Publication(CHANNEL, b"1", 1, result.epoch, info=Peer("bob", "c1", b"\xff"))
            world.broker.inject(fact)
            await settle()
            assert reader.closed == [codes.DISCONNECT_INAPPROPRIATE_PROTOCOL]

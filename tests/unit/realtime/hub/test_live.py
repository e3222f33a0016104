"""Each reader is given each new fact once, encoded once for all; values reach them soon."""

from __future__ import annotations

import asyncio
import json

from realtime import codes
from realtime.publication import Publication
from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import Reader, World

CHANNEL = "fact:1"


class TestLive:
    async def test_a_new_reader_begins_where_the_channel_stands(self) -> None:
        async with World() as world:
            await world.publish(CHANNEL, 3)
            reader = Reader()
            result = await world.join(reader, CHANNEL)
            assert (result.offset, result.epoch, result.recovered) == (3, "journal-1", None)
            assert (result.recoverable, result.positioned) == (True, True)
            await world.publish(CHANNEL, 2)
            assert reader.facts == [4, 5]

    async def test_a_publication_is_encoded_once_for_all_readers(self) -> None:
        async with World() as world:
            readers = [Reader() for _ in range(5)]
            for reader in readers:
                await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            assert len({id(reader.frames[0]) for reader in readers}) == 1

    async def test_duplicates_are_dropped(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL, 3)
            for fact in world.journal.facts[CHANNEL]:
                world.broker.inject(fact)
            assert reader.facts == [1, 2, 3]
            assert world.metrics.duplicates_dropped == 3

    async def test_who_left_is_given_nothing(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            assert world.hub.unsubscribe(reader, CHANNEL)
            assert not world.hub.unsubscribe(reader, CHANNEL)
            await world.publish(CHANNEL)
            assert reader.facts == [1]
            assert world.metrics.subscriptions == 0

    async def test_a_payload_unfit_for_the_format_closes_its_readers_and_no_other(self) -> None:
        async with World() as world:
            reader, other = Reader(), Reader()
            await world.join(reader, CHANNEL)
            await world.join(other, "fact:2")
            await world.publish(CHANNEL, data=b"not json")
            await world.publish("fact:2")
            assert reader.closed == [codes.DISCONNECT_INAPPROPRIATE_PROTOCOL]
            assert (other.closed, other.facts) == ([], [1])


class TestValues:
    async def test_only_the_newest_of_a_tick_leaves_for_each_key(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, "latest:1")
            for number in range(10):
                for key in "ab":
                    data = json.dumps([key, number]).encode()
                    await world.broker.publish(
                        [Publication("latest:1", data, key=key, delivery="latest")]
                    )
            await settle()
            assert reader.values == []
            await world.clock.advance(0.3)
            assert [json.loads(value) for value in reader.values] == [["a", 9], ["b", 9]]

    async def test_who_comes_gets_the_current_values(self) -> None:
        async with World() as world:
            for key in ("a", "b"):
                data = json.dumps(key).encode()
                await world.broker.publish(
                    [Publication("latest:1", data, key=key, delivery="latest")]
                )
            reader = Reader()
            result = await world.join(reader, "latest:1")
            assert sorted(reader.values) == [b'"a"', b'"b"']
            assert (result.recoverable, result.positioned) == (False, False)

    async def test_a_newer_value_is_not_followed_by_the_older_one_that_was_read(self) -> None:
        async with World() as world:

            def value(number: int) -> Publication:
                return Publication("latest:1", b"%d" % number, key="a", delivery="latest")

            await world.broker.publish([value(1)])
            await world.join(Reader(), "latest:1")
            for seed in range(20):
                world.broker._random.seed(seed)
                reader = Reader()
                join = asyncio.create_task(world.join(reader, "latest:1"))
                for _ in range(seed % 8):
                    await asyncio.sleep(0)
                await world.broker.publish([value(2 + seed)])
                await join
                await world.clock.advance(0.3)
                seen = [int(one) for one in reader.values]
                assert seen == sorted(seen)
                assert seen[-1] == 2 + seed

    async def test_signals_reach_who_is_there(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, "signal:1")
            await world.broker.publish([Publication("signal:1", b'"typing"', delivery="signal")])
            await settle()
            assert reader.values == [b'"typing"']

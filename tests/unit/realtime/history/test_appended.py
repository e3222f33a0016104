"""Streams that the broker itself counts: recovered, kept whole and given up as SDKs expect."""

from __future__ import annotations

import asyncio
import json

import pytest

from realtime import codes
from realtime.errors import HistoryUnavailable, UnrecoverablePosition
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import SubscribeRequest, SubscribeResult
from realtime.publication import Publication, Retention, StreamPosition
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import RETENTION, Reader, World, offsets

CHANNEL = "chat:1"
STREAM = SubscribeOptions("fact", retention=RETENTION)
CACHE = SubscribeOptions("fact", retention=RETENTION, recovery_mode="cache")
LOOSE = SubscribeOptions("fact", retention=RETENTION, recoverable=False, positioned=False)


def world_of(options: SubscribeOptions, settings: RealtimeSettings | None = None) -> World:
    world = World(settings)
    world.policy.options[CHANNEL] = options
    return world


async def recover(world: World, offset: int, epoch: str, flag: int = 0) -> SubscribeResult:
    request = SubscribeRequest(CHANNEL, recover=True, offset=offset, epoch=epoch, flag=flag)
    return await world.hub.subscribe(Reader(), request)


async def epoch_of(world: World) -> str:
    return (await world.broker.stream(CHANNEL, None, 0, RETENTION)).epoch


class TestLive:
    async def test_a_reader_begins_where_the_stream_stands_and_goes_on_from_there(self) -> None:
        async with world_of(STREAM) as world:
            await world.append(CHANNEL, b"1", b"2")
            reader = Reader()
            result = await world.join(reader, CHANNEL)
            assert (result.offset, result.positioned, result.recoverable) == (2, True, True)
            assert result.epoch == await epoch_of(world)
            await world.append(CHANNEL, b"3")
            assert (reader.facts, reader.data) == ([3], [b"3"])
            assert world.journal.reads == 0

    async def test_a_stream_that_is_not_there_yet_has_a_position(self) -> None:
        async with world_of(STREAM) as world:
            reader = Reader()
            result = await world.join(reader, CHANNEL)
            assert (result.offset, result.epoch != "") == (0, True)
            await world.append(CHANNEL, b"1")
            assert reader.facts == [1]

    async def test_positioned_and_recoverable_are_what_the_options_say(self) -> None:
        options = SubscribeOptions("fact", retention=RETENTION, recoverable=False)
        async with world_of(options) as world:
            await world.append(CHANNEL, b"1")
            result = await recover(world, 0, "")
            assert (result.positioned, result.recoverable) == (True, False)
            assert (result.was_recovering, result.recovered) == (True, False)
            assert (result.offset, result.publications) == (1, ())

    async def test_a_hole_is_filled_from_the_stream(self) -> None:
        async with world_of(STREAM) as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.append_lost(CHANNEL, b"1", b"2")
            await world.append(CHANNEL, b"3")
            assert reader.data == [b"1", b"2", b"3"]
            assert world.journal.reads == 0

    async def test_a_lost_last_publication_is_found_by_the_check(self) -> None:
        async with world_of(STREAM) as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.append_lost(CHANNEL, b"1")
            await world.clock.advance(26)
            assert reader.data == [b"1"]

    async def test_a_hole_that_is_trimmed_away_sends_readers_back(self) -> None:
        short = Retention(size=2, ttl_s=3600.0)
        async with world_of(SubscribeOptions("fact", retention=short)) as world:
            client, server_side = Reader(), Reader()
            await world.join(client, CHANNEL)
            options = world.policy.options[CHANNEL]
            result = await world.hub.subscribe(server_side, SubscribeRequest(CHANNEL), options)
            server_side.subscribed(result)
            world.broker.losing = True
            await world.append(CHANNEL, b"1", b"2", b"3", retention=short)
            world.broker.losing = False
            await world.append(CHANNEL, b"4", retention=short)
            assert client.ended == [codes.UNSUBSCRIBE_INSUFFICIENT_STATE]
            # A client cannot subscribe anew to what it did not subscribe to.
            assert (server_side.ended, server_side.closed) == (
                [],
                [codes.DISCONNECT_INSUFFICIENT_STATE],
            )
            assert (await world.join(client, CHANNEL)).recovered is False


class TestRecovery:
    async def test_what_was_missed_comes_with_the_reply(self) -> None:
        async with world_of(STREAM) as world:
            await world.append(CHANNEL, *(b"%d" % number for number in range(1, 8)))
            result = await recover(world, 3, await epoch_of(world))
            assert (result.recovered, result.was_recovering) == (True, True)
            assert (offsets(result.publications), result.offset) == ([4, 5, 6, 7], 3)

    async def test_nothing_missed_is_recovered_too(self) -> None:
        async with world_of(STREAM) as world:
            await world.append(CHANNEL, b"1")
            result = await recover(world, 1, await epoch_of(world))
            assert (result.recovered, result.publications, result.offset) == (True, (), 1)

    @pytest.mark.parametrize(("offset", "recovered"), [(0, True), (2, True), (4, False)])
    async def test_a_client_may_name_no_epoch(self, offset: int, recovered: bool) -> None:
        async with world_of(STREAM) as world:
            await world.append(CHANNEL, b"1", b"2", b"3")
            assert (await recover(world, offset, "")).recovered is recovered

    async def test_beyond_what_is_kept_it_is_not(self) -> None:
        short = Retention(size=3, ttl_s=3600.0)
        async with world_of(SubscribeOptions("fact", retention=short)) as world:
            payloads = [b"%d" % number for number in range(9)]
            await world.append(CHANNEL, *payloads, retention=short)
            epoch = await epoch_of(world)
            assert offsets((await recover(world, 6, epoch)).publications) == [7, 8, 9]
            result = await recover(world, 5, epoch)
            assert (result.recovered, result.publications, result.offset) == (False, (), 9)

    async def test_nor_beyond_the_limit(self) -> None:
        async with world_of(STREAM, RealtimeSettings(recovery_limit=3)) as world:
            await world.append(CHANNEL, *(b"%d" % number for number in range(9)))
            epoch = await epoch_of(world)
            assert (await recover(world, 6, epoch)).recovered is True
            assert (await recover(world, 5, epoch)).recovered is False

    async def test_an_error_instead_where_the_client_wishes_it(self) -> None:
        async with world_of(STREAM) as world:
            await world.append(CHANNEL, b"1")
            with pytest.raises(UnrecoverablePosition):
                await recover(world, 1, "another", flag=2)

    async def test_a_page_with_a_hole_before_it_is_no_recovery(self) -> None:
        short = Retention(size=3, ttl_s=3600.0)
        async with world_of(STREAM) as world:
            await world.append(CHANNEL, *(b"%d" % number for number in range(7)), retention=short)
            epoch = await epoch_of(world)
            assert await world.history.since(CHANNEL, 0, 3, epoch, short) is None
            assert await world.history.since(CHANNEL, 4, 6, "another", short) is None
            found = await world.history.since(CHANNEL, 4, 6, epoch, short)
            assert found is not None
            assert [fact.offset for fact in found] == [5, 6, 7]

    async def test_what_was_given_out_before_a_loss_is_not_taken_for_what_came_after_it(
        self,
    ) -> None:
        async with world_of(STREAM) as world:
            there, comes = Reader(), Reader()
            await world.join(there, CHANNEL)
            world.policy.held = asyncio.Event()
            request = SubscribeRequest(CHANNEL, recover=True)
            join = asyncio.create_task(world.hub.subscribe(comes, request))
            await settle()
            await world.append(CHANNEL, b'"old 1"', b'"old 2"')
            world.broker.inner.forget()
            await world.append_lost(CHANNEL, b'"new 1"', b'"new 2"')
            await world.clock.advance(5)
            world.broker.come_back(empty=False)
            await settle()
            assert there.ended == [codes.UNSUBSCRIBE_INSUFFICIENT_STATE]
            world.policy.held.set()
            result = await join
            assert [bytes(one.data) for one in result.publications] == [b'"new 1"', b'"new 2"']

    async def test_thousands_at_once_are_a_few_reads(self) -> None:
        async with world_of(STREAM) as world:
            await world.append(CHANNEL, *(b"%d" % number for number in range(60)))
            epoch = await epoch_of(world)
            readers = [Reader() for _ in range(1000)]
            for number, reader in enumerate(readers):
                reader.position = StreamPosition(20 + number % 40, epoch)
            before = world.metrics.history_reads
            await asyncio.gather(*(world.join(reader, CHANNEL) for reader in readers))
            assert all(reader.facts[-1] == 60 for reader in readers)
            assert world.metrics.history_reads - before <= 3

    async def test_without_a_broker_the_client_is_asked_to_try_again(self) -> None:
        async with world_of(STREAM) as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            world.hub.unsubscribe(reader, CHANNEL)
            await world.append(CHANNEL, b"1")
            world.broker.down = True
            with pytest.raises(HistoryUnavailable):
                await world.join(reader, CHANNEL)
            world.broker.down = False
            await world.join(reader, CHANNEL)
            assert reader.data == [b"1"]


class TestLoss:
    async def test_a_broker_that_lost_all_is_told_to_those_who_are_connected(self) -> None:
        async with world_of(STREAM) as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.append(CHANNEL, b"1", b"2", b"3")
            world.broker.inner.forget()
            await world.append(CHANNEL, b"4")
            assert reader.ended == [codes.UNSUBSCRIBE_INSUFFICIENT_STATE]
            result = await world.join(reader, CHANNEL)
            assert (result.recovered, result.offset) == (False, 1)
            await world.append(CHANNEL, b"5")
            assert reader.data == [b"5"]

    async def test_also_when_nothing_is_published_after_it(self) -> None:
        async with world_of(STREAM) as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.append(CHANNEL, b"1")
            world.broker.come_back(empty=True)
            await settle()
            assert reader.ended == [codes.UNSUBSCRIBE_INSUFFICIENT_STATE]

    async def test_a_broker_that_lost_its_last_writes_is_found_out(self) -> None:
        async with world_of(STREAM) as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.append(CHANNEL, b"1")
            epoch = await epoch_of(world)
            # A replica that took over without the newest publication, as if it never was.
            world.broker.inject(Publication(CHANNEL, b"2", 2, epoch))
            await settle()
            assert reader.facts == [1, 2]
            await world.clock.advance(26)
            assert reader.ended == [codes.UNSUBSCRIBE_INSUFFICIENT_STATE]
            assert (await world.join(reader, CHANNEL)).recovered is False


class TestCache:
    async def test_the_newest_alone_is_recovered(self) -> None:
        async with world_of(CACHE) as world:
            await world.append(CHANNEL, b"1", b"2", b"3")
            result = await recover(world, 0, "")
            assert (result.recovered, offsets(result.publications)) == (True, [3])
            assert result.offset == 0
            reader = Reader()
            reader.position = StreamPosition(1, await epoch_of(world))
            reader.tf = None
            result = await world.hub.subscribe(reader, reader.request(CHANNEL))
            assert (result.recovered, offsets(result.publications)) == (True, [3])
            await world.append(CHANNEL, b"4")
            assert len(reader.frames) == 1

    async def test_who_has_it_gets_nothing(self) -> None:
        async with world_of(CACHE) as world:
            await world.append(CHANNEL, b"1", b"2")
            result = await recover(world, 2, await epoch_of(world))
            assert (result.recovered, result.publications) == (True, ())

    async def test_a_client_of_another_epoch_gets_it_too(self) -> None:
        async with world_of(CACHE) as world:
            await world.append(CHANNEL, b"1")
            result = await recover(world, 17, "another")
            assert (result.recovered, offsets(result.publications)) == (True, [1])

    async def test_where_none_is_kept_nothing_is_recovered(self) -> None:
        async with world_of(CACHE) as world:
            assert (await recover(world, 0, "")).recovered is False
            await world.append(CHANNEL, b"1", b"2")
            epoch = await epoch_of(world)
            await world.broker.clear(CHANNEL)
            assert (await recover(world, 1, epoch)).recovered is False
            assert (await recover(world, 2, epoch)).recovered is True

    async def test_who_does_not_ask_gets_nothing(self) -> None:
        async with world_of(CACHE) as world:
            await world.append(CHANNEL, b"1")
            result = await world.hub.subscribe(Reader(), SubscribeRequest(CHANNEL))
            assert (result.recovered, result.publications, result.offset) == (None, (), 1)

    @pytest.mark.parametrize("turns", range(12))
    async def test_one_that_is_published_meanwhile_comes_once(self, turns: int) -> None:
        async with world_of(CACHE) as world:
            await world.append(CHANNEL, b"1")
            reader = Reader()
            reader.position = StreamPosition(0, "")
            request = SubscribeRequest(CHANNEL, recover=True)
            join = asyncio.create_task(world.hub.subscribe(reader, request))
            for _ in range(turns):
                await asyncio.sleep(0)
            await world.append(CHANNEL, b"2")
            result = await join
            await settle()
            given = [*offsets(result.publications), *(_offset(frame) for frame in reader.frames)]
            assert given in ([1, 2], [2])

    async def test_a_journal_has_a_newest_fact_as_well(self) -> None:
        async with world_of(SubscribeOptions("fact", recovery_mode="cache")) as world:
            await world.publish(CHANNEL, 5)
            result = await recover(world, 2, "journal-1")
            assert (result.recovered, offsets(result.publications)) == (True, [5])


class TestLoose:
    """Subscribers who are not positioned: they get what comes, and are never sent away."""

    async def test_they_have_no_position_and_cost_no_read(self) -> None:
        async with world_of(LOOSE) as world:
            await world.append(CHANNEL, b"1")
            reads = world.metrics.history_reads
            reader = Reader()
            result = await world.join(reader, CHANNEL)
            assert (result.positioned, result.recoverable) == (False, False)
            assert (result.offset, result.epoch) == (0, "")
            await world.append(CHANNEL, b"2", b"3")
            await world.clock.advance(60)
            assert reader.values == [b"2", b"3"]
            assert world.metrics.history_reads == reads

    async def test_what_comes_while_another_one_finds_its_position_is_not_lost_on_them(
        self,
    ) -> None:
        for turns in range(16):
            async with world_of(LOOSE) as world:
                loose, other = Reader(), Reader()
                await world.join(loose, CHANNEL)
                world.policy.options[CHANNEL] = STREAM
                join = asyncio.create_task(world.join(other, CHANNEL))
                for _ in range(turns):
                    await asyncio.sleep(0)
                await world.append(CHANNEL, b"1", b"2")
                await join
                await world.append(CHANNEL, b"3")
                assert loose.values == [b"1", b"2", b"3"]
                assert other.faults == []
                assert other.position is not None
                assert other.position.offset == 3

    async def test_a_loss_is_nothing_to_them(self) -> None:
        async with world_of(LOOSE) as world:
            loose, strict = Reader(), Reader()
            await world.join(loose, CHANNEL)
            world.policy.options[CHANNEL] = STREAM
            await world.join(strict, CHANNEL)
            await world.append(CHANNEL, b"1", b"2")
            world.broker.inner.forget()
            await world.append(CHANNEL, b"3", b"4")
            assert loose.values == [b"1", b"2", b"3", b"4"]
            assert (loose.ended, len(strict.ended)) == ([], 1)

    async def test_what_follows_a_hole_that_cannot_be_filled_comes_all_the_same(self) -> None:
        short = Retention(size=1, ttl_s=3600.0)
        async with world_of(LOOSE) as world:
            loose = Reader()
            await world.join(loose, CHANNEL)
            await world.append(CHANNEL, b"1", retention=short)
            world.broker.losing = True
            await world.append(CHANNEL, b"2", b"3", retention=short)
            world.broker.losing = False
            await world.append(CHANNEL, b"4", retention=short)
            await world.append(CHANNEL, b"5", retention=short)
            assert loose.values == [b"1", b"4", b"5"]


def _offset(frame: bytes) -> int:
    offset: int = json.loads(frame)["push"]["pub"]["offset"]
    return offset

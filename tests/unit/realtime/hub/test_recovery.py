"""Who comes back is given what was missed, or told that it cannot be; a crowd costs one read."""

from __future__ import annotations

import asyncio

import pytest

from realtime.errors import (
    HistoryUnavailable,
    UnrecoverablePosition,
)
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import SubscribeRequest
from realtime.publication import StreamPosition
from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import Reader, World, offsets

CHANNEL = "fact:1"


class TestRecovery:
    async def test_from_the_broker_when_it_covers_it(self) -> None:
        async with World() as world:
            await world.publish(CHANNEL, 10)
            reader = Reader()
            reader.position = StreamPosition(4, "journal-1")
            result = await world.join(reader, CHANNEL)
            # SDKs begin where they were, and each recovered publication moves them on.
            assert (result.recovered, result.offset) == (True, 4)
            assert offsets(result.publications) == [5, 6, 7, 8, 9, 10]
            assert world.journal.reads == 0
            assert world.metrics.recoveries_ok == 1

    async def test_from_the_journal_when_it_does_not(self) -> None:
        async with World(history_size=3) as world:
            await world.publish(CHANNEL, 10)
            reader = Reader()
            reader.position = StreamPosition(4, "journal-1")
            result = await world.join(reader, CHANNEL)
            assert offsets(result.publications) == [5, 6, 7, 8, 9, 10]
            assert world.journal.reads == 1

    async def test_from_the_beginning_needs_no_epoch(self) -> None:
        async with World() as world:
            await world.publish(CHANNEL, 2)
            request = SubscribeRequest(CHANNEL, recover=True)
            result = await world.hub.subscribe(Reader(), request)
            assert result.recovered is True
            assert offsets(result.publications) == [1, 2]

    @pytest.mark.parametrize(
        ("offset", "epoch"), [(4, "another"), (0, "another"), (4, ""), (11, "journal-1")]
    )
    async def test_a_position_that_never_was_is_not_recovered(
        self, offset: int, epoch: str
    ) -> None:
        async with World() as world:
            await world.publish(CHANNEL, 10)
            request = SubscribeRequest(CHANNEL, recover=True, offset=offset, epoch=epoch)
            result = await world.hub.subscribe(Reader(), request)
            assert (result.was_recovering, result.recovered) == (True, False)
            assert (result.offset, result.epoch, result.publications) == (10, "journal-1", ())
            assert world.metrics.recoveries_failed == 1

    async def test_a_client_may_wish_an_error_instead(self) -> None:
        async with World() as world:
            await world.publish(CHANNEL, 10)
            request = SubscribeRequest(CHANNEL, recover=True, offset=4, epoch="another", flag=2)
            with pytest.raises(UnrecoverablePosition):
                await world.hub.subscribe(Reader(), request)
            await world.publish(CHANNEL)  # reaches nobody, breaks nothing

    async def test_a_client_ahead_of_this_node_waits_for_what_it_has_not_seen(self) -> None:
        async with World() as world:
            first = Reader()
            await world.join(first, CHANNEL)
            await world.publish(CHANNEL, 2)
            world.broker.losing = True
            facts = [world.journal.append(CHANNEL) for _ in range(2)]
            ahead = Reader()
            ahead.position = StreamPosition(4, "journal-1")
            ahead.facts = [4]
            result = await world.join(ahead, CHANNEL)
            assert (result.recovered, result.offset) == (True, 4)
            for fact in facts:
                world.broker.inject(fact)
            world.broker.losing = False
            await world.publish(CHANNEL)
            assert first.facts == [1, 2, 3, 4, 5]
            assert ahead.facts == [4, 5]

    async def test_facts_published_while_it_reads_are_neither_lost_nor_doubled(self) -> None:
        async with World(history_size=2) as world:
            await world.publish(CHANNEL, 5)
            world.journal.held = asyncio.Event()
            readers = [Reader() for _ in range(3)]
            for reader in readers:
                reader.position = StreamPosition(1, "journal-1")
            joins = [asyncio.create_task(world.join(reader, CHANNEL)) for reader in readers]
            await settle()
            await world.publish(CHANNEL, 3)
            world.journal.held.set()
            await asyncio.gather(*joins)
            await world.publish(CHANNEL, 2)
            for reader in readers:
                assert reader.facts == list(range(2, 11))
            assert world.journal.reads == 1

    @pytest.mark.parametrize("turns", range(16))
    async def test_a_fact_that_comes_while_the_position_is_looked_up_needs_no_check(
        self, turns: int
    ) -> None:
        async with World(seed=turns) as world:
            reader = Reader()
            join = asyncio.create_task(world.join(reader, CHANNEL))
            for _ in range(turns):
                await asyncio.sleep(0)
            await world.publish(CHANNEL)
            await join
            await settle()
            assert reader.position == StreamPosition(1, "journal-1")
            assert reader.faults == []

    async def test_thousands_at_once_are_one_read(self) -> None:
        async with World() as world:
            await world.publish(CHANNEL, 100)
            readers = [Reader() for _ in range(2000)]
            for number, reader in enumerate(readers):
                reader.position = StreamPosition(50 + number % 50, "journal-1")
            await asyncio.gather(*(world.join(reader, CHANNEL) for reader in readers))
            assert all(reader.facts[-1] == 100 for reader in readers)
            assert world.journal.reads == 0
            assert world.broker.subscribes == 1
            assert world.broker.tops == 1
            assert world.broker.histories <= 2

    async def test_thousands_at_once_after_a_wipe_are_a_few_journal_reads(self) -> None:
        async with World() as world:
            await world.publish(CHANNEL, 100)
            world.broker.inner.forget()
            readers = [Reader() for _ in range(2000)]
            for number, reader in enumerate(readers):
                reader.position = StreamPosition(50 + number % 50, "journal-1")
            await asyncio.gather(*(world.join(reader, CHANNEL) for reader in readers))
            assert all(reader.facts[-1] == 100 for reader in readers)
            assert world.journal.reads <= 3  # the position, and what was missed

    async def test_when_nothing_can_be_read_the_client_is_asked_to_try_again(self) -> None:
        async with World() as world:
            world.journal.failing = True
            with pytest.raises(HistoryUnavailable):
                await world.hub.subscribe(Reader(), SubscribeRequest(CHANNEL))
            world.journal.failing = False
            assert (await world.join(Reader(), CHANNEL)).offset == 0

    async def test_the_state_in_the_reply_and_the_facts_after_it_fit_together(self) -> None:
        async with World() as world:
            await world.publish(CHANNEL, 5)
            world.policy.options[CHANNEL] = SubscribeOptions(
                "fact", data=b'{"version":3}', data_offset=3
            )
            reader = Reader()
            result = await world.hub.subscribe(reader, SubscribeRequest(CHANNEL))
            assert bytes(result.data) == b'{"version":3}'
            assert (offsets(result.publications), result.offset) == ([4, 5], 5)
            world.policy.options[CHANNEL] = SubscribeOptions("fact", data=b"{}", data_offset=7)
            world.journal.append(CHANNEL)
            world.journal.append(CHANNEL)
            ahead = Reader()
            result = await world.hub.subscribe(ahead, SubscribeRequest(CHANNEL))
            assert (offsets(result.publications), result.offset) == ([], 7)

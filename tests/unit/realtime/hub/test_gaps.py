"""What the broker lost is found and filled before what follows it, or it is said aloud."""

from __future__ import annotations

from realtime import codes
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import Reader, World

CHANNEL = "fact:1"


class TestGaps:
    async def test_a_hole_is_filled_from_the_broker_before_what_follows_it(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            await world.publish_lost(CHANNEL, 3)
            await world.publish(CHANNEL, 2)
            assert reader.facts == [1, 2, 3, 4, 5, 6]
            assert world.journal.reads == 1  # for the first position alone
            assert world.metrics.gaps_found == 1
            assert world.metrics.gaps_filled == 5

    async def test_a_hole_that_the_broker_has_too_is_filled_from_the_journal(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            world.broker.inner.forget()
            world.journal.append(CHANNEL)  # committed, never published
            await world.publish(CHANNEL)
            assert reader.facts == [1, 2, 3]

    async def test_facts_that_overtake_each_other_are_put_in_order(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            facts = [world.journal.append(CHANNEL) for _ in range(4)]
            for index in (1, 0, 3, 2):
                world.broker.inject(facts[index])
            await settle()
            assert reader.facts == [1, 2, 3, 4]

    async def test_a_lost_last_fact_is_found_by_the_position_check(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            await world.publish_lost(CHANNEL)
            assert reader.facts == [1]
            await world.clock.advance(26)
            assert reader.facts == [1, 2]

    async def test_a_last_fact_that_was_never_published_is_found_in_the_journal(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            world.journal.append(CHANNEL)
            await world.clock.advance(80)
            assert reader.facts == [1, 2]

    async def test_checks_are_made_a_channel_and_not_a_reader(self) -> None:
        async with World() as world:
            for _ in range(50):
                await world.join(Reader(), CHANNEL)
            tops, reads = world.broker.tops, world.journal.reads
            await world.clock.advance(26)
            assert (world.broker.tops, world.journal.reads) == (tops + 1, reads)

    async def test_what_cannot_be_filled_sends_the_readers_back_to_recover(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            world.broker.inner.forget()
            world.journal.append(CHANNEL)
            world.journal.failing = True
            await world.publish(CHANNEL)
            assert reader.ended == [codes.UNSUBSCRIBE_INSUFFICIENT_STATE]
            world.journal.failing = False
            result = await world.join(reader, CHANNEL)
            assert result.recovered is True
            assert reader.facts == [1, 2, 3]

    async def test_a_hole_beyond_the_limit_is_not_filled_but_said(self) -> None:
        async with World(RealtimeSettings(recovery_limit=10)) as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            await world.publish_lost(CHANNEL, 20)
            await world.publish(CHANNEL)
            assert reader.ended == [codes.UNSUBSCRIBE_INSUFFICIENT_STATE]
            result = await world.join(reader, CHANNEL)
            assert (result.was_recovering, result.recovered) == (True, False)
            assert (result.publications, result.offset) == ((), 22)

    async def test_a_channel_without_readers_reads_nothing(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            world.hub.unsubscribe(reader, CHANNEL)
            before = world.broker.histories
            await world.publish_lost(CHANNEL)
            await world.publish(CHANNEL)
            assert world.broker.histories == before
            assert (await world.join(reader, CHANNEL)).recovered is True
            assert reader.facts == [1, 2, 3]


class TestEpochs:
    async def test_a_new_journal_is_told_to_every_reader(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL, 3)
            world.journal.restart("journal-2")
            await world.publish(CHANNEL)
            assert reader.ended == [codes.UNSUBSCRIBE_INSUFFICIENT_STATE]
            result = await world.join(reader, CHANNEL)
            assert (result.recovered, result.epoch, result.offset) == (False, "journal-2", 1)

    async def test_a_broker_full_of_an_old_journal_is_not_believed(self) -> None:
        async with World() as world:
            await world.publish(CHANNEL, 7)
            world.journal.restart("journal-2")
            world.journal.append(CHANNEL)
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.clock.advance(80)
            assert reader.ended == [codes.UNSUBSCRIBE_INSUFFICIENT_STATE]
            result = await world.join(reader, CHANNEL)
            assert (result.epoch, result.offset) == ("journal-2", 1)

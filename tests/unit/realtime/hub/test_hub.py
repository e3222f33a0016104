"""Facts reach every reader once and in order, whatever the broker loses; values reach them soon."""

from __future__ import annotations

import asyncio
import json

import pytest

from realtime import codes
from realtime.errors import (
    BrokerUnavailable,
    HistoryUnavailable,
    PermissionDenied,
    UnknownChannel,
    UnrecoverablePosition,
)
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import SubscribeRequest
from realtime.publication import Publication, StreamPosition
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import Reader, World, offsets

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


class TestOutage:
    async def test_facts_missed_while_the_broker_was_away_come_when_it_is_back(self) -> None:
        async with World() as world:
            readers = [Reader() for _ in range(3)]
            for reader in readers:
                await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            world.broker.down = True
            world.journal.append(CHANNEL)
            with pytest.raises(BrokerUnavailable):
                await world.publish(CHANNEL)
            world.broker.come_back(empty=True)
            await settle()
            for reader in readers:
                assert reader.facts == [1, 2, 3]
            await world.publish(CHANNEL)
            assert readers[0].facts == [1, 2, 3, 4]

    async def test_who_returns_to_a_channel_that_nobody_was_in_then_misses_nothing(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            world.hub.unsubscribe(reader, CHANNEL)
            world.broker.down = True
            world.journal.append(CHANNEL)
            world.broker.come_back(empty=True)
            await settle()
            await world.join(reader, CHANNEL)
            assert reader.facts == [1, 2]

    async def test_they_come_from_the_journal_while_it_is_still_away(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            world.broker.down = True
            world.journal.append(CHANNEL)
            await world.clock.advance(26)
            assert reader.facts == [1]

    async def test_values_missed_come_too(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, "latest:1")
            world.broker.losing = True
            await world.broker.publish([Publication("latest:1", b"1", key="a", delivery="latest")])
            await settle()
            world.broker.losing = False
            world.broker.come_back(empty=False)
            await world.clock.advance(0.3)
            assert reader.values == [b"1"]

    async def test_who_subscribes_meanwhile_is_asked_to_try_again(self) -> None:
        async with World() as world:
            world.broker.down = True
            for _ in range(2):
                with pytest.raises(BrokerUnavailable):
                    await world.hub.subscribe(Reader(), SubscribeRequest(CHANNEL))
            world.broker.down = False
            await world.join(Reader(), CHANNEL)

    async def test_nothing_that_a_broker_fails_with_closes_a_channel_for_good(self) -> None:
        async with World() as world:
            world.broker.surprise = AttributeError("whatever a client library ends with")
            for _ in range(2):
                with pytest.raises(AttributeError):
                    await world.hub.subscribe(Reader(), SubscribeRequest(CHANNEL))
            world.broker.surprise = None
            reader = Reader()
            await world.join(reader, CHANNEL)
            await world.publish(CHANNEL)
            assert reader.facts == [1]

    async def test_a_journal_away_when_the_broker_returns_is_soon_asked_again(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            world.broker.down = world.journal.failing = True
            world.journal.append(CHANNEL)
            world.broker.come_back(empty=True)
            await world.clock.advance(5)
            assert reader.facts == []
            world.journal.failing = False
            await world.clock.advance(2)
            assert reader.facts == [1]


class TestAccess:
    @pytest.mark.parametrize(
        ("channel", "error"), [("secret:1", PermissionDenied), ("nope:1", UnknownChannel)]
    )
    async def test_the_policy_decides(self, channel: str, error: type[Exception]) -> None:
        async with World() as world:
            with pytest.raises(error):
                await world.hub.subscribe(Reader(), SubscribeRequest(channel))
            await world.clock.advance(6)
            assert world.metrics.channels == 0

    async def test_a_released_reader_is_out_with_the_fact_that_says_so(self) -> None:
        async with World() as world:
            ann, bob = Reader("ann"), Reader("bob")
            await world.join(ann, "guarded:1")
            await world.join(bob, "guarded:1")
            await world.publish("guarded:1")
            await world.publish("guarded:1", data=json.dumps({"released": "ann"}).encode())
            await world.publish("guarded:1")
            assert ann.facts == [1]
            assert ann.ended == [codes.UNSUBSCRIBE_SERVER]
            assert bob.facts == [1, 2, 3]
            assert world.metrics.revocations == 1

    async def test_also_with_a_fact_that_was_found_in_a_hole(self) -> None:
        async with World() as world:
            ann = Reader("ann")
            await world.join(ann, "guarded:1")
            world.broker.losing = True
            await world.publish("guarded:1", data=b'{"released":"ann"}')
            world.broker.losing = False
            await world.publish("guarded:1")
            assert ann.facts == []
            assert ann.ended == [codes.UNSUBSCRIBE_SERVER]

    async def test_a_release_while_the_policy_decides_is_not_missed(self) -> None:
        async with World() as world:
            other = Reader("bob")
            await world.join(other, "guarded:1")
            world.policy.held = asyncio.Event()
            ann = Reader("ann")
            join = asyncio.create_task(world.join(ann, "guarded:1"))
            await settle()
            await world.publish("guarded:1", data=b'{"released":"ann"}')
            world.policy.held.set()
            with pytest.raises(PermissionDenied):
                await join

    async def test_the_newest_fact_decides_over_a_recovery(self) -> None:
        async with World() as world:
            await world.publish("guarded:1", data=b'{"released":"ann"}')
            back, out = Reader("ann"), Reader("ann")
            back.position = out.position = StreamPosition(0, "journal-1")
            with pytest.raises(PermissionDenied):
                await world.join(out, "guarded:1")
            await world.publish("guarded:1")  # assigned again
            assert (await world.join(back, "guarded:1")).recovered is True

    async def test_a_guard_elsewhere_ends_the_subscription_in_the_same_moment(self) -> None:
        async with World() as world:
            world.policy.options["latest:1"] = SubscribeOptions("latest", guard="guarded:1")
            ann, bob = Reader("ann"), Reader("bob")
            await world.join(ann, "latest:1")
            await world.join(bob, "latest:1")
            await world.publish("guarded:1", data=b'{"released":"ann"}')
            assert (ann.ended, bob.ended) == ([codes.UNSUBSCRIBE_SERVER], [])
            await world.broker.publish([Publication("latest:1", b"1", key="a", delivery="latest")])
            await world.clock.advance(0.3)
            assert (ann.values, bob.values) == ([], [b"1"])

    async def test_a_release_while_the_guard_is_posted_is_not_missed(self) -> None:
        async with World() as world:
            world.policy.options["latest:1"] = SubscribeOptions("latest", guard="guarded:1")
            world.policy.held = asyncio.Event()
            join = asyncio.create_task(world.join(Reader("ann"), "latest:1"))
            await settle()
            world.policy.held.set()
            world.policy.held = asyncio.Event()
            while len(world.policy.asked) < 2:  # asked again, now that the guard stands
                await settle()
            await world.publish("guarded:1", data=b'{"released":"ann"}')
            world.policy.held.set()
            with pytest.raises(PermissionDenied):
                await join

    async def test_a_guard_is_dismissed_with_its_subscription(self) -> None:
        async with World() as world:
            world.policy.options["latest:1"] = SubscribeOptions("latest", guard="guarded:1")
            ann = Reader("ann")
            await world.join(ann, "latest:1")
            assert world.metrics.channels == 2
            world.hub.unsubscribe(ann, "latest:1")
            await world.clock.advance(6)
            assert (world.metrics.channels, world.metrics.subscriptions) == (0, 0)

    async def test_a_policy_that_fails_says_no(self) -> None:
        async with World() as world:
            ann = Reader("ann")
            await world.join(ann, "guarded:1")
            await world.publish("guarded:1", data=b'"no object"')
            assert ann.ended == [codes.UNSUBSCRIBE_SERVER]


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


class TestChannels:
    async def test_one_that_is_left_is_listened_to_for_a_while_and_then_no_more(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            world.hub.unsubscribe(reader, CHANNEL)
            await world.clock.advance(3)
            await world.join(reader, CHANNEL)
            assert world.broker.subscribes == 1
            world.hub.unsubscribe(reader, CHANNEL)
            await world.clock.advance(6)
            assert world.metrics.channels == 0
            await world.publish(CHANNEL, 2)
            await world.join(reader, CHANNEL)
            assert world.broker.subscribes == 2
            assert reader.facts == [1, 2]

    async def test_one_that_is_left_and_taken_again_is_still_checked(self) -> None:
        async with World() as world:
            reader = Reader()
            await world.join(reader, CHANNEL)
            world.hub.unsubscribe(reader, CHANNEL)
            await world.join(reader, CHANNEL)
            await world.publish_lost(CHANNEL)
            await world.clock.advance(5.2 + 26)
            assert reader.facts == [1]

    async def test_a_join_that_is_given_up_leaves_nothing_behind(self) -> None:
        async with World() as world:
            world.policy.held = asyncio.Event()
            reader = Reader()
            join = asyncio.create_task(world.join(reader, CHANNEL))
            await settle()
            join.cancel()
            await asyncio.gather(join, return_exceptions=True)
            world.policy.held.set()
            await world.publish(CHANNEL)
            await world.clock.advance(6)
            assert world.metrics.channels == 0
            assert reader.facts == []

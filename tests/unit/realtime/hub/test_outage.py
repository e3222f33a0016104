"""Broker and journal may go and come back: what was missed meanwhile comes then."""

from __future__ import annotations

import pytest

from realtime.errors import (
    BrokerUnavailable,
)
from realtime.protocol.messages import SubscribeRequest
from realtime.publication import Publication
from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import Reader, World

CHANNEL = "fact:1"


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

"""A channel is listened to as long as somebody is in it, and a little longer."""

from __future__ import annotations

import asyncio

from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import Reader, World

CHANNEL = "fact:1"


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

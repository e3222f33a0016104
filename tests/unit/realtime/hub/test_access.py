"""The policy decides at the door, and again with each fact that may change its answer."""

from __future__ import annotations

import asyncio
import json

import pytest

from realtime import codes
from realtime.errors import (
    PermissionDenied,
    UnknownChannel,
)
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import SubscribeRequest
from realtime.publication import Publication, StreamPosition
from tests.unit.realtime.clock import settle
from tests.unit.realtime.world import Reader, World


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

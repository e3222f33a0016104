"""A whole server: what it sends unasked, and to those who do not read it."""

from __future__ import annotations

import asyncio
import json

from realtime import codes
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.server import ANN, running

SMALL = RealtimeSettings(queue_bytes=10_000, queue_hard_bytes=100_000, frame_bytes=1000)


class TestPushes:
    async def test_a_reply_comes_before_what_is_pushed_on_the_channel(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            socket.say({"id": 9, "subscribe": {"channel": "fact:1"}})
            for _ in range(20):
                await node.server.publish([node.journal.append("fact:1")])
                await asyncio.sleep(0)
            await settle()
            index = next(n for n, one in enumerate(socket.replies) if one.get("id") == 9)
            pushed = [one["push"]["pub"]["offset"] for one in socket.replies if "push" in one]
            assert not any("push" in one for one in socket.replies[:index])
            first = socket.replies[index]["subscribe"].get("offset", 0) + 1
            assert pushed == list(range(first, 21))

    async def test_what_waits_leaves_in_one_message(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "fact:1"})
            before = len(socket.messages)
            await node.server.publish([node.journal.append("fact:1") for _ in range(20)])
            await settle()
            assert len(socket.publications("fact:1")) == 20
            assert len(socket.messages) - before == 1

    async def test_the_server_unsubscribes_messages_and_disconnects_users(self) -> None:
        async with running() as node:
            one, two, other = node.socket(), node.socket(), node.socket()
            for socket, user in ((one, "ann"), (two, "ann"), (other, "bob")):
                await socket.connect(user)
                await socket.ask(subscribe={"channel": "fact:1"})
            assert await node.server.message(ANN, b'{"hi":1}') == 2
            assert await node.server.unsubscribe(ANN, "fact:1") == 2
            assert await node.server.unsubscribe(ANN, "fact:1") == 0
            await node.publish("fact:1")
            assert (len(one.publications("fact:1")), len(other.publications("fact:1"))) == (0, 1)
            await settle()
            assert {"push": {"message": {"data": {"hi": 1}}}} in one.replies
            push = {
                "channel": "fact:1",
                "unsubscribe": {"code": 2000, "reason": "server unsubscribe"},
            }
            assert {"push": push} in two.replies
            assert await node.server.disconnect(ANN, codes.DISCONNECT_FORCE_RECONNECT) == 2
            await one.end()
            await two.end()
            assert one.closed == two.closed == (3011, "force reconnect")
            assert other.closed is None
            assert await node.server.disconnect(ANN) == 0

    async def test_a_released_reader_gets_the_push_instead_of_the_fact(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "guarded:1"})
            await node.publish("guarded:1", b'{"released":"ann"}')
            assert socket.publications("guarded:1") == []
            assert socket.replies[-1]["push"]["unsubscribe"]["code"] == 2000

    async def test_a_subscription_still_being_made_can_be_ended_by_the_server(self) -> None:
        async with running() as node:
            node.policy.held = asyncio.Event()
            socket = node.socket()
            await socket.connect()
            socket.say({"id": 9, "subscribe": {"channel": "fact:1"}})
            await settle()
            assert await node.server.unsubscribe(ANN, "fact:1") == 1
            node.policy.held.set()
            await settle()
            assert socket.replies[-1]["error"]["code"] == 103
            await node.publish("fact:1")
            assert socket.publications("fact:1") == []


class TestSlowClients:
    async def test_one_that_stops_reading_is_cut_and_no_other_notices(self) -> None:
        async with running(SMALL) as node:
            slow, fast = node.socket(), node.socket()
            for socket in (slow, fast):
                await socket.connect()
                await socket.ask(subscribe={"channel": "fact:1"})
            slow.reading.clear()
            data = json.dumps("x" * 500).encode()
            for _ in range(40):
                await node.publish("fact:1", data)
            assert len(fast.publications("fact:1")) == 40
            assert node.server.metrics.slow_disconnects == 0  # it has a moment to make progress
            await node.clock.advance(1.5)
            assert node.server.metrics.slow_disconnects == 1
            assert node.server.metrics.queue_bytes == 0
            slow.reading.set()
            await slow.end()
            assert slow.closed == (3008, "slow")
            assert fast.closed is None

    async def test_one_that_makes_progress_is_left_in_peace(self) -> None:
        async with running(SMALL) as node:
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "fact:1"})
            socket.reading.clear()
            for _ in range(40):
                await node.publish("fact:1", json.dumps("x" * 500).encode())
            socket.reading.set()
            await node.clock.advance(1.5)
            assert socket.closed is None
            assert len(socket.publications("fact:1")) == 40
            assert max(len(message) for message in socket.messages) < 2000

    async def test_far_over_the_bound_there_is_no_grace(self) -> None:
        async with running(SMALL) as node:
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "fact:1"})
            socket.reading.clear()
            for _ in range(250):
                await node.publish("fact:1", json.dumps("x" * 500).encode())
            assert node.server.metrics.slow_disconnects == 1
            assert node.server.metrics.subscriptions == 0
            socket.reading.set()
            await socket.end()

    async def test_one_that_never_reads_again_is_dropped_without_a_word(self) -> None:
        settings = RealtimeSettings(queue_bytes=1000, queue_hard_bytes=5000, close_timeout_s=0.01)
        async with running(settings) as node:
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "fact:1"})
            socket.reading.clear()
            for _ in range(20):
                await node.publish("fact:1", json.dumps("x" * 500).encode())
            async with asyncio.timeout(5):
                await socket.call
            assert socket.closed is None
            assert node.server.metrics.connections == 0

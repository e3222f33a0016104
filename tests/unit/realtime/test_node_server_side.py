"""A whole server: what it subscribes its clients to, at connect and later, and its orders."""

from __future__ import annotations

import asyncio

from realtime.nodes.control import Target
from realtime.ports import SubscribeOptions
from realtime.publication import Publication, StreamPosition
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.server import ANN, Node, running
from tests.unit.realtime.socket import Socket

FACTS = SubscribeOptions("fact")
SIGNALS = SubscribeOptions("signal")


async def half_joined(node: Node) -> tuple[Socket, asyncio.Event]:
    """A client whom the server subscribes to two channels: one is joined already, the other waits
    for its position until the event is set."""
    node.tokens.subs = {"fact:a": FACTS, "signal:b": SIGNALS}
    node.journal.held = held = asyncio.Event()
    socket = node.socket()
    socket.say({"id": 1, "connect": {"token": "ann"}})
    await settle()
    return socket, held


class TestConnect:
    async def test_channels_of_the_server_are_in_the_reply_and_come_before_any_push(self) -> None:
        async with running() as node:
            socket, held = await half_joined(node)
            await node.server.publish([Publication("signal:b", b"1", delivery="signal")])
            await settle()
            assert socket.replies == []
            held.set()
            await settle()
            assert set(socket.replies[0]["connect"]["subs"]) == {"fact:a", "signal:b"}
            assert socket.publications("signal:b") == [1]
            await node.publish("fact:a")
            assert socket.publications("fact:a") == [{"n": 1}]

    async def test_they_recover_from_where_the_client_was(self) -> None:
        async with running() as node:
            node.tokens.subs = {"fact:a": FACTS}
            for _ in range(3):
                await node.publish("fact:a")
            subs = {"fact:a": {"recover": True, "offset": 1, "epoch": "journal-1"}}
            reply = await node.socket().ask(connect={"token": "ann", "subs": subs})
            result = reply["connect"]["subs"]["fact:a"]
            assert result["recovered"]
            assert [one["offset"] for one in result["publications"]] == [2, 3]

    async def test_without_one_of_them_the_client_has_to_come_again(self) -> None:
        async with running() as node:
            node.tokens.subs = {"fact:a": FACTS, "signal:b": SIGNALS}
            node.broker.down = True
            socket = node.socket()
            socket.say({"id": 1, "connect": {"token": "ann"}})
            await socket.end()
            assert socket.closed == (3004, "internal server error")
            node.broker.down = False

    async def test_who_is_gone_before_they_are_joined_leaves_nothing(self) -> None:
        async with running() as node:
            socket, held = await half_joined(node)
            socket.cut()
            await socket.end()
            held.set()
            await settle()
            assert node.server.metrics.subscriptions == 0

    async def test_more_channels_than_a_client_may_have(self) -> None:
        async with running(RealtimeSettings(max_channels=1)) as node:
            node.tokens.subs = {"signal:a": SIGNALS, "signal:b": SIGNALS}
            socket = node.socket()
            socket.say({"id": 1, "connect": {"token": "ann"}})
            await socket.end()
            assert socket.closed == (3505, "channel limit")


class TestServerSide:
    async def test_a_user_is_subscribed_and_told_and_unsubscribed_and_told(self) -> None:
        async with running() as node:
            socket, other = node.socket(), node.socket()
            await socket.connect()
            await other.connect("bob")
            assert await node.server.subscribe(ANN, "fact:a", FACTS) == 1
            await settle()
            (push,) = socket.pushes("subscribe")
            assert push["channel"] == "fact:a"
            assert push["subscribe"]["recoverable"]
            await node.publish("fact:a")
            assert socket.publications("fact:a") == [{"n": 1}]
            assert other.publications("fact:a") == []
            assert await node.server.unsubscribe(ANN) == 1
            await settle()
            (push,) = socket.pushes("unsubscribe")
            assert push["unsubscribe"]["code"] == 2000
            assert node.server.metrics.subscriptions == 0

    async def test_what_was_missed_since_a_position_follows(self) -> None:
        async with running() as node:
            for _ in range(3):
                await node.publish("fact:a")
            socket = node.socket()
            await socket.connect()
            await node.server.subscribe(ANN, "fact:a", FACTS, StreamPosition(1, "journal-1"))
            await settle()
            assert socket.publications("fact:a") == [{"n": 2}, {"n": 3}]
            await node.publish("fact:a")
            assert socket.publications("fact:a") == [{"n": 2}, {"n": 3}, {"n": 4}]

    async def test_a_lost_position_sends_the_client_back_to_connect(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            await node.server.subscribe(ANN, "fact:a", FACTS)
            await node.publish("fact:a")
            node.journal.restart("journal-2")
            node.broker.inner.forget()
            await node.publish("fact:a")
            await socket.end()
            assert socket.closed == (3010, "insufficient state")

    async def test_a_token_and_a_channel_can_be_revoked(self) -> None:
        async with running() as node:
            sockets = [node.socket() for _ in range(3)]
            for socket, token in zip(sockets, ("ann", "ann@9999999999", "bob"), strict=True):
                await socket.connect(token)
                await socket.ask(subscribe={"channel": "signal:a"})
            assert await node.server.disconnect(Target(token_id="ann@9999999999")) == 1
            assert await node.server.unsubscribe(Target(channel="signal:a"), "signal:a") == 2
            await settle()
            assert [socket.closed for socket in sockets] == [None, (3503, "force disconnect"), None]
            assert len(sockets[0].pushes("unsubscribe")) == len(sockets[2].pushes("unsubscribe"))
            assert await node.server.disconnect(Target()) == 0

    async def test_one_connection_can_be_meant_or_all_but_one(self) -> None:
        async with running() as node:
            one, two = node.socket(), node.socket()
            client = (await one.connect())["connect"]["client"]
            await two.connect()
            others = Target(user="ann", except_clients=(client,))
            assert await node.server.disconnect(others) == 1
            await two.end()
            assert one.closed is None
            assert await node.server.disconnect(Target(client=client, user="bob")) == 0
            assert await node.server.disconnect(Target(client=client)) == 1
            await one.end()

    async def test_a_connection_is_prolonged_or_ended(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect(f"ann@{node.clock.now() + 10}")
            assert await node.server.refresh(ANN, node.clock.now() + 500) == 1
            await settle()
            assert socket.pushes("refresh") == [{"refresh": {"expires": True, "ttl": 500}}]
            await node.server.refresh(ANN, expired=True)
            await socket.end()
            assert socket.closed == (3005, "connection expired")

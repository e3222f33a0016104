"""What a whole server does for a client beside delivering: the server's own subscriptions,
presence, history, tokens of subscriptions, messages.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime import codes
from realtime.errors import NotAvailable
from realtime.node import RealtimeServer
from realtime.nodes.control import Target
from realtime.ports import SubscribeOptions
from realtime.publication import Append, Publication, Retention, StreamPosition
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.server import ANN, Node, running
from tests.unit.realtime.socket import Socket

FACTS = SubscribeOptions("fact")
SIGNALS = SubscribeOptions("signal")
ROOM = SubscribeOptions(
    "signal",
    presence=True,
    join_leave=True,
    push_join_leave=True,
    may_read_presence=True,
    chan_info=b'{"seat":7}',
)
STREAM = SubscribeOptions("fact", retention=Retention(size=10, ttl_s=60))


def pushes(socket: Socket, kind: str) -> list[Any]:
    found = [reply["push"] for reply in socket.replies if "push" in reply]
    return [push for push in found if kind in push]


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
    async def test_what_the_client_says_of_itself_is_handed_on(self) -> None:
        async with running() as node:
            socket = node.socket(client=("203.0.113.9", 4711))
            request = {"token": "ann", "name": "js", "version": "5.8", "headers": {"X-App": "7"}}
            reply = await socket.ask(connect=request)
            ((_, context),) = node.tokens.seen
            assert (context.name, context.version, context.headers) == ("js", "5.8", {"X-App": "7"})
            assert context.address == "203.0.113.9"
            assert context.client == reply["connect"]["client"]
            assert reply["connect"]["time"] == int(node.clock.now() * 1000)
            assert "session" not in reply["connect"]

    async def test_who_has_no_token_may_be_let_in(self) -> None:
        async with running() as node:
            node.tokens.anonymous = True
            socket = node.socket()
            assert "connect" in await socket.connect("")
            assert (await socket.ask(rpc={"method": "whoami"}))["rpc"]["data"] == ""

    async def test_the_application_may_refuse_by_a_code_of_its_own(self) -> None:
        async with running() as node:
            socket = node.socket()
            socket.say({"id": 1, "connect": {"token": "banned"}})
            await socket.end()
            assert socket.closed == (4501, "banned")

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
            (push,) = pushes(socket, "subscribe")
            assert push["channel"] == "fact:a"
            assert push["subscribe"]["recoverable"]
            await node.publish("fact:a")
            assert socket.publications("fact:a") == [{"n": 1}]
            assert other.publications("fact:a") == []
            assert await node.server.unsubscribe(ANN) == 1
            await settle()
            (push,) = pushes(socket, "unsubscribe")
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
            assert len(pushes(sockets[0], "unsubscribe")) == len(pushes(sockets[2], "unsubscribe"))
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
            assert pushes(socket, "refresh") == [{"refresh": {"expires": True, "ttl": 500}}]
            await node.server.refresh(ANN, expired=True)
            await socket.end()
            assert socket.closed == (3005, "connection expired")


class TestPresence:
    async def test_subscribers_see_who_is_there_and_who_comes_and_goes(self) -> None:
        async with running() as node:
            node.policy.options["room"] = ROOM
            ann, bob = node.socket(), node.socket()
            client = (await ann.connect())["connect"]["client"]
            await ann.ask(subscribe={"channel": "room"})
            reply = await ann.ask(presence={"channel": "room"})
            expected = {
                "user": "ann",
                "client": client,
                "conn_info": {"name": "ann"},
                "chan_info": {"seat": 7},
            }
            assert reply["presence"] == {"presence": {client: expected}}
            await bob.connect("bob")
            await bob.ask(subscribe={"channel": "room"})
            stats = await ann.ask(presence_stats={"channel": "room"})
            assert stats["presence_stats"] == {"num_clients": 2, "num_users": 2}
            assert set(await node.server.presence("room")) >= {client}
            await settle()
            assert [push["join"]["info"]["user"] for push in pushes(ann, "join")][-1] == "bob"
            bob.cut()
            await bob.end()
            await settle()
            assert [push["leave"]["info"]["user"] for push in pushes(ann, "leave")] == ["bob"]
            assert (await node.server.presence_stats("room")).clients == 1

    async def test_an_entry_is_renewed_as_long_as_its_client_is_there(self) -> None:
        settings = RealtimeSettings(ping_interval_s=10_000)
        async with running(settings) as node:
            node.policy.options["room"] = ROOM
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "room"})
            await node.clock.advance(300)
            assert len(await node.server.presence("room")) == 1
            await socket.ask(unsubscribe={"channel": "room"})
            assert await node.server.presence("room") == {}

    @pytest.mark.parametrize(
        ("channel", "code"), [("open:room", None), ("closed", 103), ("signal:1", 108)]
    )
    async def test_others_may_ask_where_the_policy_lets_them(
        self, channel: str, code: int | None
    ) -> None:
        async with running() as node:
            node.policy.options["open:room"] = ROOM
            node.policy.options["closed"] = SubscribeOptions("signal", presence=True)
            socket = node.socket()
            await socket.connect()
            if channel != "open:room":
                await socket.ask(subscribe={"channel": channel})
            reply = await socket.ask(presence={"channel": channel})
            assert reply.get("error", {}).get("code") == code
            reply = await socket.ask(presence_stats={"channel": "elsewhere"})
            assert reply["error"]["code"] == 103

    async def test_a_server_without_presence_says_so(self) -> None:
        node = Node(RealtimeSettings())
        server = RealtimeServer(
            node.tokens,
            node.policy,
            node.calls,
            node.broker,
            node.journal,
            clock=node.clock,
        )
        await server.start()
        socket = Socket(server.app)
        await socket.connect()
        reply = await socket.ask(presence={"channel": "room"})
        assert reply["error"]["code"] == 108
        with pytest.raises(NotAvailable):
            await server.presence("room")
        await server.stop()


class TestHistory:
    async def test_of_the_journal_forwards_and_backwards(self) -> None:
        async with running() as node:
            for _ in range(5):
                await node.publish("fact:a")
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "fact:a"})

            async def read(**request: Any) -> list[int]:
                reply = await socket.ask(history={"channel": "fact:a", **request})
                assert (reply["history"]["offset"], reply["history"]["epoch"]) == (5, "journal-1")
                return [one["offset"] for one in reply["history"].get("publications", ())]

            since = {"offset": 3, "epoch": "journal-1"}
            assert await read() == []
            assert await read(limit=-1) == [1, 2, 3, 4, 5]
            assert await read(limit=2, since=since) == [4, 5]
            assert await read(limit=2, reverse=True) == [5, 4]
            assert await read(limit=9, reverse=True, since=since) == [2, 1]
            assert await read(limit=0, reverse=True) == []
            stale = {"channel": "fact:a", "limit": 1, "since": {"offset": 1, "epoch": "old"}}
            for reverse in (False, True):
                reply = await socket.ask(history={**stale, "reverse": reverse})
                assert reply["error"]["code"] == 112

    async def test_of_a_stream_that_the_broker_counts(self) -> None:
        async with running() as node:
            node.policy.options["stream"] = STREAM
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "stream"})
            for number in range(3):
                reply = await socket.ask(publish={"channel": "stream", "data": number})
                assert "publish" in reply
            assert socket.publications("stream") == [0, 1, 2]
            reply = await socket.ask(history={"channel": "stream", "limit": 2, "reverse": True})
            assert [one["data"] for one in reply["history"]["publications"]] == [2, 1]
            assert reply["history"]["publications"][0]["info"]["user"] == "ann"
            assert reply["history"]["offset"] == 3
            found = await node.server.history("stream", STREAM.retention, limit=-1)
            assert [one.data for one in found.publications] == [b"0", b"1", b"2"]
            await node.server.clear_history("stream")
            found = await node.server.history("stream", STREAM.retention, limit=-1)
            assert (found.publications, found.top_offset) == ((), 3)
            assert STREAM.retention is not None
            position = await node.server.append(Append("stream", b"3", STREAM.retention))
            assert position == StreamPosition(4, found.epoch)

    async def test_who_may_not_and_where_there_is_none(self) -> None:
        async with running() as node:
            node.policy.options["secret"] = SubscribeOptions("fact", may_read_history=False)
            socket = node.socket()
            await socket.connect()
            for channel, code in (("secret", 103), ("signal:1", 108)):
                await socket.ask(subscribe={"channel": channel})
                reply = await socket.ask(history={"channel": channel})
                assert reply["error"]["code"] == code
            reply = await socket.ask(history={"channel": "fact:unsubscribed"})
            assert reply["error"]["code"] == 103

    async def test_a_reply_has_its_limit(self) -> None:
        async with running(RealtimeSettings(history_limit=2)) as node:
            for _ in range(5):
                await node.publish("fact:a")
            found = await node.server.history("fact:a", None, limit=100)
            assert len(found.publications) == 2


class TestSubscriptionTokens:
    async def test_one_that_ends_can_be_prolonged(self) -> None:
        settings = RealtimeSettings(ping_interval_s=10_000)
        async with running(settings) as node:
            expiry = node.clock.now() + 60
            node.policy.options["a"] = SubscribeOptions("signal", expires_at=expiry)
            node.policy.options["b"] = SubscribeOptions("signal", expires_at=expiry)
            socket = node.socket()
            await socket.connect()
            for channel in "ab":
                reply = await socket.ask(subscribe={"channel": channel})
                assert reply["subscribe"] == {"expires": True, "ttl": 60}
            request = {"channel": "a", "token": str(expiry + 600)}
            reply = await socket.ask(sub_refresh=request)
            assert reply["sub_refresh"] == {"expires": True, "ttl": 660}
            await node.clock.advance(90)
            (push,) = pushes(socket, "unsubscribe")
            assert (push["channel"], push["unsubscribe"]["code"]) == ("b", 2501)
            assert node.server.metrics.subscriptions == 1

    @pytest.mark.parametrize(("token", "code"), [("expired", 110), ("1", 110)])
    async def test_what_does_not_prolong(self, token: str, code: int) -> None:
        async with running() as node:
            expiry = node.clock.now() + 60
            node.policy.options["a"] = SubscribeOptions("signal", expires_at=expiry)
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "a"})
            reply = await socket.ask(sub_refresh={"channel": "a", "token": token})
            assert reply["error"]["code"] == code

    async def test_a_forged_one_is_terminal(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "signal:a"})
            socket.say({"id": 9, "sub_refresh": {"channel": "signal:a", "token": "forged"}})
            await socket.end()
            assert socket.closed == (3500, "invalid token")

    async def test_one_that_has_ended_already_is_not_begun(self) -> None:
        async with running() as node:
            node.policy.options["a"] = SubscribeOptions("signal", expires_at=1.0)
            socket = node.socket()
            await socket.connect()
            reply = await socket.ask(subscribe={"channel": "a"})
            assert reply["error"]["code"] == 109
            assert node.server.metrics.subscriptions == 0


class TestMessages:
    async def test_they_reach_the_application_and_may_end_the_connection(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            socket.say({"send": {"data": {"a": 1}}}, {"send": {"data": "broken"}})
            await settle()
            assert node.calls.messages == [("ann", b'{"a": 1}')]
            assert socket.closed is None
            socket.say({"send": {"data": "banned"}})
            await socket.end()
            assert socket.closed == (4501, "banned")


class TestLimits:
    async def test_connections_of_a_user(self) -> None:
        async with running(RealtimeSettings(max_connections_per_user=1)) as node:
            node.tokens.anonymous = True
            one, two, other = node.socket(), node.socket(), node.socket()
            await one.connect()
            two.say({"id": 1, "connect": {"token": "ann"}})
            await two.end()
            assert two.closed == (3504, "connection limit")
            assert "connect" in await other.connect("bob")
            for _ in range(2):
                assert "connect" in await node.socket().connect("")
            one.cut()
            await one.end()
            assert "connect" in await node.socket().connect()

    async def test_connections_from_an_address(self) -> None:
        async with running(RealtimeSettings(max_connections_per_address=1)) as node:
            here, there = ("203.0.113.9", 1), ("203.0.113.10", 1)
            one = node.socket(client=here)
            await one.connect()
            two = node.socket(client=here)
            await two.end()
            assert two.closed == (3504, "connection limit")
            assert "connect" in await node.socket(client=there).connect()
            one.cut()
            await one.end()
            assert "connect" in await node.socket(client=here).connect()

    async def test_connections_in_all(self) -> None:
        async with running(RealtimeSettings(max_connections=1)) as node:
            await node.socket().connect()
            socket = node.socket()
            await socket.end()
            assert socket.accepted is None


def test_each_over_limit_has_a_published_code() -> None:
    assert codes.DISCONNECT_CONNECTION_LIMIT.code == 3504
    assert codes.DISCONNECT_CHANNEL_LIMIT.code == 3505
    assert codes.DISCONNECT_TOO_MANY_REQUESTS.code == 3013

"""A whole server: who is on a channel."""

from __future__ import annotations

import pytest

from realtime.errors import NotAvailable
from realtime.node import RealtimeServer
from realtime.ports import SubscribeOptions
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.server import Node, running
from tests.unit.realtime.socket import Socket

ROOM = SubscribeOptions(
    "signal",
    presence=True,
    join_leave=True,
    push_join_leave=True,
    may_read_presence=True,
    chan_info=b'{"seat":7}',
)


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
            assert [push["join"]["info"]["user"] for push in ann.pushes("join")][-1] == "bob"
            bob.cut()
            await bob.end()
            await settle()
            assert [push["leave"]["info"]["user"] for push in ann.pushes("leave")] == ["bob"]
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

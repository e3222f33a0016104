"""A whole server: what a client asks of it, and what it says unasked."""

from __future__ import annotations

import asyncio

import pytest

from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.server import running


class TestCommands:
    async def test_rpc(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            reply = await socket.ask(rpc={"method": "echo", "data": {"x": [1]}})
            assert reply["rpc"] == {"data": {"x": [1]}}
            assert (await socket.ask(rpc={"method": "whoami"}))["rpc"] == {"data": "ann"}
            reply = await socket.ask(rpc={"method": "busy"})
            assert reply["error"] == {"code": 1001, "message": "busy", "temporary": True}
            assert (await socket.ask(rpc={"method": "nope"}))["error"]["code"] == 1000
            assert (await socket.ask(rpc={"method": "garbage"}))["error"]["code"] == 100

    async def test_calls_of_one_client_are_bounded_and_another_is_not_touched(self) -> None:
        async with running(RealtimeSettings(max_outstanding=3)) as node:
            node.calls.held = asyncio.Event()
            socket, other = node.socket(), node.socket()
            await socket.connect()
            await other.connect("bob")
            socket.say(*[{"id": 10 + n, "rpc": {"method": "hang"}} for n in range(5)])
            await settle()
            refused = [reply for reply in socket.replies if "error" in reply]
            assert [(one["id"], one["error"]["code"]) for one in refused] == [(13, 111), (14, 111)]
            assert "rpc" in await other.ask(rpc={"method": "whoami"})
            node.calls.held.set()
            await settle()
            assert "rpc" in await socket.ask(rpc={"method": "whoami"})

    async def test_a_call_runs_to_its_end_when_its_client_goes(self) -> None:
        async with running() as node:
            node.calls.held = asyncio.Event()
            socket = node.socket()
            await socket.connect()
            socket.say({"id": 9, "rpc": {"method": "hang"}})
            await settle()
            socket.cut()
            await socket.end()
            node.calls.held.set()
            await settle()
            assert node.calls.finished == ["hang"]

    async def test_publish_where_the_policy_lets_it(self) -> None:
        async with running() as node:
            socket, other = node.socket(), node.socket()
            await socket.connect()
            await other.connect("bob")
            assert "subscribe" in await other.ask(subscribe={"channel": "signal:1"})
            reply = await socket.ask(publish={"channel": "signal:1", "data": {"typing": True}})
            assert reply["publish"] == {}
            await settle()
            assert other.publications("signal:1") == [{"typing": True}]
            reply = await socket.ask(publish={"channel": "fact:1", "data": 1})
            assert reply["error"]["code"] == 103
            node.broker.down = True
            reply = await socket.ask(publish={"channel": "signal:1", "data": 1})
            assert (reply["error"]["code"], reply["error"]["temporary"]) == (100, True)

    async def test_history(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            for _ in range(5):
                await node.publish("fact:1")
            await socket.ask(subscribe={"channel": "fact:1"})
            since = {"offset": 2, "epoch": "journal-1"}
            reply = await socket.ask(history={"channel": "fact:1", "limit": 2, "since": since})
            assert reply["history"] == {
                "publications": [
                    {"data": {"n": 3}, "offset": 3},
                    {"data": {"n": 4}, "offset": 4},
                ],
                "epoch": "journal-1",
                "offset": 5,
            }
            reply = await socket.ask(history={"channel": "fact:1"})
            assert reply["history"] == {"epoch": "journal-1", "offset": 5}
            reply = await socket.ask(history={"channel": "fact:1", "limit": -1})
            assert len(reply["history"]["publications"]) == 5
            old = {"channel": "fact:1", "limit": 2, "since": {"offset": 2, "epoch": "older"}}
            assert (await socket.ask(history=old))["error"]["code"] == 112
            await socket.ask(subscribe={"channel": "signal:1"})
            assert (await socket.ask(history={"channel": "signal:1"}))["error"]["code"] == 108

    @pytest.mark.parametrize(("channel", "code"), [("secret:1", 103), ("nope:1", 102)])
    async def test_a_refused_subscription(self, channel: str, code: int) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            assert (await socket.ask(subscribe={"channel": channel}))["error"]["code"] == code

    async def test_a_subscription_that_takes_too_long_is_a_temporary_error(self) -> None:
        async with running(RealtimeSettings(operation_timeout_s=0.01)) as node:
            node.policy.held = asyncio.Event()
            socket = node.socket()
            await socket.connect()
            socket.say({"id": 9, "subscribe": {"channel": "fact:1"}})
            async with asyncio.timeout(5):
                while len(socket.replies) < 2:
                    await asyncio.sleep(0.002)  # the loop's own timer, of ten milliseconds
            assert socket.replies[1]["error"]["code"] == 100
            node.policy.held.set()
            assert "subscribe" in await socket.ask(subscribe={"channel": "fact:1"})

    async def test_one_that_is_given_up_while_it_is_made_may_be_made_again(self) -> None:
        async with running() as node:
            node.policy.held = asyncio.Event()
            socket = node.socket()
            await socket.connect()
            socket.say({"id": 9, "subscribe": {"channel": "fact:1"}})
            await settle()
            assert (await socket.ask(unsubscribe={"channel": "fact:1"}))["unsubscribe"] == {}
            refused = [one for one in socket.replies if one.get("id") == 9]
            assert refused[0]["error"]["temporary"] is True
            node.policy.held.set()
            assert "subscribe" in await socket.ask(subscribe={"channel": "fact:1"})


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

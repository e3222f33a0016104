"""A whole server, but for the network: commands in at the ASGI door, frames and close codes out.

What it does with them: the files test_node_*.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.errors import BrokerUnavailable
from realtime.publication import Publication
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.server import Node, running


class TestTheDoor:
    async def test_the_json_subprotocol_is_spoken_and_none_will_do(self) -> None:
        async with running() as node:
            named = node.socket(subprotocols=["other", "centrifuge-json"])
            plain = node.socket(subprotocols=[])
            await named.connect()
            await plain.connect()
            assert named.accepted is not None
            assert named.accepted["subprotocol"] == "centrifuge-json"
            assert plain.accepted is not None
            assert plain.accepted["subprotocol"] is None

    @pytest.mark.parametrize(
        "scope", [{"subprotocols": ["centrifuge-cbor"]}, {"query_string": b"format=cbor"}]
    )
    async def test_another_format_is_refused_for_good(self, scope: dict[str, Any]) -> None:
        async with running() as node:
            socket = node.socket(**scope)
            await socket.end()
            assert socket.closed == (3506, "inappropriate protocol")

    @pytest.mark.parametrize(
        ("origin", "welcome"),
        [
            (b"https://maxray.example", True),
            (b"https://ops.example", True),
            (b"https://evil.example", False),
            (b"null", False),
        ],
    )
    async def test_browsers_come_from_our_own_pages(self, origin: bytes, welcome: bool) -> None:
        async with running(RealtimeSettings(allowed_origins=("https://ops.example",))) as node:
            headers = [(b"host", b"maxray.example"), (b"origin", origin)]
            socket = node.socket(headers=headers)
            await settle()
            assert (socket.accepted is not None) == welcome
            assert (socket.closed is None) == welcome
            socket.cut()
            await socket.end()

    async def test_plain_http_is_told_to_upgrade(self) -> None:
        async with running() as node:
            sent: list[Any] = []

            async def send(message: Any) -> None:
                sent.append(message)

            async def receive() -> Any:
                raise AssertionError("nothing is read")

            await node.server.app({"type": "http"}, receive, send)
            assert sent[0]["status"] == 426

    async def test_bytes_are_as_good_as_text(self) -> None:
        async with running() as node:
            socket = node.socket()
            socket.write(b'{"id":7,"connect":{"token":"ann"}}')
            await settle()
            assert socket.replies[0]["id"] == 7

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.binary(max_size=100) | st.text(max_size=100), min_size=1, max_size=5))
    async def test_garbage_ends_the_socket_and_nothing_else(self, junk: list[str | bytes]) -> None:
        async with running() as node:
            fine = node.socket()
            await fine.connect("bob")
            for connected in (False, True):
                socket = node.socket()
                if connected:
                    await socket.connect()
                for message in junk:
                    socket.write(message)
                await settle()
                assert socket.closed in (None, (3501, "bad request"), (3508, "not available"))
            assert "rpc" in await fine.ask(rpc={"method": "whoami"})

    async def test_a_message_that_is_too_large_has_its_own_code(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            socket.write("x" * 65_537)
            await socket.end()
            assert socket.closed == (1009, "message size limit")


class TestTheEnd:
    async def test_a_drain_sends_clients_away_spread_over_the_time(self) -> None:
        async with running() as node:
            sockets = [node.socket() for _ in range(10)]
            for socket in sockets:
                await socket.connect()
            draining = asyncio.create_task(node.server.drain(10))
            gone = []
            for _ in range(10):
                await settle()
                gone.append(sum(socket.closed is not None for socket in sockets))
                await node.clock.advance(1)
            assert gone == list(range(1, 11))
            await draining
            assert {socket.closed for socket in sockets} == {(3001, "shutdown")}
            late = node.socket()
            await late.end()
            assert late.accepted is None
            assert late.closed is not None

    async def test_a_stop_closes_what_is_left_after_its_last_words(self) -> None:
        node = Node(RealtimeSettings())
        await node.server.start()
        socket = node.socket()
        await socket.connect()
        await socket.ask(subscribe={"channel": "fact:1"})
        await node.server.publish([node.journal.append("fact:1")])
        await settle(2)
        await node.server.stop()
        await socket.end()
        assert len(socket.publications("fact:1")) == 1
        assert socket.closed == (3001, "shutdown")

    async def test_a_network_that_goes_takes_everything_with_it(self) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            await socket.ask(subscribe={"channel": "fact:1"})
            socket.cut()
            await node.publish("fact:1")
            await socket.end()
            assert node.server.metrics.connections == 0
            assert node.server.metrics.subscriptions == 0

    async def test_an_outage_of_the_broker_is_the_publishers_to_know(self) -> None:
        async with running() as node:
            node.broker.down = True
            with pytest.raises(BrokerUnavailable):
                await node.server.publish([Publication("signal:1", b"1", delivery="signal")])

"""A whole server, but for the network: commands in at the ASGI door, frames and close codes out."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime import codes
from realtime.errors import BrokerUnavailable
from realtime.publication import Publication
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.server import ANN, Node, running

SMALL = RealtimeSettings(queue_bytes=10_000, queue_hard_bytes=100_000, frame_bytes=1000)


class TestConnect:
    async def test_a_token_is_given_to_the_authenticator_with_the_data(self) -> None:
        async with running() as node:
            socket = node.socket()
            reply = await socket.ask(connect={"token": "ann", "data": {"app": 3}})
            ((token, context),) = node.tokens.seen
            assert (token, context.data) == ("ann", b'{"app": 3}')
            assert reply["connect"]["data"] == {"hello": "ann"}
            assert (reply["connect"]["ping"], reply["connect"]["pong"]) == (25, True)

    @pytest.mark.parametrize(("token", "code"), [("", 101), ("expired", 109), ("broken", 100)])
    async def test_a_refusal_is_an_error(self, token: str, code: int) -> None:
        async with running() as node:
            reply = await node.socket().connect(token)
            assert reply["error"]["code"] == code
            assert reply["error"].get("temporary", False) == (code == 100)

    async def test_a_token_that_has_just_expired_is_expired(self) -> None:
        async with running() as node:
            reply = await node.socket().connect(f"ann@{node.clock.now()}")
            assert reply["error"]["code"] == 109

    async def test_a_forged_token_is_terminal(self) -> None:
        async with running() as node:
            socket = node.socket()
            socket.say({"id": 1, "connect": {"token": "forged"}})
            await socket.end()
            assert socket.closed == (3500, "invalid token")

    async def test_who_says_nothing_is_closed_as_stale(self) -> None:
        async with running() as node:
            socket = node.socket()
            await node.clock.advance(16)
            assert socket.closed == (3502, "stale")
            await socket.end()

    async def test_pings_go_out_and_silence_ends_it(self) -> None:
        async with running() as node:
            alive, silent = node.socket(), node.socket()
            await alive.connect()
            await silent.connect()
            for _ in range(12):
                asked = alive.replies.count({})
                await node.clock.advance(5)
                if alive.replies.count({}) > asked:
                    alive.say({})
                await settle()
            assert alive.closed is None
            assert alive.replies.count({}) >= 2
            assert silent.closed == (3012, "no pong")


class TestRefresh:
    async def test_a_refreshed_token_keeps_the_connection(self) -> None:
        settings = RealtimeSettings(ping_interval_s=10_000)
        async with running(settings) as node:
            socket, late = node.socket(), node.socket()
            expiry = node.clock.now() + 60
            assert (await socket.connect(f"ann@{expiry}"))["connect"]["ttl"] == 60
            await late.connect(f"bob@{expiry}")
            reply = await socket.ask(refresh={"token": f"ann@{expiry + 600}"})
            assert reply["refresh"]["ttl"] == 660
            await node.clock.advance(90)
            assert socket.closed is None
            assert late.closed == (3005, "connection expired")

    @pytest.mark.parametrize("token", ["forged", "bob"])
    async def test_a_false_one_is_terminal_and_no_connection_changes_hands(
        self, token: str
    ) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            socket.say({"id": 9, "refresh": {"token": token}})
            await socket.end()
            assert socket.closed == (3500, "invalid token")

    @pytest.mark.parametrize("token", ["expired", "ann@1"])
    async def test_an_expired_one_ends_it_and_the_client_comes_back(self, token: str) -> None:
        async with running() as node:
            socket = node.socket()
            await socket.connect()
            socket.say({"id": 9, "refresh": {"token": token}})
            await socket.end()
            assert socket.closed == (3005, "connection expired")


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
                    await asyncio.sleep(0.002)
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

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
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

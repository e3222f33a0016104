"""A whole server: who comes in, stays in with a new token, and how many may."""

from __future__ import annotations

import pytest

from realtime import codes
from realtime.settings import RealtimeSettings
from tests.unit.realtime.clock import settle
from tests.unit.realtime.server import running


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

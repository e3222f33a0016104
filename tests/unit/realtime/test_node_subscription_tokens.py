"""A whole server: subscriptions that end unless a token prolongs them."""

from __future__ import annotations

import pytest

from realtime.ports import SubscribeOptions
from realtime.settings import RealtimeSettings
from tests.unit.realtime.server import running


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
            (push,) = socket.pushes("unsubscribe")
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

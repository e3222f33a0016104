"""The throttle in Redis does what the one in memory does, and says when it cannot."""

from __future__ import annotations

import pytest

from tests.contracts.throttle import NOW, RULE, ThrottleContract
from tests.integration.realtime.redis_server import RedisServer
from web.accounts.throttle import Counter, Throttle, ThrottleUnavailable
from web.accounts.throttle_redis import RedisThrottle


class TestRedisThrottle(ThrottleContract):
    @pytest.fixture(autouse=True)
    async def _redis(self, accounts_redis: RedisServer) -> object:
        self._throttle = RedisThrottle(accounts_redis.url, prefix="contract")
        yield
        await self._throttle.close()

    async def throttle(self) -> Throttle:
        return self._throttle


async def test_counters_end_by_themselves_and_hold_no_address(accounts_redis: RedisServer) -> None:
    throttle = RedisThrottle(accounts_redis.url, prefix="ending")
    await throttle.attempt([Counter("account:0123", RULE)], NOW)
    with accounts_redis.client() as client:
        (key,) = client.keys("{ending.*")
        assert 0 < client.pttl(key) <= RULE.keep_s * 1000
        everything = b"".join(client.keys("*"))
    assert b"example.org" not in everything and b"10.0" not in everything
    await throttle.close()


async def test_out_of_reach_it_says_so_within_its_time() -> None:
    throttle = RedisThrottle("unix:///nowhere/redis.sock")
    for call in (throttle.attempt([Counter("n", RULE)], NOW), throttle.forgive(["n"])):
        with pytest.raises(ThrottleUnavailable):
            await call
    with pytest.raises(ThrottleUnavailable):
        await throttle.take_back(["n"])
    await throttle.close()

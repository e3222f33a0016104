"""Attempts counted in Redis, for all workers together.

One hash a counter: `n` attempts, and `open` (Unix ms) from when the next is looked at. Looking and
counting are one script, so no two attempts see the same count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from web.accounts.throttle import Counter, ThrottleUnavailable

# Somebody waits to log in; without an answer the fallback counts.
TIMEOUT_S: Final = 2.0
# A call takes less than a millisecond; a storm of logins must not become one of connections.
CONNECTIONS: Final = 4

_ATTEMPT: Final = """
local now, wait = tonumber(ARGV[1]), 0
for _, key in ipairs(KEYS) do
  local open = tonumber(redis.call('HGET', key, 'open') or '0')
  if open - now > wait then wait = open - now end
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  local free, first, cap, keep = unpack(ARGV, i * 4 - 2, i * 4 + 1)
  local over = redis.call('HINCRBY', key, 'n', 1) - tonumber(free)
  local delay = 0
  if over > 0 then
    delay = math.min(tonumber(cap), tonumber(first) * 2 ^ math.min(over - 1, 20))
    redis.call('HSET', key, 'open', string.format('%.0f', now + delay))
  end
  redis.call('PEXPIRE', key, string.format('%.0f', math.max(tonumber(keep), delay)))
end
return 0
"""
_TAKE_BACK: Final = """
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('HGET', key, 'n') or '0') > 0 then
    redis.call('HINCRBY', key, 'n', -1)
    redis.call('HDEL', key, 'open')
  end
end
return 0
"""


class RedisThrottle:
    """`web.accounts.throttle.Throttle`; all methods raise ThrottleUnavailable. Connects on use."""

    def __init__(self, url: str, prefix: str = "maxray") -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Redis = Redis.from_pool(pool)
        # In braces, so that a cluster keeps those of one script together.
        self._prefix = f"{{{prefix}.throttle}}:"
        self._attempt = self._redis.register_script(_ATTEMPT)
        self._take_back = self._redis.register_script(_TAKE_BACK)

    async def close(self) -> None:
        await self._redis.aclose()

    async def attempt(self, counters: Sequence[Counter], now: float) -> float:
        arguments: list[Any] = [_ms(now)]
        for rule in (counter.rule for counter in counters):
            arguments += [rule.free, _ms(rule.first_s), _ms(rule.cap_s), _ms(rule.keep_s)]
        keys = [self._prefix + counter.name for counter in counters]
        try:
            return float(await self._attempt(keys, arguments)) / 1000.0
        except (RedisError, OSError, TimeoutError) as error:
            raise ThrottleUnavailable(type(error).__name__) from error

    async def forgive(self, names: Sequence[str]) -> None:
        try:
            await self._redis.delete(*(self._prefix + name for name in names))
        except (RedisError, OSError, TimeoutError) as error:
            raise ThrottleUnavailable(type(error).__name__) from error

    async def take_back(self, names: Sequence[str]) -> None:
        try:
            await self._take_back([self._prefix + name for name in names])
        except (RedisError, OSError, TimeoutError) as error:
            raise ThrottleUnavailable(type(error).__name__) from error


def _ms(seconds: float) -> int:
    return round(seconds * 1000)

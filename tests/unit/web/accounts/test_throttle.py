"""How delays grow, wherever they are counted; the same suite runs against Redis in integration."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.throttle import ThrottleContract
from web.accounts.throttle import (
    ACCOUNT,
    ADDRESS,
    CHANGES,
    DEVICE,
    FACTOR,
    GUESSES,
    REQUESTS,
    Counter,
    Rule,
    Throttle,
    ThrottleUnavailable,
)
from web.accounts.throttle_fallback import AGAIN_AFTER_S, FallbackThrottle
from web.accounts.throttle_memory import MemoryThrottle

RULES = (ACCOUNT, ADDRESS, CHANGES, DEVICE, FACTOR, GUESSES, REQUESTS)


class TestMemoryThrottle(ThrottleContract):
    async def throttle(self) -> Throttle:
        return MemoryThrottle()


class TestFallbackThrottle(ThrottleContract):
    async def throttle(self) -> Throttle:
        return FallbackThrottle(MemoryThrottle())


@given(st.sampled_from(RULES), st.integers(0, 10_000))
def test_delays_grow_up_to_a_cap_and_are_forgotten_after_it(rule: Rule, attempts: int) -> None:
    delay = rule.delay_s(attempts)
    assert 0.0 <= delay <= rule.delay_s(attempts + 1) <= rule.cap_s <= 3600.0
    assert (delay == 0.0) == (attempts <= rule.free)
    assert rule.cap_s <= rule.keep_s


async def test_a_flood_of_names_leaves_the_memory_bounded() -> None:
    throttle = MemoryThrottle(most=10)
    for number in range(100):
        await throttle.attempt([Counter(f"n{number}", ACCOUNT)], 0.0)
    assert len(throttle._counts) == 10


class Hanging(MemoryThrottle):
    """One that is out of reach while `away`, and counts how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.away, self.asked = False, 0

    async def attempt(self, counters: Sequence[Counter], now: float) -> float:
        self.asked += 1
        if self.away:
            raise ThrottleUnavailable("TimeoutError")
        return await super().attempt(counters, now)


async def test_who_waits_to_log_in_does_not_wait_for_a_dead_redis_each_time() -> None:
    shared, counter = Hanging(), Counter("n", ACCOUNT)
    throttle = FallbackThrottle(shared)
    await throttle.attempt([counter], 0.0)
    shared.away = True
    waits = [await throttle.attempt([counter], 1.0) for _ in range(ACCOUNT.free + 2)]
    assert waits[-1] > 0.0  # what was counted before it went is not forgotten
    assert shared.asked == 2
    shared.away = False
    await throttle.attempt([counter], 1.0 + AGAIN_AFTER_S)
    assert shared.asked == 3

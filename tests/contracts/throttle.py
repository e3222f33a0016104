"""What every implementation of web.accounts.throttle.Throttle does."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from itertools import count

from web.accounts.throttle import Counter, Rule, Throttle

RULE = Rule(free=2, first_s=1.0, cap_s=4.0, keep_s=60.0)
NOW = 1_800_000_000.0
_names = (f"contract-{number}" for number in count())


class ThrottleContract:
    @abstractmethod
    async def throttle(self) -> Throttle: ...

    async def test_delays_double_up_to_the_cap(self) -> None:
        throttle, counter = await self.throttle(), Counter(next(_names), RULE)
        now, waits = NOW, list[float]()
        for _ in range(7):
            assert await throttle.attempt([counter], now) == 0.0
            wait = await throttle.attempt([counter], now) if len(waits) >= 2 else 0.0
            waits.append(wait)
            now += wait
        assert waits == [0.0, 0.0, 1.0, 2.0, 4.0, 4.0, 4.0]

    async def test_an_attempt_in_a_delay_is_not_counted_and_tells_what_is_left(self) -> None:
        throttle, counter = await self.throttle(), Counter(next(_names), RULE)
        for _ in range(3):
            assert await throttle.attempt([counter], NOW) == 0.0
        for _ in range(5):
            assert await throttle.attempt([counter], NOW + 0.25) == 0.75
        assert await throttle.attempt([counter], NOW + 1.0) == 0.0
        assert await throttle.attempt([counter], NOW + 1.0) == 2.0

    async def test_of_many_at_once_only_the_free_ones_and_one_go_on(self) -> None:
        throttle, counter = await self.throttle(), Counter(next(_names), RULE)
        waits = await asyncio.gather(*(throttle.attempt([counter], NOW) for _ in range(50)))
        assert waits.count(0.0) == RULE.free + 1

    async def test_what_one_counter_refuses_no_other_counts(self) -> None:
        throttle = await self.throttle()
        blocked, other = Counter(next(_names), RULE), Counter(next(_names), RULE)
        for _ in range(3):
            await throttle.attempt([blocked], NOW)
        for _ in range(5):
            assert await throttle.attempt([other, blocked], NOW) == 1.0
        assert [await throttle.attempt([other], NOW) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]

    async def test_what_is_forgiven_begins_anew(self) -> None:
        throttle, counter = await self.throttle(), Counter(next(_names), RULE)
        for _ in range(3):
            await throttle.attempt([counter], NOW)
        await throttle.forgive([counter.name])
        assert [await throttle.attempt([counter], NOW) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]

    async def test_what_is_taken_back_was_not_counted(self) -> None:
        throttle, counter = await self.throttle(), Counter(next(_names), RULE)
        for _ in range(20):
            assert await throttle.attempt([counter], NOW) == 0.0
            await throttle.take_back([counter.name])
        await throttle.take_back([counter.name, next(_names)])  # never below none
        assert [await throttle.attempt([counter], NOW) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]

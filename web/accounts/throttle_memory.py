"""Attempts counted in this process: for when Redis is away, and for tests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from web.accounts.throttle import Counter

# A flood of made-up addresses must not fill the memory; those tried longest ago leave first.
MOST: Final = 50_000


class _Count:
    __slots__ = ("attempts", "forget_at", "open_at")

    def __init__(self) -> None:
        self.attempts = 0
        self.open_at = 0.0
        self.forget_at = 0.0


class MemoryThrottle:
    """`web.accounts.throttle.Throttle`. No await between looking and counting."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    async def attempt(self, counters: Sequence[Counter], now: float) -> float:
        counts = [self._of(counter.name, now) for counter in counters]
        wait = max((count.open_at - now for count in counts), default=0.0)
        if wait > 0:
            return wait
        for counter, count in zip(counters, counts, strict=True):
            count.attempts += 1
            delay = counter.rule.delay_s(count.attempts)
            count.open_at = now + delay if delay else 0.0
            count.forget_at = now + max(counter.rule.keep_s, delay)
            self._counts[counter.name] = count
            self._counts.move_to_end(counter.name)
        while len(self._counts) > self._most:
            self._counts.popitem(last=False)
        return 0.0

    async def forgive(self, names: Sequence[str]) -> None:
        for name in names:
            self._counts.pop(name, None)

    async def take_back(self, names: Sequence[str]) -> None:
        for name in names:
            count = self._counts.get(name)
            if count is not None and count.attempts > 0:
                count.attempts -= 1
                count.open_at = 0.0

    def _of(self, name: str, now: float) -> _Count:
        known = self._counts.get(name)
        return known if known is not None and now < known.forget_at else _Count()

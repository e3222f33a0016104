"""Logins go on while Redis is away: each worker then counts for itself.

With w workers a guesser gets at most w times the free attempts, once an outage; nobody is locked
out and nothing is let through uncounted. Every attempt is counted here as well while Redis is
there, so that an outage does not begin with empty counters.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from web.accounts.throttle import Counter, Throttle, ThrottleUnavailable
from web.accounts.throttle_memory import MemoryThrottle

log = logging.getLogger(__name__)

# So long nobody waits for a Redis that did not answer: each call to one that hangs takes seconds.
AGAIN_AFTER_S: Final = 3.0


class FallbackThrottle:
    """`web.accounts.throttle.Throttle` on one that may be unavailable."""

    def __init__(self, shared: Throttle) -> None:
        self._shared = shared
        self._own = MemoryThrottle()
        self._now = 0.0
        self._away_until: float | None = None

    async def attempt(self, counters: Sequence[Counter], now: float) -> float:
        self._now = now
        own = await self._own.attempt(counters, now)
        if self._away:
            return own
        try:
            wait = await self._shared.attempt(counters, now)
        except ThrottleUnavailable as error:
            self._lost(error)
            return own
        self._away_until = None
        return wait

    async def forgive(self, names: Sequence[str]) -> None:
        await self._own.forgive(names)
        await self._try(lambda: self._shared.forgive(names))

    async def take_back(self, names: Sequence[str]) -> None:
        await self._own.take_back(names)
        await self._try(lambda: self._shared.take_back(names))

    async def _try(self, call: Callable[[], Awaitable[None]]) -> None:
        if self._away:
            return
        try:
            await call()
        except ThrottleUnavailable as error:
            self._lost(error)

    @property
    def _away(self) -> bool:
        return self._away_until is not None and self._now < self._away_until

    def _lost(self, error: ThrottleUnavailable) -> None:
        if self._away_until is None:
            log.warning("throttles count in this process alone: Redis is away (%s)", error)
        self._away_until = self._now + AGAIN_AFTER_S

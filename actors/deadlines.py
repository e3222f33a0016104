"""Timeouts of many that nearly always end in time.

Of one timeout the first to come is the first to expire, so all with that timeout share one timer of
the loop. One for each took 2 of the 11 µs that an ask takes its caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

# Loops count in ms, so a timer may be that early.
_RESOLUTION_S: Final = 0.001


class Deadlines(Generic[T]):
    """Calls `expire` with whatever was added and not dropped within its timeout, in seconds.

    For one event loop, and for callers with a few timeouts: each is a timer.
    """

    def __init__(self, expire: Callable[[T], None]) -> None:
        self._expired = expire
        # By timeout, then in the order they came: when each expires, by the loop's clock.
        self._due: dict[float, dict[T, float]] = {}
        self._timers: dict[float, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return sum(map(len, self._due.values()))

    def add(self, one: T, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        due = self._due.get(timeout_s)
        if due is None:
            due = self._due[timeout_s] = {}
            self._timers[timeout_s] = loop.call_later(timeout_s, self._look, timeout_s)
        due[one] = loop.time() + timeout_s

    def drop(self, one: T, timeout_s: float) -> None:
        """It ended in time. Without effect for what has expired."""
        due = self._due.get(timeout_s)
        if due is not None:
            due.pop(one, None)

    def clear(self) -> None:
        """Drop all."""
        for timer in self._timers.values():
            timer.cancel()
        self._due.clear()
        self._timers.clear()

    def _look(self, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time() + _RESOLUTION_S
        due = self._due[timeout_s]
        while due:
            one, at = next(iter(due.items()))
            if at > now:
                self._timers[timeout_s] = loop.call_at(at, self._look, timeout_s)
                return
            del due[one]
            self._expired(one)
        # Nothing is kept of a timeout that nobody has just now.
        del self._due[timeout_s], self._timers[timeout_s]

"""One timer wheel for all connections and channels: pings, expiry, position checks, lingering.

A timer costs one small object and a slot in a list, no task and no loop handle. Resolution is
one tick; a timer never fires early.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from realtime.clock import Clock

log = logging.getLogger(__name__)


class Timer:
    """A callback that waits. It runs on the event loop and must not block."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """It will not fire. Its slot is freed when its time comes."""
        self.callback = None


class TimerWheel:
    def __init__(self, clock: Clock, tick_s: float) -> None:
        self._clock = clock
        self._tick_s = tick_s
        self._buckets: dict[int, list[Timer]] = {}
        self._turned = math.floor(clock.monotonic() / tick_s)

    def after(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, when at least `delay_s` have passed."""
        due = math.ceil((self._clock.monotonic() + delay_s) / self._tick_s)
        timer = Timer(callback)
        # Never into a bucket that was turned already: it would wait for ever.
        self._buckets.setdefault(max(due, self._turned + 1), []).append(timer)
        return timer

    def advance(self) -> None:
        """Fire what is due, oldest first; also after a long pause (a suspended process)."""
        now = math.floor(self._clock.monotonic() / self._tick_s)
        if now <= self._turned:
            return
        due = [tick for tick in range(self._turned + 1, now + 1) if tick in self._buckets]
        self._turned = now
        for tick in due:
            for timer in self._buckets.pop(tick):
                callback, timer.callback = timer.callback, None
                if callback is not None:
                    try:
                        callback()
                    except Exception:  # the wheel turns for everybody else
                        log.exception("a timer callback failed")

    async def run(self) -> None:
        """Turn until cancelled."""
        while True:
            await self._clock.sleep(self._tick_s)  # its resolution: a setting
            self.advance()

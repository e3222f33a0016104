"""How often a client may do something: a token bucket, and what is done with one that goes on."""

from __future__ import annotations


class Allowance:
    """`rate` a second in the long run, `burst` at once. Times are monotonic seconds."""

    __slots__ = ("_burst", "_left", "_rate", "_refused", "_since")

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = float(burst)
        self._since = now
        self._refused = 0

    def take(self, now: float) -> bool:
        """Whether one more is within it."""
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < 1.0:
            self._refused += 1
            return False
        self._left -= 1.0
        self._refused = 0
        return True

    @property
    def abused(self) -> bool:
        """Whether a whole burst was refused in a row: it does not listen."""
        return self._refused > self._burst

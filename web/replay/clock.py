"""Virtual time: the record's own, running `speed` times as fast as the clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Callable


class VirtualClock:
    """`now` is `start` when made.

    The service under it knows real time only. Its offers expire after real seconds, which are
    `speed` times as many in here: 20 s at speed 600 are 3 h 20 min.
    """

    def __init__(
        self,
        start: float,
        speed: float,
        real: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.speed = speed
        self._real = real
        self._wall = wall
        self.restart(start)

    def restart(self, start: float) -> None:
        """From now on it is `start`."""
        self._start = start
        self._began = self._real()
        self._began_wall = self._wall()

    def now(self) -> float:
        """Virtual epoch seconds."""
        return self._start + (self._real() - self._began) * self.speed

    def at(self, wall: float) -> float:
        """The virtual time of a time on the wall (epoch seconds, as the service writes them)."""
        return self._start + (wall - self._began_wall) * self.speed

    def real_s(self, virtual_s: float) -> float:
        """How long this takes on the wall, seconds; not less than nothing."""
        return max(0.0, virtual_s / self.speed)

    def until(self, at: float) -> float:
        """Real seconds until the virtual time `at`; 0 where it has passed."""
        return self.real_s(at - self.now())

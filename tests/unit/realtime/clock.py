"""Time that tests turn by hand."""

from __future__ import annotations

import asyncio
import heapq


class VirtualClock:
    """`advance` wakes the sleepers whose time has come, in order, and lets them run."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, delay_s: float) -> None:
        self._count += 1
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + delay_s, self._count, sleeper))
        await sleeper

    async def advance(self, delay_s: float) -> None:
        until = self._now + delay_s
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self._now, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)
            await settle()
        self._now = until


async def settle(turns: int = 30) -> None:
    """Let everything that can run now run: some turns of the event loop, no time."""
    for _ in range(turns):
        await asyncio.sleep(0)

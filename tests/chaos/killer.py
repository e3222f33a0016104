"""Kills processes of one `maxray up` at seeded random moments, and of no other.

What may be killed is found among that command's own descendants: shards by the title that Ray
gives to an actor's process, the others by the names under which `maxray status` lists them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import psutil

SHARD = "shard"


class Service(Protocol):
    """What the killer must see of it (tests.acceptance.running.Running)."""

    def shards(self) -> list[psutil.Process]: ...

    async def process(self, name: str) -> psutil.Process: ...


@dataclass(frozen=True, slots=True)
class Kill:
    """`at`: seconds since the killer began."""

    at: float
    what: str
    pid: int


class Killer:
    """`weights`: how often each kind is chosen, by name: `shard`, `web-1`, `redis`, `postgres` …

    `every_s` is the mean of the pauses, which are spread evenly from half to one and a half of it.
    The same seed leads to the same pauses and choices; which of the shards it hits, too, as long as
    as many are running.
    """

    def __init__(
        self, service: Service, seed: int, every_s: float, weights: Mapping[str, float]
    ) -> None:
        self.kills: list[Kill] = []
        self._service = service
        self._chance = random.Random(seed)
        self._every_s = every_s
        self._weights = dict(weights)

    async def run(self) -> None:
        """Until cancelled."""
        began = time.monotonic()
        while True:
            # As often as was asked for, and never in step with what the service does regularly.
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * self._every_s)
            (what,) = self._chance.choices([*self._weights], [*self._weights.values()])
            victim = await self._victim(what)
            if victim is None:
                continue  # it is not back from the last time
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
                self.kills.append(Kill(time.monotonic() - began, what, victim.pid))

    async def _victim(self, what: str) -> psutil.Process | None:
        if what == SHARD:
            # One that was killed may still be seen, on its way out.
            killed = {kill.pid for kill in self.kills}
            running = [one for one in self._service.shards() if one.pid not in killed]
            running.sort(key=lambda process: process.pid)
            return self._chance.choice(running) if running else None
        with contextlib.suppress(AssertionError, ValueError, TimeoutError, psutil.NoSuchProcess):
            return await self._service.process(what)
        return None

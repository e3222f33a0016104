"""Two nodes on one Redis, as two web workers are, and what they share."""

from __future__ import annotations

import time

from actors.ports import Journal
from realtime.broker.broker_redis import RedisBroker
from realtime.publication import Publication
from storage.audit import MemoryAuditTrail
from tests.integration.web.node import EPOCH, Worker


class Clock:
    """The real one, which tests may set forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits in here")


class Workers:
    """Two of them, and what they share. `here` gives the orders that must reach `there`."""

    def __init__(
        self,
        here: Worker,
        there: Worker,
        clock: Clock,
        audit: MemoryAuditTrail,
        broker: RedisBroker,
    ) -> None:
        self.here = here
        self.there = there
        self.clock = clock
        self.audit = audit
        self._broker = broker

    async def catch_up(self, journal: Journal, entity: str, channel: str) -> None:
        """Publish what an entity has told so far, which its shard here does not."""
        _, rows = await journal.history(entity, 0, 100)
        facts = [Publication(channel, row.publication, row.version, EPOCH) for row in rows]
        await self._broker.publish(facts)  # repeats are dropped

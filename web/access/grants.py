"""Which relationships this node's subscriptions stand on, and their end.

The order that ends a subscription everywhere (live.py) is given by whoever ends the relationship.
That one may die first, the broker may be away, and what ends by itself, at its hour, is ended by
nobody. So each node asks by itself, every second, whether what it let somebody in by is over.
Nothing is asked while nobody is in by a relationship.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from actors.domain.relationship import Relationship
from actors.ports import Clock
from storage.records import RecordsUnavailable
from storage.relationships import Relationships
from web.access.live import LiveAccess

log = logging.getLogger(__name__)

# "At once" for whom the order does not reach; one query by primary keys for each node.
LOOK_EVERY_S: Final = 1.0


class Grants:
    """`add` is called at each subscription that a relationship allowed.

    Remembered until the relationship ends, also when the subscription did earlier: a few hundred
    bytes for each relationship that was used on this node since it started.
    """

    def __init__(self, relationships: Relationships, clock: Clock) -> None:
        self._relationships = relationships
        self._clock = clock
        self._held: dict[str, tuple[str, str]] = {}

    def add(self, relationship: Relationship) -> None:
        self._held[relationship.id] = (relationship.role, relationship.holder)

    async def look(self, live: LiveAccess) -> None:
        """Have everybody asked about anew who was let in by what is over by now.

        Raises RecordsUnavailable.
        """
        if not self._held:
            return
        over = await self._relationships.ended(tuple(self._held), self._clock.now())
        holders = {self._held.pop(id_) for id_ in over}
        for role, subject in sorted(holders):
            await live.changed(role, subject)

    @asynccontextmanager
    async def watching(self, live: LiveAccess) -> AsyncIterator[None]:
        """Look every LOOK_EVERY_S while inside."""
        task = asyncio.create_task(self._watch(live), name="access-grants")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self, live: LiveAccess) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            try:
                await self.look(live)
            except RecordsUnavailable as error:
                log.warning("ended relationships are not looked for just now: %s", error)

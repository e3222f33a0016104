"""Takes committed publications to the channel streams; after a failure catches up from the journal.

Facts wait in a bounded queue. Where the streams are out of reach or the queue overflows, the relay
is *behind*: it drops what waits and what comes, and reads it back from the journal once the streams
answer again; the published watermark in PostgreSQL says from where. So a stream never sees a fact
before the ones in front of it, and a repeat does no harm, for a stream drops what it has (same
offset). `latest` publications are conflated while they wait, and are not read back after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from actors.domain.kernel import EntityRef
from actors.ports import (
    Clock,
    Journal,
    JournalError,
    Outgoing,
    Published,
    Publisher,
    PublisherUnavailable,
)

# Facts kept in memory while the streams are away; beyond it the journal is read instead.
QUEUE_LIMIT = 20_000
# One read of the journal while catching up.
PAGE = 1_000
# How often the watermark is moved in PostgreSQL; a crash republishes at most this much.
MARK_EVERY_S = 1.0
# Between attempts to publish: a reconnection is soon used, and an outage costs one a second.
BACKOFF_S = (0.05, 0.1, 0.2, 0.5, 1.0)


class Relay:
    """The publishing half of a shard. `channel_of` names an entity's fact channel."""

    def __init__(
        self,
        journal: Journal,
        publisher: Publisher,
        epochs: Callable[[], Mapping[int, int]],
        channel_of: Callable[[EntityRef], str],
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._publisher = publisher
        self._epochs = epochs
        self._channel_of = channel_of
        self._clock = clock
        self._facts: list[Outgoing] = []
        self._latest: dict[tuple[str, str], Outgoing] = {}
        self._seq = 0
        self._marked = 0
        self._marked_at = 0.0
        self._behind = True
        self._work = asyncio.Event()
        self._work.set()
        self.published = 0
        self.catch_ups = 0

    def put(self, publications: Sequence[Outgoing], seq: int) -> None:
        """Hand over what a commit published; `seq` is the commit's highest journal sequence."""
        for item in publications:
            if item.delivery == "latest":
                self._latest[item.channel, item.key] = item
            elif not self._behind:  # else facts in front of it are missing
                self._facts.append(item)
        if len(self._facts) > QUEUE_LIMIT:
            self.fall_behind()
        self._seq = max(self._seq, seq)
        self._work.set()

    def fall_behind(self) -> None:
        """There may be facts that were never put here: read them all from the journal.

        So what waits is dropped, and what comes before the next catch-up begins.
        """
        self._behind = True
        self._facts.clear()
        self._work.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        failures = 0
        task = asyncio.current_task()
        # Asked for, not only awaited: a client library on the way may swallow a cancellation
        # (redis-py was seen to), and this task would wait for work for ever.
        while task is None or not task.cancelling():
            await self._work.wait()
            self._work.clear()
            try:
                await self.flush()
                failures = 0
            except (PublisherUnavailable, JournalError):
                await self._clock.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1

    async def flush(self) -> None:
        """Publish what waits, after catching up where that is needed. Raises when it cannot."""
        try:
            if self._behind:
                self._behind = False
                self.catch_ups += 1
                await self._catch_up()
            while self._facts or self._latest:
                await self._publish()
        except BaseException:  # also when cancelled: nobody knows what arrived
            self.fall_behind()
            raise

    async def _publish(self) -> None:
        latest, self._latest = self._latest, {}
        facts, self._facts = self._facts, []
        seq = self._seq
        try:
            await self._publisher.publish([*facts, *latest.values()])
        except BaseException:  # also when cancelled, as above
            # Unlike a fact this is not in the journal; unless a newer one came, it is the newest.
            self._latest = {**latest, **self._latest}
            raise
        self.published += len(facts) + len(latest)
        if not self._behind:  # else `seq` may cover facts that were dropped unsent
            await self._mark(seq)

    async def _catch_up(self) -> None:
        while True:
            epochs = self._epochs()
            rows = await self._journal.unpublished(list(epochs), PAGE)
            if rows:
                await self._publisher.publish([self._outgoing(row) for row in rows])
                self.published += len(rows)
                await self._journal.mark_published(epochs, rows[-1].seq)
            if len(rows) < PAGE:
                return

    def _outgoing(self, row: Published) -> Outgoing:
        channel = self._channel_of(EntityRef.parse(row.ref))
        return Outgoing(channel, row.publication, "fact", row.version, patient=row.patient)

    async def _mark(self, seq: int) -> None:
        now = self._clock.now()
        if seq > self._marked and now - self._marked_at >= MARK_EVERY_S:
            await self._journal.mark_published(self._epochs(), seq)
            self._marked, self._marked_at = seq, now

    async def settle(self) -> None:
        """At a clean stop: publish the rest and move the watermark; a restart repeats nothing."""
        while self._behind or self._facts or self._latest:
            await self.flush()
        if self._seq > self._marked:
            await self._journal.mark_published(self._epochs(), self._seq)
            self._marked = self._seq

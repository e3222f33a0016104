"""Any journal, with faults at chosen moments: what networks and servers do, at will."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

from actors.ports import (
    Commit,
    Journal,
    JournalUnavailable,
    OutboxRow,
    Published,
    Record,
    Timer,
)

# The commit never reached the journal; or it did, and its answer never came back.
Loss = Literal["before", "after"]


class FaultyJournal:
    """Passes everything on to `inner`. `losses`: what becomes of the next commits, in order.

    `open_gate` cleared: commits wait in front of the journal, and `held` counts them.
    `on_commit` is called when the journal has one and its answer is still on the way.
    """

    def __init__(self, inner: Journal) -> None:
        self.inner = inner
        self.losses: deque[Loss | None] = deque()
        self.open_gate = asyncio.Event()
        self.open_gate.set()
        self.held = 0
        self.on_commit: Callable[[], None] | None = None
        self.commits = 0

    async def commit(self, commit: Commit) -> int:
        self.held += 1
        await self.open_gate.wait()
        self.held -= 1
        loss = self.losses.popleft() if self.losses else None
        if loss == "before":
            raise JournalUnavailable("lost before it arrived")
        seq = await self.inner.commit(commit)
        self.commits += 1
        if self.on_commit is not None:
            self.on_commit()
        if loss == "after":
            raise JournalUnavailable("its answer was lost")
        return seq

    async def take(
        self, slots: Sequence[int], owner: str, expect: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        return await self.inner.take(slots, owner, expect)

    async def load(self, refs: Sequence[str]) -> Mapping[str, Record]:
        return await self.inner.load(refs)

    async def timers(self, slots: Sequence[int]) -> Sequence[Timer]:
        return await self.inner.timers(slots)

    async def undelivered(
        self, slots: Sequence[int], before: float, limit: int, skip: Collection[str] = ()
    ) -> Sequence[OutboxRow]:
        return await self.inner.undelivered(slots, before, limit, skip)

    async def unpublished(self, slots: Sequence[int], limit: int) -> Sequence[Published]:
        return await self.inner.unpublished(slots, limit)

    async def mark_published(self, epochs: Mapping[int, int], seq: int) -> None:
        await self.inner.mark_published(epochs, seq)

    async def history(self, ref: str, since: int, limit: int) -> tuple[int, Sequence[Published]]:
        return await self.inner.history(ref, since, limit)

    async def prune(self, slots: Sequence[int], before: float) -> int:
        return await self.inner.prune(slots, before)

    async def check(self, epochs: Mapping[int, int] | None = None) -> None:
        await self.inner.check(epochs)

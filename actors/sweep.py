"""What a shard asks the journal for from time to time, though nobody asked the shard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from actors.courier import Courier
from actors.envelope import Envelope
from actors.group_commit import GroupCommit
from actors.ports import Clock, Fenced, Journal, JournalError

log = logging.getLogger(__name__)

# A message that nobody brought, and a fence that nobody ran into, are seen this late.
EVERY_S: Final = 1.0
# An outbox message this old was not brought by its sender's courier.
AGE_S: Final = 1.0
PAGE: Final = 1_000
# Answers are kept for days: what is pruned some minutes late costs little.
PRUNE_EVERY_S: Final = 600.0


class Sweep:
    """`accept` takes messages in; those that are `parked` are let lie. `fenced`: we own nothing."""

    def __init__(
        self,
        shard: int,
        journal: Journal,
        slots: Sequence[int],
        clock: Clock,
        courier: Courier,
        commits: GroupCommit,
        answer_retention_s: float,
        parked: Collection[str],
        accept: Callable[[Iterable[Envelope]], None],
        fenced: Callable[[], None],
    ) -> None:
        self._shard = shard
        self._journal = journal
        self._slots = slots
        self._clock = clock
        self._courier = courier
        self._commits = commits
        self._answer_retention_s = answer_retention_s
        self._parked = parked
        self._accept = accept
        self._fenced = fenced

    async def run(self) -> None:
        """Messages addressed to us that nobody brought: their sender, or we, died on the way.

        And a look at the fence: a shard with nothing to commit would not find out otherwise.
        """
        age = 0.0
        while True:
            epochs = self._commits.epochs
            try:
                await self._journal.check(epochs)
                rows = await self._journal.undelivered(
                    self._slots, self._clock.now() - age, PAGE, self._parked
                )
                self._accept(self._courier.envelope(row) for row in rows)
                age = AGE_S
            except Fenced:
                # Unless it was ourselves who took them anew.
                if epochs is self._commits.epochs and not self._commits.retaking:
                    self._fenced()
                    return
            except JournalError as error:
                log.warning("shard %d: outbox not swept: %s", self._shard, error)
            await self._clock.sleep(EVERY_S)

    async def prune(self) -> None:
        """Forget answers that nobody can ask for any more."""
        while True:
            await self._clock.sleep(PRUNE_EVERY_S)
            try:
                before = self._clock.now() - self._answer_retention_s
                await self._journal.prune(self._slots, before)
            except JournalError as error:
                log.warning("shard %d: old answers not pruned: %s", self._shard, error)

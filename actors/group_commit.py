"""The group commit: one batch on its way to the journal, and what becomes of it.

While a batch is being committed the next one, `staged`, is filled. A commit ends in one of four
ways. It is written: answers, publications, messages and timers leave. It is fenced: the shard ends.
It is refused, with nothing written: those it is refused for are answered, the rest is executed
again. Or nobody knows: the shard raises its own epochs, which settles the matter, and executes all
of it again; what had been written after all turns out to be repeats.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from actors.activation import Activations
from actors.audit import AuditChain
from actors.batch import Batch
from actors.courier import Courier
from actors.envelope import Reply, Status
from actors.intake import Entry, Intake, repeat
from actors.ports import (
    ClaimsTaken,
    Clock,
    Commit,
    DuplicateCommands,
    Fenced,
    Journal,
    JournalError,
    Rejected,
)
from actors.relay import Relay
from actors.stats import Stats
from actors.timers import Timers

log = logging.getLogger(__name__)

# Between attempts to take the slots anew: all of the shard's callers wait, so it is tried soon; an
# outage costs one attempt a second.
RETAKE_BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
FAULT: Final = Reply(Status.FAULT, b"internal error; it was logged")


class GroupCommit:
    """See above. `epochs`: what was taken. `ended` set: nothing more may have an effect.

    `progress` is called when there is new work for the pump; `park` gets a message whose rows the
    journal will never take; `fenced` is called when a newer owner is there.
    """

    def __init__(
        self,
        journal: Journal,
        slots: Sequence[int],
        owner: str,
        clock: Clock,
        stats: Stats,
        intake: Intake,
        entities: Activations,
        timers: Timers,
        relay: Relay,
        courier: Courier,
        progress: Callable[[], None],
        park: Callable[[Entry, Reply], None],
        fenced: Callable[[], None],
    ) -> None:
        self.staged = Batch()
        self.chain = AuditChain(owner)
        self.epochs: Mapping[int, int] = {}
        self.retaking = False
        self.ended = False
        self.task: asyncio.Task[None] | None = None
        self._journal = journal
        self._slots = slots
        self._owner = owner
        self._chains = 0
        self._clock = clock
        self._stats = stats
        self._intake = intake
        self._entities = entities
        self._timers = timers
        self._relay = relay
        self._courier = courier
        self._progress = progress
        self._park = park
        self._fenced = fenced

    async def take(self, expect: Mapping[int, int] | None = None) -> None:
        """Take the slots, fencing whoever had them, and set the timers as the journal has them."""
        self.epochs = await self._journal.take(self._slots, self._owner, expect)
        for timer in await self._journal.timers(self._slots):
            self._timers.set(timer.ref, timer.due)

    def begin(self) -> asyncio.Task[None]:
        """Send the staged batch on its way; only while none is (`task` is None)."""
        batch, self.staged = self.staged, Batch()
        # The rows are taken now: the next command may change the same entities.
        commit = batch.close(self.epochs, self._clock.now()) if batch.writes else None
        self.task = asyncio.create_task(self._commit(batch, commit))
        self.task.add_done_callback(self._done)
        return self.task

    def _done(self, _task: asyncio.Task[None]) -> None:
        self.task = None
        self._progress()

    async def _commit(self, batch: Batch, commit: Commit | None) -> None:
        seq = 0
        if commit is not None:
            began = asyncio.get_running_loop().time()
            try:
                seq = await self._journal.commit(commit)
            except Fenced:
                self._fenced()
                return
            except JournalError as error:
                await self._undo(batch, error)
                return
            if self.ended:
                return
            self._stats.commits += 1
            self._stats.commit_s += asyncio.get_running_loop().time() - began
        self._committed(batch, seq)

    def _committed(self, batch: Batch, seq: int) -> None:
        for ref, entity in batch.changed.items():
            entity.pins -= 1
            self._timers.set(ref, batch.wakes[ref])
        self._stats.commands += len(batch.entries)
        for entry, reply in batch.entries:
            self._intake.resolve(entry, reply)
        if batch.publications:
            self._relay.put(batch.publications, seq)
        if batch.outbox:
            self._courier.send(batch.outbox)

    async def _undo(self, batch: Batch, error: JournalError) -> None:
        """A commit failed: find out what may be answered, and do the rest again."""
        settled: dict[tuple[str, str], Reply] = {}
        entries = [entry for entry, _ in batch.entries]
        if isinstance(error, DuplicateCommands):
            for entry in entries:
                if (row := error.answers.get(entry.key)) is not None:
                    settled[entry.key] = repeat(entry, row)
        elif isinstance(error, ClaimsTaken):
            claimants = batch.claimants
            for key in error.keys & claimants.keys():
                for entry in entries:
                    if entry.ref in claimants[key]:
                        entry.taken |= {key}
        elif isinstance(error, Rejected):
            log.error("%s: a commit was rejected: %s", self._owner, error)
            for entry in entries:
                entry.suspect = True
            if len(entries) == 1:
                self._park(entries[0], FAULT)
                settled[entries[0].key] = FAULT
        else:
            log.warning("%s: commit in doubt, taking over anew: %s", self._owner, error)
            if not await self._retake():
                return
        self._rewind(batch, settled)

    def _rewind(self, batch: Batch, settled: Mapping[tuple[str, str], Reply]) -> None:
        """Undo an uncommitted batch: forget what ran ahead, execute again from the record."""
        self._stats.rewinds += 1
        staged, self.staged = self.staged, Batch()
        self._entities.drop(batch.changed.keys() | staged.changed.keys())
        # The chain's head was never written: begin another, for a chain has no holes.
        self._chains += 1
        self.chain = AuditChain(f"{self._owner}/{self._chains}")
        again: list[Entry] = []
        for entry, _ in batch.entries + staged.entries:
            if (reply := settled.get(entry.key)) is None:
                again.append(entry)
            else:
                self._intake.resolve(entry, reply)
        self._intake.put_back(again)
        self._progress()

    async def _retake(self) -> bool:
        """After an unknown outcome: raise our own epochs, which ends whatever was in doubt.

        Had the commit been written after all, nobody has heard of it: its commands will turn out
        to be repeats, its messages are swept up, its facts and deadlines are read back here.
        """
        failures = 0
        self.retaking = True
        try:
            while True:
                try:
                    await self.take(expect=self.epochs)
                    self._relay.fall_behind()
                    return True
                except Fenced:
                    self._fenced()
                    return False
                except JournalError:
                    await self._clock.sleep(
                        RETAKE_BACKOFF_S[min(failures, len(RETAKE_BACKOFF_S) - 1)]
                    )
                    failures += 1
        finally:
            self.retaking = False

"""The journal's twin in memory: same contract, lost with the process. For tests and `local.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import inf

from actors.placement import slot_of
from actors.ports import (
    ANSWER_MARGIN_S,
    AnswerRow,
    AuditRow,
    ClaimRow,
    ClaimsTaken,
    Commit,
    DuplicateCommands,
    EntityRow,
    Fenced,
    JournalRow,
    JournalUnavailable,
    OutboxRow,
    Published,
    Record,
    Rejected,
    Timer,
    wanted_twice,
)


class MemoryJournal:
    """A database for as many shards as share the object. `down = True` makes it unreachable."""

    def __init__(self) -> None:
        self.down = False
        self.epochs: dict[int, int] = {}
        self.owners: dict[int, str] = {}
        self.published: dict[int, int] = {}
        self.entities: dict[str, EntityRow] = {}
        self.snapshots: dict[str, tuple[int, bytes]] = {}
        self.journal: dict[str, list[tuple[int, JournalRow]]] = {}
        self.answers: dict[tuple[str, str], tuple[float, AnswerRow]] = {}
        self.outbox: dict[str, OutboxRow] = {}
        self.claims: dict[str, ClaimRow] = {}
        self.audit: list[AuditRow] = []
        self.commits = 0
        self._seq = 0
        self._chained: set[tuple[str, int]] = set()

    def _reach(self) -> None:
        if self.down:
            raise JournalUnavailable("the journal is down")

    async def take(
        self, slots: Sequence[int], owner: str, expect: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        self._reach()
        if expect is not None:
            self._fence(expect)
        for slot in slots:
            self.epochs[slot] = self.epochs.get(slot, 0) + 1
            self.owners[slot] = owner
        return {slot: self.epochs[slot] for slot in slots}

    def _fence(self, epochs: Mapping[int, int]) -> None:
        stale = [slot for slot, epoch in epochs.items() if self.epochs.get(slot) != epoch]
        if stale:
            raise Fenced(f"slots {stale} were taken by {self.owners.get(stale[0])}")

    async def load(self, refs: Sequence[str]) -> Mapping[str, Record]:
        self._reach()
        return {ref: self._record(ref) for ref in refs if ref in self.entities}

    def _record(self, ref: str) -> Record:
        at, snapshot = self.snapshots.get(ref, (0, None))
        tail = tuple(row.event for _, row in self.journal.get(ref, []) if row.version > at)
        return Record(self.entities[ref].version, snapshot, tail)

    async def commit(self, commit: Commit) -> int:
        self._reach()
        self._fence(commit.epochs)
        known = {
            (row.ref, row.command_id): self.answers[row.ref, row.command_id][1]
            for row in commit.answers
            if (row.ref, row.command_id) in self.answers
        }
        if known:
            raise DuplicateCommands(known)
        released = {
            key for key, holder in commit.releases
            if key in self.claims and self.claims[key].holder == holder
        }  # fmt: skip
        taken = {r.key for r in commit.claims if r.key in self.claims and r.key not in released}
        taken |= wanted_twice(commit.claims)
        if taken:
            raise ClaimsTaken(frozenset(taken))
        self._refuse_bad(commit)
        self._write(commit, released)
        return self._seq if commit.journal else 0

    def _refuse_bad(self, commit: Commit) -> None:
        """The unique constraints of the tables; and PostgreSQL's text has no NUL."""
        if any("\0" in claim.key + claim.holder for claim in commit.claims):
            raise Rejected("a NUL in a claim")
        for row in commit.journal:
            have = self.journal.get(row.ref, [])
            if have and have[-1][1].version >= row.version:
                raise Rejected(f"{row.ref} has version {row.version} already")
        for message in commit.outbox:
            if message.id in self.outbox and message.id not in commit.handled:
                raise Rejected(f"message {message.id} is in the outbox already")
        for line in commit.audit:
            if (line.writer, line.seq) in self._chained:
                raise Rejected(f"{line.writer} has written audit row {line.seq} already")

    def _write(self, commit: Commit, released: set[str]) -> None:
        self.commits += 1
        for key in released:
            del self.claims[key]
        self.claims.update({row.key: row for row in commit.claims})
        for event in commit.journal:
            self._seq += 1
            self.journal.setdefault(event.ref, []).append((self._seq, event))
        for row in commit.entities:
            self.entities[row.ref] = row
            if row.snapshot is not None:
                self.snapshots[row.ref] = (row.version, row.snapshot)
        self.answers.update({(a.ref, a.command_id): (commit.at, a) for a in commit.answers})
        for message in commit.handled:
            self.outbox.pop(message, None)
        self.outbox.update({row.id: row for row in commit.outbox})
        self.audit += commit.audit
        self._chained |= {(row.writer, row.seq) for row in commit.audit}

    async def timers(self, slots: Sequence[int]) -> Sequence[Timer]:
        self._reach()
        wanted = set(slots)
        return [
            Timer(row.ref, row.wake_at)
            for row in self.entities.values()
            if row.wake_at is not None and row.slot in wanted
        ]

    async def undelivered(
        self, slots: Sequence[int], before: float, limit: int, skip: Collection[str] = ()
    ) -> Sequence[OutboxRow]:
        self._reach()
        wanted = set(slots)
        rows = [
            row
            for row in self.outbox.values()
            if row.slot in wanted and row.at <= before and row.id not in skip
        ]
        return sorted(rows, key=lambda row: (not row.urgent, row.at))[:limit]

    async def unpublished(self, slots: Sequence[int], limit: int) -> Sequence[Published]:
        self._reach()
        wanted = set(slots)
        rows = [
            Published(seq, row.ref, row.version, row.publication)
            for ref, history in self.journal.items()
            if self.entities[ref].slot in wanted
            for seq, row in history
            if row.publication is not None and seq > self.published.get(self.entities[ref].slot, 0)
        ]
        return sorted(rows, key=lambda row: row.seq)[:limit]

    async def mark_published(self, epochs: Mapping[int, int], seq: int) -> None:
        self._reach()
        for slot, epoch in epochs.items():
            if self.epochs.get(slot) == epoch:
                self.published[slot] = max(self.published.get(slot, 0), seq)

    async def history(self, ref: str, since: int, limit: int) -> tuple[int, Sequence[Published]]:
        self._reach()
        rows = [
            Published(seq, ref, row.version, row.publication)
            for seq, row in self.journal.get(ref, [])
            if row.publication is not None and row.version > since
        ]
        entity = self.entities.get(ref)
        return (entity.version if entity else 0), rows[:limit]

    async def prune(self, slots: Sequence[int], before: float) -> int:
        self._reach()
        wanted = set(slots)
        oldest = min((row.at for row in self.outbox.values()), default=inf)
        before = min(before, oldest - ANSWER_MARGIN_S)
        old = [
            (ref, command)
            for (ref, command), (at, _) in self.answers.items()
            if at < before and slot_of(*ref.split(":", 1)) in wanted
        ]
        for key in old:
            del self.answers[key]
        return len(old)

    async def check(self, epochs: Mapping[int, int] | None = None) -> None:
        self._reach()
        self._fence(epochs or {})

"""The outbox of e-mail in one process's memory, as the real one in all but what survives."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from storage.mail.outbox import Claimed, MailCounts, MailRow


@dataclass(slots=True)
class _Entry:
    row: MailRow
    due_at: float
    state: str = "queued"
    attempts: int = 0
    ended_at: float = 0.0
    failure: str = ""


class MemoryMailOutbox:
    def __init__(self) -> None:
        self._entries: dict[UUID, _Entry] = {}

    async def queue(self, row: MailRow) -> None:
        self._entries.setdefault(row.id, _Entry(row, row.created_at))

    async def claim(self, now: float, lease_s: float, limit: int) -> tuple[Claimed, ...]:
        due = [entry for entry in self._queued() if entry.due_at <= now]
        due.sort(key=lambda entry: entry.due_at)
        for entry in due[:limit]:
            entry.attempts += 1
            entry.due_at = now + lease_s
        return tuple(
            Claimed(row=entry.row, attempt=entry.attempts, lease_ends=entry.due_at)
            for entry in due[:limit]
        )

    async def sent(self, claimed: Claimed, now: float) -> None:
        self._end(self._entries[claimed.row.id], "sent", now, "")

    async def postpone(self, claimed: Claimed, due_at: float, failure: str) -> None:
        entry = self._held(claimed)
        if entry is not None:
            entry.due_at, entry.failure = due_at, failure

    async def bury(self, claimed: Claimed, now: float, failure: str) -> None:
        entry = self._held(claimed)
        if entry is not None:
            self._end(entry, "dead", now, failure)

    async def prune(self, before: float) -> None:
        self._entries = {
            id_: entry
            for id_, entry in self._entries.items()
            if entry.state == "queued" or entry.ended_at >= before
        }

    async def counts(self) -> MailCounts:
        queued = sorted(self._queued(), key=lambda entry: entry.row.created_at)
        dead = [entry for entry in self._entries.values() if entry.state == "dead"]
        newest = max(dead, key=lambda entry: entry.ended_at, default=None)
        told = queued[0].failure if queued else ""
        return MailCounts(
            queued=len(queued),
            dead=len(dead),
            oldest_at=queued[0].row.created_at if queued else None,
            failure=told or (newest.failure if newest else ""),
        )

    def _queued(self) -> list[_Entry]:
        return [entry for entry in self._entries.values() if entry.state == "queued"]

    def _held(self, claimed: Claimed) -> _Entry | None:
        entry = self._entries.get(claimed.row.id)
        if entry is None or entry.state != "queued" or entry.attempts != claimed.attempt:
            return None
        return entry

    @staticmethod
    def _end(entry: _Entry, state: str, now: float, failure: str) -> None:
        if entry.state == "queued":
            entry.state, entry.ended_at, entry.failure = state, now, failure

"""The trail in memory: for tests, and for what runs without a database."""

from __future__ import annotations

from storage.audit.entry import AuditEntry
from storage.audit.errors import AuditUnavailable


class MemoryAuditTrail:
    """See `AuditTrail`. `available` set to False makes it refuse, as without PostgreSQL."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.available = True
        self.missed = 0

    def record(self, entry: AuditEntry) -> None:
        if not self.available:
            raise AuditUnavailable("the audit trail cannot be written")
        self.entries.append(entry)

    async def record_now(self, entry: AuditEntry) -> None:
        self.record(entry)

    def offer(self, entry: AuditEntry) -> None:
        if self.available:
            self.entries.append(entry)
        else:
            self.missed += 1

"""Chains of known length, the superuser who tampers with them, and what verifying says then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from actors.audit import AuditChain
from actors.clock import SystemClock
from actors.domain.kernel import Sender
from actors.ports import Commit
from storage.audit import AuditEntry, PostgresAuditTrail
from storage.audit.head_keeper import HeadKeeper
from storage.audit.heads import Heads
from storage.audit.heads_memory import MemoryHeadStore
from storage.audit.verify_postgres import Report, verify
from storage.journal_postgres import PostgresJournal

# Alone in one chain: trail.begin is row 1, those that follow are rows 2 to 11, trail.end is row 12.
ROWS = 10
ACCESS = "audit_access"

Tamper = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Tampered:
    """`url`: of the application's own role. `run`: statements of the superuser's."""

    url: str
    store: MemoryHeadStore
    run: Tamper

    async def keep(self) -> Heads | None:
        """Write the heads."""
        return await HeadKeeper(self.url, self.store, SystemClock()).write()

    async def report(self, *, heads: bool = True, since: float | None = None) -> Report:
        """Of verifying, with or without the heads to hold the chains against."""
        return await verify(self.url, self.store if heads else None, since)

    async def said(self, *, heads: bool = True) -> list[tuple[str, int, int]]:
        return said(await self.report(heads=heads))


def said(report: Report) -> list[tuple[str, int, int]]:
    return [(found.kind, found.first, found.last) for found in report.findings]


async def one_chain(url: str, rows: int = ROWS) -> None:
    """Of access, with so many rows between its first and its last."""
    trail = PostgresAuditTrail(url, SystemClock())
    await trail.open()
    for n in range(rows):
        trail.record(entry(n))
    await trail.close()


async def twelve_commands(url: str) -> None:
    """As a shard writes them, by a commit."""
    journal = PostgresJournal(url)
    await journal.open()
    try:
        slots = await journal.take([0], "shard-0/x")
        chain = AuditChain("shard-0/x")
        sender = Sender("ops", "alice")
        audit = [
            chain.append(1_760_000_000.0 + n, sender, "CancelEmergency", "emergency:e", n, f"c{n}")
            for n in range(12)
        ]
        await journal.commit(Commit(slots, at=1_760_000_000.0, audit=audit))
    finally:
        await journal.close()


def entry(n: int = 0, **changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "at": 1_760_000_000.0 + n,
        "role": "ops",
        "subject": "alice",
        "action": "patient.view",
        "outcome": "allowed",
        "kind": "patient",
        "id": f"p{n}",
        "patients": (f"p{n}",),
        "address": "192.0.2.1",
        "request_id": f"r{n}",
    }
    return AuditEntry(**{**values, **changes})  # type: ignore[arg-type]  # its fields, of several types

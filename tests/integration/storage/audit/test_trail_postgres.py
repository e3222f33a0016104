"""The trail on a real PostgreSQL: durable, in order, bounded, append-only, and refusing."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from actors.clock import SystemClock
from storage.audit import AuditUnavailable, PostgresAuditTrail, trail_postgres
from storage.audit.log import AuditLog, Wanted
from storage.audit.verify_postgres import verify
from tests.integration.storage.audit.tampered import Tamper, entry
from tests.waiting import until


async def actions(superuser: asyncpg.Connection) -> list[str]:
    rows = await superuser.fetch("SELECT action FROM audit_access ORDER BY writer, seq")
    return [row["action"] for row in rows]


async def test_what_was_recorded_now_is_in_the_table_and_chained(
    trail: PostgresAuditTrail, superuser: asyncpg.Connection, migrated: str
) -> None:
    await asyncio.gather(*(trail.record_now(entry(n)) for n in range(300)))
    rows = await superuser.fetch("SELECT * FROM audit_access WHERE action = 'patient.view'")
    assert {row["resource"] for row in rows} == {f"p{n}" for n in range(300)}
    report = await verify(migrated, None)
    assert (report.rows, report.chains, report.findings) == (301, 1, ())
    batches = len({row["xmin"] for row in await superuser.fetch("SELECT xmin FROM audit_access")})
    assert batches < 10, "lines that come together are written together"


async def test_what_nobody_waits_for_is_written_soon(
    trail: PostgresAuditTrail, superuser: asyncpg.Connection
) -> None:
    trail.record(entry())
    trail.offer(entry(1))

    async def written() -> bool:
        return len(await actions(superuser)) == 3

    await until(written)
    assert trail.pending == 0


async def test_a_chain_is_closed_by_its_process_and_names_the_one_before(
    migrated: str, superuser: asyncpg.Connection
) -> None:
    for _ in range(2):
        trail = PostgresAuditTrail(migrated, SystemClock())
        await trail.open()
        trail.record(entry())
        await trail.close()
        with pytest.raises(AuditUnavailable):
            trail.record(entry())
    assert sorted(await actions(superuser)) == sorted(
        ["trail.begin", "patient.view", "trail.end"] * 2
    )
    assert (await verify(migrated, None)).findings == ()


async def test_lines_survive_a_lost_connection_once(
    trail: PostgresAuditTrail, superuser: asyncpg.Connection, migrated: str
) -> None:
    await trail.record_now(entry())
    for n in range(5):
        recording = asyncio.gather(*(trail.record_now(entry(10 * n + k)) for k in range(10)))
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'maxray audit'"
        )
        await recording
    report = await verify(migrated, None)
    assert (report.rows, report.findings) == (52, ())


async def test_a_trail_that_cannot_be_written_refuses_and_says_later_what_it_missed(
    trail: PostgresAuditTrail,
    superuser: asyncpg.Connection,
    migrated: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trail_postgres, "FLUSH_WITHIN_S", 0.1)
    monkeypatch.setattr(trail_postgres, "MAX_PENDING", 20)
    await trail.record_now(entry())
    async with superuser.transaction():
        await superuser.execute("LOCK TABLE audit_access IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(AuditUnavailable):
            await trail.record_now(entry(1))
        with pytest.raises(AuditUnavailable):
            trail.record(entry(2))
        for n in range(30):
            trail.offer(entry(100 + n))
        assert (trail.pending, trail.missed) == (20, 11)

    async def told() -> bool:
        return trail.missed == 0 and trail.pending == 0

    await until(told)
    await trail.record_now(entry(3))
    missed = await superuser.fetchval(
        "SELECT details FROM audit_access WHERE action = 'trail.missed'"
    )
    assert missed == '{"count":11}'
    assert (await verify(migrated, None)).findings == ()


async def test_without_postgresql_it_opens_and_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_postgres, "BROKEN_AFTER_S", 0.05)
    monkeypatch.setattr(trail_postgres, "CLOSE_WITHIN_S", 0.05)
    trail = PostgresAuditTrail("postgresql://nobody@127.0.0.1:1/none", SystemClock())
    await trail.open()
    with pytest.raises(AuditUnavailable):
        await trail.record_now(entry())
    with pytest.raises(AuditUnavailable):
        trail.record(entry())
    await trail.close()


async def test_a_foreign_row_in_its_place_makes_it_begin_another_chain(
    trail: PostgresAuditTrail, superuser: asyncpg.Connection, migrated: str
) -> None:
    await trail.record_now(entry())
    await superuser.execute(
        "INSERT INTO audit_access SELECT writer, seq + 1, at, role, subject, 'patient.forged', "
        "kind, resource, patients, outcome, reason, note, address, request_id, details, hash, hash "
        "FROM audit_access WHERE seq = 2"
    )
    await trail.record_now(entry(1))
    found = (await verify(migrated, None)).findings
    assert [f.kind for f in found] == ["altered", "inserted"]
    assert "somebody else" in found[1].says


@pytest.mark.parametrize("table", ["audit", "audit_access", "audit_head"])
@pytest.mark.parametrize("change", ["UPDATE {} SET at = 0", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_service_may_only_append(
    migrated: str, superuser: asyncpg.Connection, table: str, change: str
) -> None:
    service = await asyncpg.connect(migrated)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(change.format(table))
    finally:
        await service.close()
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await superuser.execute(change.format(table))
    await superuser.execute("SET session_replication_role = replica")
    with pytest.raises(asyncpg.PostgresError, match="append-only"):
        await superuser.execute(change.format(table))


async def test_questions_are_answered_newest_first_in_pages(
    trail: PostgresAuditTrail, migrated: str, tamper: Tamper
) -> None:
    for n in range(7):
        trail.record(entry(n, subject="bob" if n % 2 else "alice", patients=("p", f"p{n}")))
    await trail.record_now(entry(7, outcome="denied", action="patient.delete", patients=()))
    await tamper(
        "INSERT INTO audit SELECT 'shard', n, 1760000000.5 + n, 'paramedic', 'bob', 'AcceptTask', "
        "'paramedic:u', n, 'c', '', '' FROM generate_series(0, 3) n"
    )
    log = AuditLog(migrated)
    try:
        seen: list[str] = []
        place, more = None, True
        while more:
            page, more = await log.lines(Wanted(system=False), place, 3)
            seen += [line.id for line in page]
            place = page[-1].place
        assert seen == ["p7", "p6", "p5", "p4", "u", "p3", "u", "p2", "u", "p1", "u", "p0"]
        bob, _ = await log.lines(Wanted(subject="bob"), None, 50)
        assert {line.source for line in bob} == {"access", "command"} and len(bob) == 7
        of_whom, _ = await log.lines(Wanted(patient="p3"), None, 50)
        assert [line.id for line in of_whom] == ["p3"]
        denied, _ = await log.lines(Wanted(outcome="denied"), None, 50)
        assert [line.action for line in denied] == ["patient.delete"]
        period = Wanted(since=1_760_000_002.0, until=1_760_000_004.0, steps=False)
        found, _ = await log.lines(period, None, 50)
        assert [line.id for line in found] == ["p3", "p2"]
        one, _ = await log.lines(Wanted(request_id="r5"), None, 50)
        assert [line.id for line in one] == ["p5"]
    finally:
        await log.close()

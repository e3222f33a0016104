"""Tampering as the superuser, and what verifying says of it."""

from __future__ import annotations

import time

import asyncpg
import pytest

from actors.audit import AuditChain
from actors.clock import SystemClock
from actors.domain.kernel import Sender
from actors.ports import Commit
from storage.audit import AuditEntry, HeadsUnavailable, PostgresAuditTrail
from storage.audit.chain import AccessChain, AccessRow
from storage.audit.finding import Finding
from storage.audit.head_keeper import HeadKeeper, head_schedule
from storage.audit.heads import Heads
from storage.audit.heads_memory import MemoryHeadStore
from storage.audit.verify_postgres import Report, verify
from storage.journal_postgres import PostgresJournal
from tests.integration.storage.audit.conftest import Tamper, entry

# Alone in one chain: trail.begin is row 1, those that follow are rows 2 to 11, trail.end is row 12.
ROWS = 10
ACCESS = "audit_access"


@pytest.fixture(params=["access", "command"])
async def table(
    request: pytest.FixtureRequest, migrated: str, tamper: Tamper, store: MemoryHeadStore
) -> str:
    """The name of a table with one chain of 12 rows in it, whose heads are written."""
    if request.param == "access":
        await _one_chain(migrated)
    else:
        await _commands(migrated, 12)
    await _keep(migrated, store)
    return {"access": ACCESS, "command": "audit"}[request.param]


async def _one_chain(url: str, rows: int = ROWS) -> None:
    trail = PostgresAuditTrail(url, SystemClock())
    await trail.open()
    for n in range(rows):
        trail.record(entry(n))
    await trail.close()


async def _commands(url: str, rows: int) -> None:
    """As a shard writes them, by a commit."""
    journal = PostgresJournal(url)
    await journal.open()
    try:
        slots = await journal.take([0], "shard-0/x")
        chain = AuditChain("shard-0/x")
        sender = Sender("ops", "alice")
        audit = [
            chain.append(1_760_000_000.0 + n, sender, "CancelEmergency", "emergency:e", n, f"c{n}")
            for n in range(rows)
        ]
        await journal.commit(Commit(slots, at=1_760_000_000.0, audit=audit))
    finally:
        await journal.close()


async def _keep(url: str, store: MemoryHeadStore) -> Heads | None:
    return await HeadKeeper(url, store, SystemClock()).write()


def said(report: Report) -> list[tuple[str, int, int]]:
    return [(found.kind, found.first, found.last) for found in report.findings]


async def test_an_untouched_trail_is_whole(
    table: str, migrated: str, store: MemoryHeadStore
) -> None:
    shown: list[tuple[int, int]] = []
    report = await verify(migrated, store, on_progress=lambda *both: shown.append(both))
    assert (report.rows, report.chains, report.heads, report.findings) == (12, 1, 1, ())
    assert shown[-1] == (12, 12)


@pytest.mark.parametrize(
    "change",
    [
        "subject = 'mallory'",
        "at = at + 1",
        "action = 'x'",
        "hash = decode('00', 'hex')",
        "at = 'NaN', hash = ''",
        "role = ''",
    ],
)
async def test_an_altered_row(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper, change: str
) -> None:
    await tamper(f"UPDATE {table} SET {change} WHERE seq = 5")
    assert said(await verify(migrated, store)) == [("altered", 5, 5)]


@pytest.mark.parametrize("column", ["patients = '{}'", "note = 'x'", "details = '{}'"])
async def test_every_column_of_an_access_is_covered(
    migrated: str, tamper: Tamper, column: str
) -> None:
    await _one_chain(migrated)
    await tamper(f"UPDATE {ACCESS} SET {column} WHERE seq = 5")
    assert said(await verify(migrated, None)) == [("altered", 5, 5)]


async def test_an_altered_first_and_last_row(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await tamper(f"UPDATE {table} SET subject = 'mallory' WHERE seq IN (1, 12)")
    assert said(await verify(migrated, store)) == [("altered", 1, 1), ("altered", 12, 12)]


async def test_rows_removed_from_the_middle(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await tamper(f"DELETE FROM {table} WHERE seq BETWEEN 4 AND 6")
    assert said(await verify(migrated, store)) == [("removed", 4, 6)]


async def test_rows_removed_and_those_after_them_moved_down(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await tamper(
        f"DELETE FROM {table} WHERE seq BETWEEN 4 AND 6;"
        f"UPDATE {table} SET seq = seq + 997 WHERE seq > 6;"
        f"UPDATE {table} SET seq = seq - 1000 WHERE seq > 900"
    )
    assert said(await verify(migrated, store)) == [("removed", 4, 6)]


async def test_rows_cut_off_at_the_end_are_found_by_the_heads(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await tamper(f"DELETE FROM {table} WHERE seq > 9")
    assert said(await verify(migrated, None)) == []
    assert said(await verify(migrated, store)) == [("removed", 10, 12)]


async def test_the_beginning_cut_off(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await tamper(f"DELETE FROM {table} WHERE seq < 3")
    assert said(await verify(migrated, store)) == [("removed", 1, 2)]


async def test_a_whole_chain_removed_is_found_by_the_heads(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await tamper(f"TRUNCATE {table}")
    report = await verify(migrated, store)
    assert said(report) == [("removed", 1, 12)]
    assert "whole chain" in report.findings[0].says


async def test_two_rows_exchanged(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    for one, other in ((5, 6), (11, 12), (3, 9)):
        swap = (
            f"UPDATE {table} SET seq = 1000 WHERE seq = {one};"
            f"UPDATE {table} SET seq = {one} WHERE seq = {other};"
            f"UPDATE {table} SET seq = {other} WHERE seq = 1000"
        )
        await tamper(swap)
        report = await verify(migrated, store)
        assert said(report) == [("reordered", one, one), ("reordered", other, other)], (one, other)
        assert report.findings[0].says == f"belongs at {other}"
        await tamper(swap)
    assert said(await verify(migrated, store)) == []


async def test_two_rows_whose_contents_were_exchanged(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await tamper(
        f"UPDATE {table} t SET at = o.at, {'request_id' if table == ACCESS else 'command_id'} = "
        f"o.{'request_id' if table == ACCESS else 'command_id'}"
        + (
            ", resource = o.resource, patients = o.patients"
            if table == ACCESS
            else ", version = o.version"
        )
        + f" FROM {table} o WHERE (t.seq, o.seq) IN ((3, 8), (8, 3))"
    )
    assert said(await verify(migrated, store)) == [("reordered", 3, 3), ("reordered", 8, 8)]


async def test_a_row_put_in_with_its_hash_and_those_after_it_moved_up(
    migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await _one_chain(migrated)
    await _keep(migrated, store)
    await tamper(
        f"UPDATE {ACCESS} SET seq = seq + 1001 WHERE seq >= 6;"
        f"UPDATE {ACCESS} SET seq = seq - 1000 WHERE seq > 1000;"
        f"INSERT INTO {ACCESS} SELECT writer, 6, at, role, subject, 'forged', kind, resource, "
        "patients, outcome, reason, note, address, request_id, details, hash, 'forged' "
        f"FROM {ACCESS} WHERE seq = 5"
    )
    assert said(await verify(migrated, store)) == [("inserted", 6, 6)]


async def test_a_row_put_in_beside_another_under_the_same_number(
    table: str, migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await tamper(
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey;"
        f"INSERT INTO {table} SELECT * FROM {table} WHERE seq = 6"
    )
    report = await verify(migrated, store)
    await tamper(
        f"DELETE FROM {table};ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY "
        "(writer, seq)"
    )
    assert said(report) == [("forked", 6, 6)]


async def test_rows_put_in_after_the_end(
    migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    """With hashes as they should be: our algorithm is no secret."""
    await _one_chain(migrated)
    await _forge(migrated, tamper, after=12)
    assert said(await verify(migrated, None)) == [("inserted", 13, 13)]


async def test_rows_put_in_later_and_dated_back(
    migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    """At the end of a chain that nobody closed, and as a chain of its own."""
    await _one_chain(migrated)
    await tamper(f"DELETE FROM {ACCESS} WHERE action = 'trail.end'")
    await _keep(migrated, store)
    await _forge(migrated, tamper, after=11)
    assert said(await verify(migrated, store)) == [("inserted", 12, 12)]
    chain = AccessChain("web-forged/0")
    rows = [chain.append(entry(0, action="trail.begin", role="system")), chain.append(entry(1))]
    await _insert(tamper, rows)
    report = await verify(migrated, store)
    assert [(f.kind, f.writer.startswith("web-forged")) for f in report.findings] == [
        ("inserted", False),
        ("inserted", True),
        ("inserted", True),
    ]


async def test_a_row_altered_with_its_own_hash(
    migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await _one_chain(migrated)
    await _remake(migrated, tamper, first=5, last=5)
    assert said(await verify(migrated, store)) == [("altered", 5, 5)]


async def test_a_chain_made_anew_from_some_row_on(
    migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    trail = PostgresAuditTrail(migrated, SystemClock())
    await trail.open()
    await trail.record_now(entry(0, at=time.time()))
    await _keep(migrated, store)
    for n in range(8):
        await trail.record_now(entry(1 + n, at=time.time()))
    await trail.close()
    await _keep(migrated, store)
    await _remake(migrated, tamper, first=5, last=11)
    assert said(await verify(migrated, None)) == []
    report = await verify(migrated, store)
    assert said(report) == [("rewritten", 3, 11)]
    assert "heads 2" in report.findings[0].says


async def test_a_chain_that_a_later_one_names_may_not_go_missing(
    migrated: str, tamper: Tamper
) -> None:
    for _ in range(3):
        await _one_chain(migrated, 2)
    await tamper(
        f"DELETE FROM {ACCESS} WHERE writer = (SELECT writer FROM {ACCESS} "
        "WHERE action = 'trail.begin' ORDER BY at OFFSET 1 LIMIT 1)"
    )
    report = await verify(migrated, None)
    assert said(report) == [("removed", 1, 1)]
    assert "names it" in report.findings[0].says


async def test_from_a_time_on_only_what_came_then_is_read(
    table: str,
    migrated: str,
    store: MemoryHeadStore,
    tamper: Tamper,
    superuser: asyncpg.Connection,
) -> None:
    # A chain's rows are dated in the order in which they stand.
    await tamper(f"UPDATE {table} SET at = 1 WHERE action = 'trail.begin'")
    await tamper(f"UPDATE {table} SET subject = 'mallory' WHERE seq IN (3, 8)")
    since = await superuser.fetchval(f"SELECT at FROM {table} WHERE seq = 7")
    report = await verify(migrated, store, since)
    assert said(report) == [("altered", 8, 8)]
    assert report.rows == 7, "the row before, which the first is held on to, and rows 7 to 12"
    await tamper(f"DELETE FROM {table} WHERE seq > 10")
    report = await verify(migrated, store, since)
    assert said(report) == [("altered", 8, 8), ("removed", 11, 12)]


# -- the heads themselves --------------------------------------------------------------------------


async def test_heads_are_written_only_of_what_grew(
    migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    assert await _keep(migrated, store) is None
    await _one_chain(migrated)
    first = await _keep(migrated, store)
    assert first is not None and next(iter(first.chains["access"].values())).seq == 12
    assert await _keep(migrated, store) is None
    await _one_chain(migrated)
    second = await _keep(migrated, store)
    assert second is not None and second.number == 2
    assert second.chains["access"].keys().isdisjoint(first.chains["access"])
    assert len(store.objects) == 2
    assert (await verify(migrated, store)).heads == 2


async def test_heads_that_cannot_be_stored_are_written_next_time(
    migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    await _one_chain(migrated)
    store.available = False
    with pytest.raises(HeadsUnavailable):
        await _keep(migrated, store)
    store.available = True
    written = await _keep(migrated, store)
    assert written is not None and written.number == 1


async def test_heads_are_written_at_the_end(
    migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    clock = SystemClock()
    async with head_schedule(HeadKeeper(migrated, store, clock), 3600.0, clock):
        await _one_chain(migrated)
        assert not store.objects
    assert len(store.objects) == 1


async def test_heads_that_are_gone_or_changed_are_found(
    migrated: str, store: MemoryHeadStore, tamper: Tamper
) -> None:
    for _ in range(4):
        await _one_chain(migrated, 1)
        await _keep(migrated, store)
    whole = dict(store.objects)
    first, second, third, last = sorted(whole)

    async def heads() -> list[str]:
        found: tuple[Finding, ...] = (await verify(migrated, store)).findings
        return [one.says for one in found if one.kind == "heads"]

    assert await heads() == []
    del store.objects[last]
    assert await heads() == ["heads 4 are gone from the object store"]
    del store.objects[second]
    assert "heads 2 to 2 are missing" in await heads()
    store.objects = {**whole, second: whole[second].replace(b'"at":', b'"at":1')}
    assert "heads 2 were changed in the object store" in await heads()
    store.objects = {**whole, second: b"{}"}
    assert f"{second} cannot be read as heads" in await heads()
    store.objects = {**whole, second: whole[third], third: whole[second]}
    assert f"{second} has the heads 3 in it" in await heads()
    store.objects = whole
    await tamper("DELETE FROM audit_head WHERE number > 2")
    assert await heads() == ["heads 3 to 4 are gone from PostgreSQL's list"]
    assert first


# -- forging ---------------------------------------------------------------------------------------


async def _insert(tamper: Tamper, rows: list[AccessRow]) -> None:
    for row in rows:
        patients = ",".join(f'"{one}"' for one in row.patients)
        await tamper(
            f"INSERT INTO {ACCESS} VALUES ('{row.writer}', {row.seq}, {row.at!r}, '{row.role}', "
            f"'{row.subject}', '{row.action}', '{row.kind}', '{row.resource}', "
            f"'{{{patients}}}', '{row.outcome}', '{row.reason}', NULL, '{row.address}', "
            f"'{row.request_id}', '{row.details}', '\\x{row.prev.hex()}', '\\x{row.hash.hex()}')"
        )


async def _rows(url: str) -> list[AccessRow]:
    connection = await asyncpg.connect(url)
    found = await connection.fetch(f"SELECT * FROM {ACCESS} ORDER BY writer, seq")
    await connection.close()
    return [AccessRow(**{**dict(row.items()), "patients": tuple(row["patients"])}) for row in found]


def _continued(row: AccessRow) -> AccessChain:
    """A chain whose next row follows `row`."""
    chain = AccessChain(row.writer)
    chain._seq, chain._head = row.seq, row.hash
    return chain


async def _forge(url: str, tamper: Tamper, after: int) -> None:
    last = next(row for row in await _rows(url) if row.seq == after)
    await _insert(tamper, [_continued(last).append(entry(99, action="forged"))])


async def _remake(url: str, tamper: Tamper, first: int, last: int) -> None:
    """Rows `first` to `last` anew, the first with another content, all with fitting hashes."""
    rows = await _rows(url)
    chain = _continued(next(row for row in rows if row.seq == first - 1))
    made = []
    for row in rows:
        if first <= row.seq <= last:
            subject = "mallory" if row.seq == first else row.subject
            copied = AuditEntry(
                at=row.at,
                role=row.role,
                subject=subject,
                action=row.action,
                outcome=row.outcome,
                kind=row.kind,
                id=row.resource,
                patients=row.patients,
                address=row.address,
                request_id=row.request_id,
            )
            made.append(chain.append(copied))
    await tamper(f"DELETE FROM {ACCESS} WHERE seq BETWEEN {first} AND {last}")
    await _insert(tamper, made)

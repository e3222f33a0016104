"""Tampering as the superuser, and what verifying says of it."""

from __future__ import annotations

import asyncpg
import pytest

from storage.audit.verify_postgres import verify
from tests.integration.storage.audit.tampered import ACCESS, Tampered, one_chain, said


async def test_an_untouched_trail_is_whole(table: str, tampered: Tampered) -> None:
    shown: list[tuple[int, int]] = []
    report = await verify(
        tampered.url, tampered.store, on_progress=lambda *both: shown.append(both)
    )
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
async def test_an_altered_row(table: str, tampered: Tampered, change: str) -> None:
    await tampered.run(f"UPDATE {table} SET {change} WHERE seq = 5")
    assert await tampered.said() == [("altered", 5, 5)]


@pytest.mark.parametrize("column", ["patients = '{}'", "note = 'x'", "details = '{}'"])
async def test_every_column_of_an_access_is_covered(tampered: Tampered, column: str) -> None:
    await one_chain(tampered.url)
    await tampered.run(f"UPDATE {ACCESS} SET {column} WHERE seq = 5")
    assert await tampered.said(heads=False) == [("altered", 5, 5)]


async def test_an_altered_first_and_last_row(table: str, tampered: Tampered) -> None:
    await tampered.run(f"UPDATE {table} SET subject = 'mallory' WHERE seq IN (1, 12)")
    assert await tampered.said() == [("altered", 1, 1), ("altered", 12, 12)]


async def test_rows_removed_from_the_middle(table: str, tampered: Tampered) -> None:
    await tampered.run(f"DELETE FROM {table} WHERE seq BETWEEN 4 AND 6")
    assert await tampered.said() == [("removed", 4, 6)]


async def test_rows_removed_and_those_after_them_moved_down(table: str, tampered: Tampered) -> None:
    await tampered.run(
        f"DELETE FROM {table} WHERE seq BETWEEN 4 AND 6;"
        f"UPDATE {table} SET seq = seq + 997 WHERE seq > 6;"
        f"UPDATE {table} SET seq = seq - 1000 WHERE seq > 900"
    )
    assert await tampered.said() == [("removed", 4, 6)]


async def test_rows_cut_off_at_the_end_are_found_by_the_heads(
    table: str, tampered: Tampered
) -> None:
    await tampered.run(f"DELETE FROM {table} WHERE seq > 9")
    assert await tampered.said(heads=False) == []
    assert await tampered.said() == [("removed", 10, 12)]


async def test_the_beginning_cut_off(table: str, tampered: Tampered) -> None:
    await tampered.run(f"DELETE FROM {table} WHERE seq < 3")
    assert await tampered.said() == [("removed", 1, 2)]


async def test_a_whole_chain_removed_is_found_by_the_heads(table: str, tampered: Tampered) -> None:
    await tampered.run(f"TRUNCATE {table}")
    report = await tampered.report()
    assert said(report) == [("removed", 1, 12)]
    assert "whole chain" in report.findings[0].says


async def test_two_rows_exchanged(table: str, tampered: Tampered) -> None:
    for one, other in ((5, 6), (11, 12), (3, 9)):
        swap = (
            f"UPDATE {table} SET seq = 1000 WHERE seq = {one};"
            f"UPDATE {table} SET seq = {one} WHERE seq = {other};"
            f"UPDATE {table} SET seq = {other} WHERE seq = 1000"
        )
        await tampered.run(swap)
        report = await tampered.report()
        assert said(report) == [("reordered", one, one), ("reordered", other, other)], (one, other)
        assert report.findings[0].says == f"belongs at {other}"
        await tampered.run(swap)
    assert await tampered.said() == []


async def test_two_rows_whose_contents_were_exchanged(table: str, tampered: Tampered) -> None:
    await tampered.run(
        f"UPDATE {table} t SET at = o.at, {'request_id' if table == ACCESS else 'command_id'} = "
        f"o.{'request_id' if table == ACCESS else 'command_id'}"
        + (
            ", resource = o.resource, patients = o.patients"
            if table == ACCESS
            else ", version = o.version"
        )
        + f" FROM {table} o WHERE (t.seq, o.seq) IN ((3, 8), (8, 3))"
    )
    assert await tampered.said() == [("reordered", 3, 3), ("reordered", 8, 8)]


async def test_a_row_put_in_with_its_hash_and_those_after_it_moved_up(tampered: Tampered) -> None:
    await one_chain(tampered.url)
    await tampered.keep()
    await tampered.run(
        f"UPDATE {ACCESS} SET seq = seq + 1001 WHERE seq >= 6;"
        f"UPDATE {ACCESS} SET seq = seq - 1000 WHERE seq > 1000;"
        f"INSERT INTO {ACCESS} SELECT writer, 6, at, role, subject, 'forged', kind, resource, "
        "patients, outcome, reason, note, address, request_id, details, hash, 'forged' "
        f"FROM {ACCESS} WHERE seq = 5"
    )
    assert await tampered.said() == [("inserted", 6, 6)]


async def test_a_row_put_in_beside_another_under_the_same_number(
    table: str, tampered: Tampered
) -> None:
    await tampered.run(
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey;"
        f"INSERT INTO {table} SELECT * FROM {table} WHERE seq = 6"
    )
    report = await tampered.report()
    await tampered.run(
        f"DELETE FROM {table};ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY "
        "(writer, seq)"
    )
    assert said(report) == [("forked", 6, 6)]


async def test_from_a_time_on_only_what_came_then_is_read(
    table: str, tampered: Tampered, superuser: asyncpg.Connection
) -> None:
    # A chain's rows are dated in the order in which they stand.
    await tampered.run(f"UPDATE {table} SET at = 1 WHERE action = 'trail.begin'")
    await tampered.run(f"UPDATE {table} SET subject = 'mallory' WHERE seq IN (3, 8)")
    since = await superuser.fetchval(f"SELECT at FROM {table} WHERE seq = 7")
    report = await tampered.report(since=since)
    assert said(report) == [("altered", 8, 8)]
    assert report.rows == 7, "the row before, which the first is held on to, and rows 7 to 12"
    await tampered.run(f"DELETE FROM {table} WHERE seq > 10")
    report = await tampered.report(since=since)
    assert said(report) == [("altered", 8, 8), ("removed", 11, 12)]

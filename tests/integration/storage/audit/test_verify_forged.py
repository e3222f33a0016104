"""Rows put in and chains made anew by somebody who knows how hashes are made."""

from __future__ import annotations

import time

from actors.clock import SystemClock
from storage.audit import PostgresAuditTrail
from storage.audit.chain import AccessChain
from tests.integration.storage.audit.forging import forge, insert, remake
from tests.integration.storage.audit.tampered import ACCESS, Tampered, entry, one_chain, said


async def test_rows_put_in_after_the_end(tampered: Tampered) -> None:
    """With hashes as they should be: our algorithm is no secret."""
    await one_chain(tampered.url)
    await forge(tampered, after=12)
    assert await tampered.said(heads=False) == [("inserted", 13, 13)]


async def test_rows_put_in_later_and_dated_back(tampered: Tampered) -> None:
    """At the end of a chain that nobody closed, and as a chain of its own."""
    await one_chain(tampered.url)
    await tampered.run(f"DELETE FROM {ACCESS} WHERE action = 'trail.end'")
    await tampered.keep()
    await forge(tampered, after=11)
    assert await tampered.said() == [("inserted", 12, 12)]
    chain = AccessChain("web-forged/0")
    rows = [chain.append(entry(0, action="trail.begin", role="system")), chain.append(entry(1))]
    await insert(tampered, rows)
    report = await tampered.report()
    assert [(f.kind, f.writer.startswith("web-forged")) for f in report.findings] == [
        ("inserted", False),
        ("inserted", True),
        ("inserted", True),
    ]


async def test_a_row_altered_with_its_own_hash(tampered: Tampered) -> None:
    await one_chain(tampered.url)
    await remake(tampered, first=5, last=5)
    assert await tampered.said() == [("altered", 5, 5)]


async def test_a_chain_made_anew_from_some_row_on(tampered: Tampered) -> None:
    trail = PostgresAuditTrail(tampered.url, SystemClock())
    await trail.open()
    await trail.record_now(entry(0, at=time.time()))
    await tampered.keep()
    for n in range(8):
        await trail.record_now(entry(1 + n, at=time.time()))
    await trail.close()
    await tampered.keep()
    await remake(tampered, first=5, last=11)
    assert await tampered.said(heads=False) == []
    report = await tampered.report()
    assert said(report) == [("rewritten", 3, 11)]
    assert "heads 2" in report.findings[0].says


async def test_a_chain_that_a_later_one_names_may_not_go_missing(tampered: Tampered) -> None:
    for _ in range(3):
        await one_chain(tampered.url, 2)
    await tampered.run(
        f"DELETE FROM {ACCESS} WHERE writer = (SELECT writer FROM {ACCESS} "
        "WHERE action = 'trail.begin' ORDER BY at OFFSET 1 LIMIT 1)"
    )
    report = await tampered.report(heads=False)
    assert said(report) == [("removed", 1, 1)]
    assert "names it" in report.findings[0].says

"""Rows of the access trail with hashes as they should be: our algorithm is no secret."""

from __future__ import annotations

import asyncpg

from storage.audit import AuditEntry
from storage.audit.chain import AccessChain, AccessRow
from tests.integration.storage.audit.tampered import ACCESS, Tampered, entry


async def insert(tampered: Tampered, rows: list[AccessRow]) -> None:
    for row in rows:
        patients = ",".join(f'"{one}"' for one in row.patients)
        await tampered.run(
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


async def forge(tampered: Tampered, after: int) -> None:
    last = next(row for row in await _rows(tampered.url) if row.seq == after)
    await insert(tampered, [_continued(last).append(entry(99, action="forged"))])


async def remake(tampered: Tampered, first: int, last: int) -> None:
    """Rows `first` to `last` anew, the first with another content, all with fitting hashes."""
    rows = await _rows(tampered.url)
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
    await tampered.run(f"DELETE FROM {ACCESS} WHERE seq BETWEEN {first} AND {last}")
    await insert(tampered, made)

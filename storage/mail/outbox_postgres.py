"""The outbox of e-mail as a table of PostgreSQL (migration 0020_mail)."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

from storage.engine import current
from storage.mail.outbox import Claimed, MailCounts, MailRow
from storage.records.database import Database
from storage.records.errors import RecordsUnavailable

_PUT: Final = """
INSERT INTO mail (id, kind, sealed, created_at, expires_at, due_at)
VALUES ($1, $2, $3, $4, $5, $4) ON CONFLICT (id) DO NOTHING
"""
# SKIP LOCKED: of several senders at the same moment each gets others, and none waits.
_CLAIM: Final = """
UPDATE mail SET attempts = attempts + 1, due_at = $1 + $2
FROM (
    SELECT id FROM mail WHERE state = 'queued' AND due_at <= $1
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
) AS due
WHERE mail.id = due.id
RETURNING mail.id, kind, sealed, created_at, expires_at, attempts, mail.due_at
"""
_SENT: Final = """
UPDATE mail SET state = 'sent', sealed = NULL, ended_at = $2, failure = ''
WHERE id = $1 AND state = 'queued'
"""
# `attempts` tells a claim from the one after it.
_POSTPONE: Final = """
UPDATE mail SET due_at = $3, failure = $4 WHERE id = $1 AND attempts = $2 AND state = 'queued'
"""
_BURY: Final = """
UPDATE mail SET state = 'dead', sealed = NULL, ended_at = $3, failure = $4
WHERE id = $1 AND attempts = $2 AND state = 'queued'
"""
_PRUNE: Final = "DELETE FROM mail WHERE state <> 'queued' AND ended_at < $1"
_COUNTS: Final = """
SELECT count(*) FILTER (WHERE state = 'queued') AS queued,
       count(*) FILTER (WHERE state = 'dead') AS dead,
       min(created_at) FILTER (WHERE state = 'queued') AS oldest_at,
       coalesce(
           (SELECT nullif(failure, '') FROM mail WHERE state = 'queued'
            ORDER BY created_at LIMIT 1),
           (SELECT failure FROM mail WHERE state = 'dead' ORDER BY ended_at DESC LIMIT 1),
           ''
       ) AS failure
FROM mail
"""
_CONNECT_TIMEOUT_S: Final = 2.5


async def put(row: MailRow) -> None:
    """Queue it in the transaction that is open in this context; there must be one."""
    connection = _connection()
    assert connection is not None, "put() is called inside a transaction"
    await connection.execute(_PUT, row.id, row.kind, row.sealed, row.created_at, row.expires_at)


async def read_counts(database_url: str) -> MailCounts:
    """What is in the outbox of that database; for a program that asks once.

    Raises RecordsUnavailable where it cannot be asked: out of reach, or not migrated yet.
    """
    try:
        connection = await asyncpg.connect(
            database_url, timeout=_CONNECT_TIMEOUT_S, command_timeout=_CONNECT_TIMEOUT_S
        )
        try:
            return _counts(await connection.fetchrow(_COUNTS))
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise RecordsUnavailable(f"PostgreSQL is out of reach ({type(error).__name__})") from error


class PostgresMailOutbox:
    """Made by `open`. A port's `MailOutbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, database_url: str) -> PostgresMailOutbox:
        """On that database, which may be out of reach: then what is asked of it says so."""
        database = Database(database_url)
        await database.open()
        return cls(database)

    async def close(self) -> None:
        await self._database.close()

    async def queue(self, row: MailRow) -> None:
        if _connection() is not None:
            await put(row)
            return
        async with self._database.transaction():
            await put(row)

    async def claim(self, now: float, lease_s: float, limit: int) -> tuple[Claimed, ...]:
        rows = await self._fetch(_CLAIM, now, lease_s, limit)
        claimed = [
            Claimed(
                row=MailRow(
                    id=row["id"],
                    kind=row["kind"],
                    sealed=row["sealed"],
                    created_at=row["created_at"],
                    expires_at=row["expires_at"],
                ),
                attempt=row["attempts"],
                lease_ends=row["due_at"],
            )
            for row in rows
        ]
        return tuple(sorted(claimed, key=lambda one: one.row.created_at))

    async def sent(self, claimed: Claimed, now: float) -> None:
        await self._fetch(_SENT, claimed.row.id, now)

    async def postpone(self, claimed: Claimed, due_at: float, failure: str) -> None:
        await self._fetch(_POSTPONE, claimed.row.id, claimed.attempt, due_at, failure)

    async def bury(self, claimed: Claimed, now: float, failure: str) -> None:
        await self._fetch(_BURY, claimed.row.id, claimed.attempt, now, failure)

    async def prune(self, before: float) -> None:
        await self._fetch(_PRUNE, before)

    async def counts(self) -> MailCounts:
        [row] = await self._fetch(_COUNTS)
        return _counts(row)

    async def _fetch(self, statement: str, *values: object) -> Any:
        async with self._database.transaction():
            return await _connection().fetch(statement, *values)


def _connection() -> Any:
    """That of the transaction which is open in this context; None where none is."""
    try:
        transaction = current().current_transaction.get()
    except LookupError:
        return None
    return None if transaction is None else transaction.connection


def _counts(row: Any) -> MailCounts:
    return MailCounts(
        queued=row["queued"],
        dead=row["dead"],
        oldest_at=row["oldest_at"],
        failure=row["failure"],
    )

"""Writes the heads of the chains to the object store, on a schedule and at the end.

Any number of processes may do so; a lock in PostgreSQL lets one at a time, so that the objects are
one sequence. Dying between object and row leaves an object whose number is given out again: it is
then written over, and what it said was true all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from actors.ports import Clock
from storage.audit import heads
from storage.audit.chain import TABLES, Source
from storage.audit.connection import LOST, connect, why
from storage.audit.errors import AuditError, AuditUnavailable
from storage.audit.heads import Head, Heads, HeadStore

log = logging.getLogger(__name__)

# Any number that nobody else takes on this database: "audithed" in ASCII.
LOCK: Final = 0x6175646974686564
LAST_WITHIN_S: Final = 5.0

# The last row of each chain that grew. A loose scan of the primary key: two look-ups per chain.
_GREW: Final = """
WITH RECURSIVE chain AS (
    (SELECT writer FROM {table} ORDER BY writer LIMIT 1)
    UNION ALL
    SELECT (SELECT t.writer FROM {table} t WHERE t.writer > chain.writer ORDER BY t.writer LIMIT 1)
    FROM chain WHERE chain.writer IS NOT NULL
)
SELECT chain.writer, head.seq, head.hash, coalesce(known.seq, 0) AS known
FROM chain CROSS JOIN LATERAL (
    SELECT seq, hash FROM {table} t WHERE t.writer = chain.writer ORDER BY seq DESC LIMIT 1
) AS head
LEFT JOIN audit_headed AS known ON known.source = $1 AND known.writer = chain.writer
WHERE head.seq IS DISTINCT FROM known.seq
"""
_KEEP: Final = """
INSERT INTO audit_headed (source, writer, seq)
SELECT $1, * FROM unnest($2::text[], $3::bigint[])
ON CONFLICT (source, writer) DO UPDATE SET seq = excluded.seq
"""


class HeadKeeper:
    """See above. Connects for each writing-out: minutes lie between them."""

    def __init__(self, url: str, store: HeadStore, clock: Clock) -> None:
        self._url = url
        self._store = store
        self._clock = clock

    async def write(self) -> Heads | None:
        """Write the heads now; None where nothing grew, or another process is at it.

        Raises AuditUnavailable and HeadsUnavailable.
        """
        try:
            connection = await connect(self._url)
        except LOST as error:
            raise AuditUnavailable(why(error)) from error
        try:
            async with connection.transaction():
                if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                    return None
                return await self._write(connection)
        except LOST as error:
            raise AuditUnavailable(why(error)) from error
        finally:
            connection.terminate()

    async def _write(self, connection: asyncpg.Connection) -> Heads | None:
        at = self._clock.now()
        chains = {source: await self._grown(connection, source) for source in TABLES}
        if not any(chains.values()):
            return None
        trail = await connection.fetchval("SELECT value FROM maxray_meta WHERE key = 'journal_id'")
        last = await connection.fetchrow(
            "SELECT number, digest FROM audit_head ORDER BY number DESC LIMIT 1"
        )
        found = Heads(
            trail=trail,
            number=1 if last is None else last["number"] + 1,
            at=at,
            prev=heads.NO_DIGEST if last is None else last["digest"].hex(),
            chains=chains,
        )
        body, key = heads.encode(found), heads.key_of(found)
        await self._store.put(key, body)
        digest = heads.digest(body)
        await connection.execute(
            "INSERT INTO audit_head (number, at, key, digest) VALUES ($1, $2, $3, $4)",
            found.number,
            at,
            key,
            bytes.fromhex(digest),
        )
        for source, grown in chains.items():
            await connection.execute(
                _KEEP, source, list(grown), [head.seq for head in grown.values()]
            )
        # Where logs are shipped elsewhere, this line is one more witness.
        log.info("audit heads %d written, sha256 %s", found.number, digest)
        return found

    async def _grown(self, connection: asyncpg.Connection, source: Source) -> dict[str, Head]:
        rows = await connection.fetch(_GREW.format(table=TABLES[source]), source)
        for row in rows:
            if row["seq"] < row["known"]:
                log.critical(
                    "the audit chain %s ends at %d and had %d rows: run `maxray audit verify`",
                    row["writer"],
                    row["seq"],
                    row["known"],
                )
        return {
            row["writer"]: Head(row["seq"], row["hash"].hex())
            for row in rows
            if row["seq"] > row["known"]
        }


@asynccontextmanager
async def head_schedule(keeper: HeadKeeper, every_s: float, clock: Clock) -> AsyncIterator[None]:
    """While inside, heads are written every so often; and once more on leaving."""

    async def write() -> None:
        try:
            await keeper.write()
        except AuditError as error:
            log.warning("audit heads were not written: %s", error)

    async def repeat() -> None:
        while True:
            await clock.sleep(every_s)
            await write()

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WITHIN_S):
                await write()

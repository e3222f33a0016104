"""The journal on PostgreSQL: hand-written SQL over asyncpg, one statement each.

A commit is one call of `maxray_commit` (storage/sql/commit.sql): one round trip, one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import asyncpg
from msgspec.structs import astuple

from actors.placement import slot_of
from actors.ports import (
    ANSWER_MARGIN_S,
    AnswerRow,
    ClaimsTaken,
    Commit,
    DuplicateCommands,
    Fenced,
    JournalUnavailable,
    OutboxRow,
    Published,
    Record,
    Rejected,
    Timer,
    wanted_twice,
)

FENCED: Final = "MX001"
UNIQUE_VIOLATION: Final = "23505"
# Classes of errors that lie in the rows: bad data, a violated constraint, a row too large.
REJECTED: Final = frozenset({"22", "23", "54"})
# A commit that takes longer is given up as "outcome unknown"; the shard then takes over anew.
COMMIT_TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 5.0
# What `pg_stat_activity` shows of our sessions.
_SESSION: Final = {"application_name": "maxray-journal"}

_COMMIT: Final = f"SELECT maxray_commit({', '.join(f'${n}' for n in range(1, 12))})"

_TAKE: Final = """
WITH mine AS (SELECT id FROM slot WHERE id = ANY ($1::smallint[]) ORDER BY id FOR UPDATE)
UPDATE slot SET epoch = epoch + 1, owner = $2 FROM mine WHERE slot.id = mine.id
RETURNING slot.id, slot.epoch
"""
_RETAKE: Final = """
WITH mine AS (
    SELECT s.id FROM slot s
    JOIN unnest($1::smallint[], $3::bigint[]) AS f (id, epoch) ON s.id = f.id AND s.epoch = f.epoch
    ORDER BY s.id FOR UPDATE OF s
)
UPDATE slot SET epoch = epoch + 1, owner = $2 FROM mine WHERE slot.id = mine.id
RETURNING slot.id, slot.epoch
"""
_LOAD: Final = """
SELECT e.ref, e.version, e.snapshot,
       CASE WHEN e.version > e.snapshot_version THEN (
           SELECT array_agg(j.event ORDER BY j.version) FROM journal j
           WHERE j.ref = e.ref AND j.version > e.snapshot_version
       ) END AS tail
FROM entity e WHERE e.ref = ANY ($1::text[])
"""
_ANSWERS: Final = """
SELECT a.ref, a.command_id, a.fingerprint, a.status, a.body FROM answer a
JOIN unnest($1::text[], $2::text[]) AS q (ref, command_id) USING (ref, command_id)
"""
_TAKEN: Final = """
SELECT c.key FROM claim c WHERE c.key = ANY ($1::text[])
  AND (c.key, c.holder) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
"""
_TIMERS: Final = """
SELECT ref, wake_at FROM entity WHERE slot = ANY ($1::smallint[]) AND wake_at IS NOT NULL
"""
_UNDELIVERED: Final = """
SELECT id, source, kind, entity, slot, body, at, urgent FROM outbox
WHERE slot = ANY ($1::smallint[]) AND at <= $2 AND id <> ALL ($4::text[])
ORDER BY urgent DESC, at LIMIT $3
"""
_UNPUBLISHED: Final = """
SELECT j.seq, j.ref, j.version, j.publication FROM journal j JOIN watermark w ON w.slot = j.slot
WHERE j.seq > (SELECT min(seq) FROM watermark WHERE slot = ANY ($1::smallint[]))
  AND j.slot = ANY ($1::smallint[]) AND j.seq > w.seq AND j.publication IS NOT NULL
ORDER BY j.seq LIMIT $2
"""
_MARK: Final = """
UPDATE watermark SET seq = $3
FROM slot JOIN unnest($1::smallint[], $2::bigint[]) AS f (id, epoch)
     ON slot.id = f.id AND slot.epoch = f.epoch
WHERE watermark.slot = slot.id AND watermark.seq < $3
"""
_OWNED: Final = """
SELECT count(*) AS n FROM slot
JOIN unnest($1::smallint[], $2::bigint[]) AS f (id, epoch) USING (id, epoch)
"""
_HISTORY: Final = """
SELECT e.version AS top, j.seq, j.version, j.publication
FROM entity e LEFT JOIN LATERAL (
    SELECT seq, version, publication FROM journal
    WHERE ref = e.ref AND version > $2 AND publication IS NOT NULL ORDER BY version LIMIT $3
) j ON true
WHERE e.ref = $1 ORDER BY j.version
"""
_PRUNE: Final = """
DELETE FROM answer WHERE slot = ANY ($1::smallint[])
  AND at < least($2, (SELECT coalesce(min(at), 'Infinity') - $3 FROM outbox))
"""


class PostgresJournal:
    """See `actors.ports.Journal`. `open` connects; afterwards it reconnects by itself."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._writer: asyncpg.Connection | None = None
        self._readers: asyncpg.Pool | None = None
        self._connecting = asyncio.Lock()

    async def open(self) -> None:
        """Connect. Raises JournalUnavailable when that cannot be done now; try again later."""
        await self._connected()

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.terminate()
            self._writer = None
        if self._readers is not None:
            self._readers.terminate()
            self._readers = None

    async def journal_id(self) -> str:
        """The id that is the epoch of every fact channel."""
        rows = await self._read("SELECT value FROM maxray_meta WHERE key = 'journal_id'")
        return str(rows[0]["value"])

    async def _connected(self) -> asyncpg.Connection:
        async with self._connecting:
            if self._writer is None or self._writer.is_closed():
                try:
                    self._writer = await asyncpg.connect(
                        self._url, timeout=CONNECT_TIMEOUT_S, server_settings=_SESSION
                    )
                    # Writes nothing. The driver looks the rows' types up now, not at a command.
                    await self._writer.fetchval(
                        _COMMIT, *_arguments(Commit({})), timeout=CONNECT_TIMEOUT_S
                    )
                except _LOST as error:
                    self._drop_writer()
                    raise JournalUnavailable(_reason(error)) from error
            return self._writer

    async def _pool(self) -> asyncpg.Pool:
        async with self._connecting:
            if self._readers is None:
                try:
                    self._readers = await asyncpg.create_pool(
                        self._url,
                        min_size=1,
                        max_size=3,
                        timeout=CONNECT_TIMEOUT_S,
                        command_timeout=COMMIT_TIMEOUT_S,
                        server_settings=_SESSION,
                    )
                except _LOST as error:
                    raise JournalUnavailable(_reason(error)) from error
            return self._readers

    async def _read(self, sql: str, *args: object) -> list[asyncpg.Record]:
        pool = await self._pool()
        try:
            rows: list[asyncpg.Record] = await pool.fetch(sql, *args)
        except _LOST as error:
            raise JournalUnavailable(_reason(error)) from error
        return rows

    async def take(
        self, slots: Sequence[int], owner: str, expect: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        if expect is None:
            rows = await self._read(_TAKE, list(slots), owner)
        else:
            rows = await self._read(_RETAKE, list(slots), owner, [expect[s] for s in slots])
        if len(rows) != len(slots):
            raise Fenced(f"{len(slots) - len(rows)} of {len(slots)} slots have a newer owner")
        return {row["id"]: row["epoch"] for row in rows}

    async def load(self, refs: Sequence[str]) -> Mapping[str, Record]:
        rows = await self._read(_LOAD, list(refs))
        return {
            row["ref"]: Record(row["version"], row["snapshot"], tuple(row["tail"] or ()))
            for row in rows
        }

    async def commit(self, commit: Commit) -> int:
        writer = await self._connected()
        try:
            seq = await writer.fetchval(_COMMIT, *_arguments(commit), timeout=COMMIT_TIMEOUT_S)
        except asyncpg.PostgresError as error:
            if error.sqlstate == FENCED:
                raise Fenced("a newer owner has a slot of this commit") from None
            if error.sqlstate == UNIQUE_VIOLATION:
                if error.constraint_name == "answer_pkey":
                    raise DuplicateCommands(await self._answers(commit)) from None
                if error.constraint_name == "claim_pkey":
                    raise ClaimsTaken(await self._taken(commit)) from None
            if str(error.sqlstate)[:2] in REJECTED:
                raise Rejected(f"{type(error).__name__} on {error.table_name}") from None
            self._drop_writer()
            raise JournalUnavailable(_reason(error)) from error
        except _LOST as error:
            self._drop_writer()
            raise JournalUnavailable(_reason(error)) from error
        return int(seq or 0)

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.terminate()
            self._writer = None

    async def _answers(self, commit: Commit) -> Mapping[tuple[str, str], AnswerRow]:
        rows = await self._read(
            _ANSWERS, [a.ref for a in commit.answers], [a.command_id for a in commit.answers]
        )
        return {
            (r["ref"], r["command_id"]): AnswerRow(
                r["ref"], r["command_id"], r["fingerprint"], r["status"], r["body"]
            )
            for r in rows
        }

    async def _taken(self, commit: Commit) -> frozenset[str]:
        rows = await self._read(
            _TAKEN,
            [c.key for c in commit.claims],
            [key for key, _ in commit.releases],
            [holder for _, holder in commit.releases],
        )
        return frozenset(row["key"] for row in rows) | wanted_twice(commit.claims)

    async def timers(self, slots: Sequence[int]) -> Sequence[Timer]:
        rows = await self._read(_TIMERS, list(slots))
        return [Timer(row["ref"], row["wake_at"]) for row in rows]

    async def undelivered(
        self, slots: Sequence[int], before: float, limit: int, skip: Collection[str] = ()
    ) -> Sequence[OutboxRow]:
        rows = await self._read(_UNDELIVERED, list(slots), before, limit, list(skip))
        return [OutboxRow(*row.values()) for row in rows]

    async def unpublished(self, slots: Sequence[int], limit: int) -> Sequence[Published]:
        rows = await self._read(_UNPUBLISHED, list(slots), limit)
        return [Published(*row.values()) for row in rows]

    async def mark_published(self, epochs: Mapping[int, int], seq: int) -> None:
        await self._read(_MARK, list(epochs), list(epochs.values()), seq)

    async def history(self, ref: str, since: int, limit: int) -> tuple[int, Sequence[Published]]:
        rows = await self._read(_HISTORY, ref, since, limit)
        if not rows:
            return 0, []
        return rows[0]["top"], [
            Published(row["seq"], ref, row["version"], row["publication"])
            for row in rows
            if row["seq"] is not None
        ]

    async def prune(self, slots: Sequence[int], before: float) -> int:
        pool = await self._pool()
        try:
            done = await pool.execute(_PRUNE, list(slots), before, ANSWER_MARGIN_S)
        except _LOST as error:
            raise JournalUnavailable(_reason(error)) from error
        return int(done.rpartition(" ")[2])

    async def check(self, epochs: Mapping[int, int] | None = None) -> None:
        owned = epochs or {}
        rows = await self._read(_OWNED, list(owned), list(owned.values()))
        if rows[0]["n"] != len(owned):
            raise Fenced(f"{len(owned) - rows[0]['n']} slots have a newer owner")


# What asyncpg raises when the server is gone, restarting, or does not answer in time. The internal
# error is what a query meets on a connection whose end is announced but not yet there.
_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def _reason(error: BaseException) -> str:
    # The class only: messages of the driver may quote the statement's values.
    return f"PostgreSQL is out of reach ({type(error).__name__})"


def _arguments(commit: Commit) -> list[Any]:
    """The commit as `maxray_commit` takes it: rows of the composite types of commit.sql."""
    slots = {row.ref: row.slot for row in commit.entities}
    for ref in (*(row.ref for row in commit.journal), *(row.ref for row in commit.answers)):
        if ref not in slots:  # the entity stays as it is
            slots[ref] = slot_of(*ref.split(":", 1))
    return [
        list(commit.epochs),
        list(commit.epochs.values()),
        commit.at,
        [
            (r.ref, r.version, slots[r.ref], r.at, r.command_id, r.event, r.publication)
            for r in commit.journal
        ],
        [(r.ref, r.slot, r.version, r.wake_at, r.snapshot) for r in commit.entities],
        [
            (r.ref, r.command_id, r.fingerprint, r.status, r.body, slots[r.ref])
            for r in commit.answers
        ],
        [astuple(r)[:-1] for r in commit.outbox],  # all but `patient`
        list(commit.handled),
        [astuple(r) for r in commit.claims],
        list(commit.releases),
        [astuple(r) for r in commit.audit],
    ]

"""The trail in PostgreSQL: one process's chain, written in batches by one task.

While a batch is on its way the next one gathers, so there is one round trip at a time however many
lines there are, and a line that nobody waits for may linger a little to share one. A batch whose
outcome is unknown (the connection was lost) is sent again as it is: its rows have their places in
the chain already, and those that had been written are found there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections import deque
from typing import Any, Final

import asyncpg

from actors.ports import Clock
from storage.audit.chain import AccessChain, AccessRow
from storage.audit.connection import LOST, connect, why
from storage.audit.entry import AuditEntry
from storage.audit.errors import AuditUnavailable
from storage.audit.trail import FLUSH_WITHIN_S, MAX_PENDING

log = logging.getLogger(__name__)

# At low load 20 batches a second instead of one per line; a tenth of what `record` promises.
LINGER_S: Final = 0.05
# A round trip of 500 rows takes about 10 ms; more would only make those behind it wait longer.
MAX_BATCH: Final = 500
# Refused outright for so long, PostgreSQL is not waited for any more.
BROKEN_AFTER_S: Final = 1.0
# Between attempts to write: a reconnection is soon used, and an outage costs one a second.
BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
CLOSE_WITHIN_S: Final = 3.0

_INSERT: Final = """
INSERT INTO audit_access (writer, seq, at, role, subject, action, kind, resource, patients, outcome,
                          reason, note, address, request_id, details, prev, hash)
SELECT writer, seq, at, role, subject, action, kind, resource,
       coalesce(string_to_array(nullif(patients, ''), E'\\n'), '{}'), outcome,
       reason, note, address, request_id, details, prev, hash
FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::bytea[], $13::text[],
            $14::text[], $15::text[], $16::bytea[], $17::bytea[])
     AS r (writer, seq, at, role, subject, action, kind, resource, patients, outcome,
           reason, note, address, request_id, details, prev, hash)
ON CONFLICT DO NOTHING
"""
_OURS: Final = """
SELECT count(*) FROM audit_access
JOIN unnest($1::text[], $2::bigint[], $3::bytea[]) AS r (writer, seq, hash)
USING (writer, seq, hash)
"""
_LATEST: Final = """
SELECT writer, hash FROM audit_access WHERE action = 'trail.begin' AND seq = 1
ORDER BY at DESC LIMIT 1
"""


class _Foreign(Exception):
    """Somebody else wrote into our chain."""


class _Waiting:
    """A line, when it came (loop time), and who waits for it."""

    __slots__ = ("done", "entry", "since")

    def __init__(self, entry: AuditEntry, since: float, done: asyncio.Future[None] | None) -> None:
        self.entry = entry
        self.since = since
        self.done = done


class PostgresAuditTrail:
    """See `AuditTrail`. `name`: of the kind of process, the beginning of the chain's name.

    `open` returns at once, also while PostgreSQL is away; until it is there the trail refuses.
    """

    def __init__(self, url: str, clock: Clock, name: str = "web") -> None:
        self._url = url
        self._clock = clock
        self._process = f"{name}-{secrets.token_hex(8)}"
        self._chains = 0
        self._chain: AccessChain | None = None
        self._connection: asyncpg.Connection | None = None
        self._queue: deque[_Waiting] = deque()
        self._flight: list[_Waiting] = []
        self._missed = 0
        self._work = asyncio.Event()
        self._hurry = asyncio.Event()
        self._broken_since: float | None = None
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    # -- lines come ------------------------------------------------------------------------------

    def record(self, entry: AuditEntry) -> None:
        self._admit()
        self._put(entry, None)

    async def record_now(self, entry: AuditEntry) -> None:
        self._admit()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(entry, done)
        self._hurry.set()
        try:
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await done
        except TimeoutError:
            raise AuditUnavailable("the audit trail was not written in time", kept=True) from None

    def offer(self, entry: AuditEntry) -> None:
        if self._closing or self.pending >= MAX_PENDING:
            self._missed += 1
        else:
            self._put(entry, None)

    @property
    def pending(self) -> int:
        """Lines that are not durable yet."""
        return len(self._queue) + len(self._flight)

    @property
    def missed(self) -> int:
        """Lines offered in vain that no `trail.missed` speaks of yet."""
        return self._missed

    def _admit(self) -> None:
        if self._closing or self._task is None or self._task.done():
            raise AuditUnavailable("the audit trail is closed")
        if self.pending >= MAX_PENDING:
            raise AuditUnavailable("too many lines wait for the audit trail")
        now = asyncio.get_running_loop().time()
        oldest = (self._flight or self._queue)[0].since if self.pending else now
        if self._broken or now - oldest > FLUSH_WITHIN_S:
            raise AuditUnavailable("the audit trail cannot be written")

    @property
    def _broken(self) -> bool:
        since = self._broken_since
        return since is not None and asyncio.get_running_loop().time() - since > BROKEN_AFTER_S

    def _put(self, entry: AuditEntry, done: asyncio.Future[None] | None) -> None:
        self._queue.append(_Waiting(entry, asyncio.get_running_loop().time(), done))
        self._work.set()

    # -- they are written ------------------------------------------------------------------------

    async def open(self) -> None:
        """Begin to write. Connects by itself, now and after each loss."""
        self._task = asyncio.create_task(self._write_all())

    async def close(self) -> None:
        """Write what waits, and that the chain ends here; as far as that goes in a few seconds."""
        if self._task is None:
            return
        self._closing = True
        self._work.set()
        self._hurry.set()
        await asyncio.wait({self._task}, timeout=CLOSE_WITHIN_S)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self.pending:
            log.error("%d lines of the audit trail were not written", self.pending)
        if self._connection is not None:
            self._connection.terminate()

    async def _write_all(self) -> None:
        await self._begin()
        while True:
            await self._work.wait()
            if not (self._closing or self._hurry.is_set() or len(self._queue) >= MAX_BATCH):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), LINGER_S)
            if self._closing and not self._queue:
                await self._end()
                return
            await self._next_batch()

    async def _next_batch(self) -> None:
        if self._missed and len(self._queue) < MAX_PENDING:
            count, self._missed = self._missed, 0
            self._put(self._own("trail.missed", {"count": count}), None)
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_BATCH))]
        if not self._queue:
            self._work.clear()
            self._hurry.clear()
        if self._closing:
            self._work.set()
        self._flight = batch
        await self._write([waiting.entry for waiting in batch])
        self._flight = []
        for waiting in batch:
            if waiting.done is not None and not waiting.done.done():
                waiting.done.set_result(None)

    async def _write(self, entries: list[AuditEntry]) -> None:
        """Until it is done."""
        while True:
            assert self._chain is not None
            try:
                return await self._insert([self._chain.append(entry) for entry in entries])
            except _Foreign:
                writer = self._chain.writer
                log.critical("rows of somebody else stand in the audit chain %s", writer)
                await self._begin(conflict=writer)

    async def _begin(self, conflict: str = "") -> None:
        """A new chain, whose first row names the chain begun before it: so none goes missing."""
        latest = await self._persist(self._latest)
        writer = f"{self._process}/{self._chains}"
        self._chains += 1
        self._chain = AccessChain(writer)
        details: dict[str, str | int | bool] = {"host": socket.gethostname(), "pid": os.getpid()}
        if latest is not None:
            details |= {"after": latest["writer"], "after_hash": latest["hash"].hex()}
        if conflict:
            details["conflict"] = conflict
        await self._insert([self._chain.append(self._own("trail.begin", details))])

    async def _end(self) -> None:
        assert self._chain is not None
        await self._insert([self._chain.append(self._own("trail.end", {"missed": self._missed}))])

    def _own(self, action: str, details: dict[str, str | int | bool]) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            role="system",
            subject=self._process,
            action=action,
            outcome="allowed",
            kind="trail",
            details=details,
        )

    def _refuse_waiting(self) -> None:
        """Their lines stay."""
        for waiting in (*self._flight, *self._queue):
            if waiting.done is not None and not waiting.done.done():
                error = AuditUnavailable("the audit trail cannot be written", kept=True)
                waiting.done.set_exception(error)

    # -- PostgreSQL ------------------------------------------------------------------------------

    async def _latest(self, connection: asyncpg.Connection) -> asyncpg.Record | None:
        return await connection.fetchrow(_LATEST)

    async def _insert(self, rows: list[AccessRow]) -> None:
        columns = [[getattr(row, name) for row in rows] for name in AccessRow.__struct_fields__]
        # An array of arrays would have to be a rectangle: each row's own is told as lines.
        columns[8] = ["\n".join(row.patients) for row in rows]

        async def insert(connection: asyncpg.Connection) -> None:
            status = await connection.execute(_INSERT, *columns)
            if int(status.rpartition(" ")[2]) == len(rows):
                return
            ours = await connection.fetchval(_OURS, columns[0], columns[1], columns[-1])
            if ours != len(rows):
                raise _Foreign

        await self._persist(insert)

    async def _persist(self, work: Any) -> Any:
        """`work(connection)`, again and again until PostgreSQL has done it."""
        failures = 0
        while True:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await connect(self._url)
                done = await work(self._connection)
            except LOST as error:
                if self._connection is not None:
                    self._connection.terminate()
                    self._connection = None
                if self._broken_since is None:
                    self._broken_since = asyncio.get_running_loop().time()
                    log.error("the audit trail cannot be written: %s", why(error))
                if self._broken:
                    self._refuse_waiting()
                await self._clock.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1
            else:
                if self._broken_since is not None:
                    self._broken_since = None
                    log.warning("the audit trail is written again")
                return done

"""The whole trail, streamed out of PostgreSQL and checked.

All of it is read in one snapshot, taken after the heads were read; so every row that they speak of
must be there, whatever is appended meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from actors.audit import GENESIS
from actors.ports import AuditRow
from storage.audit.chain import TABLES, AccessRow, Row, Source
from storage.audit.chain_check import ChainCheck, whole_chain_removed
from storage.audit.connection import CONNECT_TIMEOUT_S, LOST, why
from storage.audit.errors import AuditUnavailable
from storage.audit.finding import Finding
from storage.audit.heads import HeadStore, time_in
from storage.audit.heads_check import KnownHeads

# Rows a round trip: a few MB.
PREFETCH: Final = 5000
# What a trail that was torn to shreds is worth; the rest is counted.
MAX_FINDINGS: Final = 1000

_TYPES: Final[dict[Source, type[Any]]] = {"command": AuditRow, "access": AccessRow}
_COLUMNS: Final = {source: ", ".join(t.__struct_fields__) for source, t in _TYPES.items()}

# With a beginning: of each chain all rows from its first at that time or later, and the one before.
_STARTS: Final = "SELECT writer, min(seq) AS first FROM {table} WHERE at >= {since} GROUP BY writer"


class Report(Struct, frozen=True, kw_only=True):
    """`heads`: how many were checked; None where no object store was given."""

    rows: int
    chains: int
    heads: int | None
    findings: tuple[Finding, ...]
    more: int = 0


class _Begin(Struct, frozen=True):
    """What the first row of a chain of access says of other chains."""

    after: str = ""
    after_hash: str = ""
    conflict: str = ""


_begin: Final = msgspec.json.Decoder(_Begin)


async def verify(
    url: str,
    store: HeadStore | None,
    since: float | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Check the rows from `since` (Unix seconds) on, or all.

    `on_progress(done, total)` is called now and then, in rows. Raises AuditUnavailable and
    HeadsUnavailable.
    """
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    except LOST as error:
        raise AuditUnavailable(why(error)) from error
    try:
        return await _Verification(connection, store, since, on_progress).run()
    except LOST as error:
        raise AuditUnavailable(why(error)) from error
    finally:
        connection.terminate()


class _Verification:
    def __init__(
        self,
        connection: asyncpg.Connection,
        store: HeadStore | None,
        since: float | None,
        on_progress: Callable[[int, int], None],
    ) -> None:
        self._connection = connection
        self._store = store
        self._since = since
        self._on_progress = on_progress
        self._heads = KnownHeads()
        self._findings: list[Finding] = []
        self._more = 0
        self._rows = 0
        self._total = 0
        self._chains: set[tuple[Source, str]] = set()
        # By the chain they name: what begin rows say of chains before them.
        self._named: dict[str, tuple[str, str]] = {}
        self._firsts: dict[str, str] = {}

    async def run(self) -> Report:
        if self._store is not None:
            trail = await self._connection.fetchval(
                "SELECT value FROM maxray_meta WHERE key = 'journal_id'"
            )
            await self._heads.read(self._store, str(trail), self._since)
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            if self._store is not None:
                await self._compare_list()
            self._total = sum([await self._count(source) for source in TABLES])
            for source in TABLES:
                await self._check(source)
        for (source, writer), points in self._heads.chains.items():
            if (source, writer) not in self._chains:
                self._add([whole_chain_removed(source, writer, points[-1])])
        if self._since is None:
            self._check_named()
        self._on_progress(self._rows, self._rows)
        return Report(
            rows=self._rows,
            chains=len(self._chains),
            heads=None if self._store is None else self._heads.count,
            findings=(*self._heads.findings, *self._findings),
            more=self._more,
        )

    async def _compare_list(self) -> None:
        rows = await self._connection.fetch("SELECT key, digest FROM audit_head ORDER BY number")
        # By the keys' times, which is what the objects were chosen by.
        start = 0 if self._since is None else int(self._since)
        self._heads.compare(
            {row["key"]: row["digest"].hex() for row in rows if time_in(row["key"]) >= start}
        )

    def _selected(self, source: Source) -> tuple[str, list[float]]:
        """FROM and WHERE for the rows to read, and their arguments."""
        table = TABLES[source]
        if self._since is None:
            return f"{table} t", []
        starts = _STARTS.format(table=table, since="$1")
        return f"{table} t JOIN ({starts}) s USING (writer) WHERE t.seq >= s.first - 1", [
            self._since
        ]

    async def _count(self, source: Source) -> int:
        selected, arguments = self._selected(source)
        return int(
            await self._connection.fetchval(f"SELECT count(*) FROM {selected}", *arguments)  # noqa: S608 - names of ours; values are arguments
        )

    async def _stream(self, source: Source) -> AsyncIterator[Row]:
        selected, arguments = self._selected(source)
        # ctid: of two rows under one number, should the key be gone, the order is then the same.
        query = f"SELECT {_COLUMNS[source]} FROM {selected} ORDER BY writer, seq, t.ctid"  # noqa: S608 - as above
        kind = _TYPES[source]
        async for record in self._connection.cursor(query, *arguments, prefetch=PREFETCH):
            values = dict(record.items())
            if source == "access":
                values["patients"] = tuple(values["patients"] or ())
            yield kind(**values)

    async def _check(self, source: Source) -> None:
        check: ChainCheck | None = None
        writer = ""
        async for row in self._stream(source):
            self._rows += 1
            if self._rows % PREFETCH == 0:
                self._on_progress(self._rows, self._total)
            if check is None or row.writer != writer:
                if check is not None:
                    self._add(check.findings())
                writer = row.writer
                self._chains.add((source, writer))
                points = self._heads.checkpoints(source, writer)
                if self._since is not None and row.seq > 0 and row.at < self._since:
                    # The row before those that were asked for: only to hold on to.
                    check = ChainCheck(source, writer, points, row.seq + 1, row.hash)
                    continue
                first = 1 if self._since is None else row.seq
                check = ChainCheck(source, writer, points, first, GENESIS)
            check.feed(row)
            self._look_around(source, row)
        if check is not None:
            self._add(check.findings())

    def _look_around(self, source: Source, row: Row) -> None:
        """What a row says beyond its own chain."""
        if number := self._heads.late(source, row):
            says = f"dated well before heads {number}, which do not have it: put in afterwards"
            self._add([_at(source, row, "inserted", says)])
        if not isinstance(row, AccessRow) or row.seq != 1:
            return
        self._firsts[row.writer] = row.hash.hex()
        if row.action != "trail.begin":
            self._add([_at(source, row, "removed", "the chain does not begin with `trail.begin`")])
            return
        try:
            begin = _begin.decode(row.details)
        except msgspec.DecodeError:
            return  # altered: its hash says so
        if begin.conflict:
            says = f"its writer found rows of somebody else at the end of {begin.conflict}"
            self._add([_at(source, row, "inserted", says)])
        if begin.after:
            self._named[row.writer] = (begin.after, begin.after_hash)

    def _check_named(self) -> None:
        """Each chain of access names the one begun before it."""
        for writer, (after, after_hash) in self._named.items():
            first = self._firsts.get(after)
            if first is None and ("access", after) not in self._chains:
                says = f"the whole chain is missing; {writer} names it as begun before"
            elif first is not None and first != after_hash:
                says = f"its first row is not the one that {writer} names"
            else:
                continue
            kind: Any = "removed" if first is None else "rewritten"
            self._add(
                [Finding(kind=kind, source="access", writer=after, first=1, last=1, says=says)]
            )

    def _add(self, found: list[Finding]) -> None:
        room = MAX_FINDINGS - len(self._findings)
        self._findings += found[:room]
        self._more += len(found[room:])


def _at(source: Source, row: Row, kind: Any, says: str) -> Finding:
    return Finding(
        kind=kind, source=source, writer=row.writer, first=row.seq, last=row.seq, says=says
    )

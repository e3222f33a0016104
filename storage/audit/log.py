"""The trail as those see it who ask what happened."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import asyncpg
from msgspec import Struct

from storage.audit.chain import Source
from storage.audit.connection import COMMAND_TIMEOUT_S, CONNECT_TIMEOUT_S, LOST, why
from storage.audit.entry import Outcome
from storage.audit.errors import AuditUnavailable

# Questions are rare and may scan: they get few connections, and never those of the service.
POOL_SIZE: Final = 2


class Place(Struct, frozen=True, array_like=True):
    """Where a line stands: newest first by time, then by chain and number."""

    at: float
    writer: str
    seq: int


class Line(Struct, frozen=True, kw_only=True):
    """A row of either table. `source` "command": a step of an entity, whose commit holds the row;
    `version` is then the journal's, `request_id` the command's id, and `patients` is empty."""

    source: Source
    place: Place
    role: str
    subject: str
    action: str
    outcome: Outcome
    kind: str
    id: str
    hash: bytes
    patients: tuple[str, ...] = ()
    reason: str = ""
    note: bytes | None = None
    address: str = ""
    request_id: str = ""
    details: str = ""
    version: int | None = None


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked for. `patient`: of whom; with it also the steps of that patient's emergencies.

    `subject` alone is a person; what processes and entities did has the role "system". Times are
    Unix seconds, [since, until). `without`: a subject whose lines are left out. `steps`:
    whether entities' steps count, or only what was done at the doors; `system`: whether what no
    person did counts.
    """

    role: str | None = None
    subject: str | None = None
    patient: str | None = None
    action: str | None = None
    kind: str | None = None
    id: str | None = None
    outcome: Outcome | None = None
    request_id: str | None = None
    since: float | None = None
    until: float | None = None
    without: str | None = None
    steps: bool = True
    system: bool = True


class _Where:
    """Conditions with their arguments numbered."""

    def __init__(self) -> None:
        self.arguments: list[Any] = []
        self._conditions: list[str] = []

    def add(self, condition: str, *values: Any) -> None:
        """`condition` has {} for each value."""
        places = []
        for value in values:
            self.arguments.append(value)
            places.append(f"${len(self.arguments)}")
        self._conditions.append(condition.format(*places))

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "true"


class AuditLog:
    """Reads. All methods raise AuditUnavailable."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def lines(
        self, wanted: Wanted, before: Place | None, limit: int
    ) -> tuple[list[Line], bool]:
        """At most `limit`, newest first, after the place `before`; and whether there are more."""
        found = await self._read(*_access(wanted, before, limit + 1))
        lines = [_access_line(row) for row in found]
        if wanted.steps and wanted.outcome in (None, "allowed"):
            found = await self._read(*_commands(wanted, before, limit + 1))
            lines += [_command_line(row) for row in found]
            lines.sort(key=lambda line: (line.place.at, line.place.writer, line.place.seq))
            lines.reverse()
        return lines[:limit], len(lines) > limit

    async def _read(self, sql: str, arguments: list[Any]) -> list[asyncpg.Record]:
        try:
            async with self._opening:
                if self._pool is None:
                    self._pool = await asyncpg.create_pool(
                        self._url,
                        min_size=0,
                        max_size=POOL_SIZE,
                        timeout=CONNECT_TIMEOUT_S,
                        command_timeout=COMMAND_TIMEOUT_S,
                    )
            rows: list[asyncpg.Record] = await self._pool.fetch(sql, *arguments)
        except LOST as error:
            raise AuditUnavailable(why(error)) from error
        return rows


def _access(wanted: Wanted, before: Place | None, limit: int) -> tuple[str, list[Any]]:
    where = _shared(wanted, before)
    if wanted.patient is not None:
        where.add("patients @> ARRAY[{}::text]", wanted.patient)
    for column, value in (
        ("kind", wanted.kind),
        ("resource", wanted.id),
        ("outcome", wanted.outcome),
        ("request_id", wanted.request_id),
    ):
        if value is not None:
            where.add(f"{column} = {{}}", value)
    return _newest("audit_access", where, limit)


def _commands(wanted: Wanted, before: Place | None, limit: int) -> tuple[str, list[Any]]:
    where = _shared(wanted, before)
    if wanted.patient is not None:
        where.add(
            "ref IN (SELECT 'emergency:' || id FROM emergency_index WHERE patient_id::text = {})",
            wanted.patient,
        )
    if wanted.kind is not None and wanted.id is not None:
        where.add("ref = {}", f"{wanted.kind}:{wanted.id}")
    elif wanted.kind is not None:
        where.add("split_part(ref, ':', 1) = {}", wanted.kind)
    elif wanted.id is not None:
        where.add("substr(ref, strpos(ref, ':') + 1) = {}", wanted.id)
    if wanted.request_id is not None:
        where.add("command_id = {}", wanted.request_id)
    return _newest("audit", where, limit)


def _shared(wanted: Wanted, before: Place | None) -> _Where:
    where = _Where()
    if before is not None:
        where.add(
            '(at, writer COLLATE "C", seq) < ({}::float8, {}::text, {}::bigint)',
            before.at,
            before.writer,
            before.seq,
        )
    for column, value in (
        ("role", wanted.role),
        ("subject", wanted.subject),
        ("action", wanted.action),
    ):
        if value is not None:
            where.add(f"{column} = {{}}", value)
    # Who is asked for is somebody; as the index by subject, which has no messages of entities.
    if not wanted.system or (wanted.subject is not None and wanted.role != "system"):
        where.add("role <> 'system'")
    if wanted.without is not None:
        where.add("subject <> {}", wanted.without)
    if wanted.since is not None:
        where.add("at >= {}", wanted.since)
    if wanted.until is not None:
        where.add("at < {}", wanted.until)
    return where


def _newest(table: str, where: _Where, limit: int) -> tuple[str, list[Any]]:
    arguments = [*where.arguments, limit]
    sql = (
        f"SELECT * FROM {table} WHERE {where} "  # noqa: S608 - our own words; values are arguments
        f'ORDER BY at DESC, writer COLLATE "C" DESC, seq DESC LIMIT ${len(arguments)}'
    )
    return sql, arguments


def _access_line(row: asyncpg.Record) -> Line:
    return Line(
        source="access",
        place=Place(row["at"], row["writer"], row["seq"]),
        role=row["role"],
        subject=row["subject"],
        action=row["action"],
        outcome=row["outcome"],
        kind=row["kind"],
        id=row["resource"],
        hash=row["hash"],
        patients=tuple(row["patients"]),
        reason=row["reason"],
        note=row["note"],
        address=row["address"],
        request_id=row["request_id"],
        details=row["details"],
    )


def _command_line(row: asyncpg.Record) -> Line:
    kind, _, id_ = row["ref"].partition(":")
    return Line(
        source="command",
        place=Place(row["at"], row["writer"], row["seq"]),
        role=row["role"],
        subject=row["subject"],
        action=row["action"],
        outcome="allowed",
        kind=kind,
        id=id_,
        hash=row["hash"],
        request_id=row["command_id"],
        version=row["version"],
    )

"""The shift plan. That a unit has one shift at a time is an exclusion constraint of the table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg
from piccolo.columns.combination import WhereRaw

from actors.ports import OutboxRow
from storage.encryption import Vault
from storage.records import NoSuchRecord, idempotency, outbox, query
from storage.records.database import Database
from storage.records.row import Rows
from storage.resources.errors import ShiftsOverlap
from storage.resources.row import ShiftFilter, ShiftRow, columns, from_columns
from storage.resources.table import ShiftTable

KIND: Final = "shift"
_CHANGE: Final = """
UPDATE shift SET station_id = {}, region = {}, starts_at = {}, ends_at = {}, updated_at = {},
    revision = revision + 1
WHERE id = {} AND cancelled_at IS NULL RETURNING *
"""
_CANCEL: Final = """
UPDATE shift SET cancelled_at = {}, updated_at = {}, revision = revision + 1
WHERE id = {} AND cancelled_at IS NULL RETURNING *
"""
# Two that put overlapping rows in at once wait for each other in the exclusion constraint, until
# PostgreSQL ends one as a deadlock. One at a time for each unit, and the second sees the first.
_ONE_AT_A_TIME: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('shift of ' || {}, 0))
"""

Tell = Callable[[ShiftRow], OutboxRow]


class Shifts:
    """All methods raise RecordsUnavailable; those that name one NoSuchRecord, also of a cancelled
    one. `tell` makes the message to the shift's entity for a row.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def create(
        self, row: ShiftRow, command_id: str, print_: bytes, tell: Tell
    ) -> tuple[str, OutboxRow | None]:
        """The id of the shift this command created, now or before. Raises ShiftsOverlap,
        KeyReused."""
        async with self._changing():
            known = await idempotency.claim(self._vault, command_id, print_, row.id, row.created_at)
            if known is not None:
                return known, None
            await ShiftTable.raw(_ONE_AT_A_TIME, row.unit_id)
            await ShiftTable.insert(ShiftTable(**columns(row)))
            told = tell(row)
            await outbox.put(told, self._vault)
            return row.id, told

    async def get(self, id_: str) -> ShiftRow:
        """Cancelled ones too."""
        async with self._database.visit():
            row: dict[str, Any] | None = (
                await ShiftTable.select().where(ShiftTable.id == id_).first()
            )
        if row is None:
            raise NoSuchRecord(KIND)
        return from_columns(ShiftRow, row)

    async def list(self, wanted: ShiftFilter, limit: int) -> Rows[ShiftRow]:
        async with self._database.visit():
            rows, more = await query.newest_first(ShiftTable, _conditions(wanted), limit)
        return Rows(tuple(from_columns(ShiftRow, row) for row in rows), more)

    async def running(self, region: str, at: datetime) -> tuple[ShiftRow, ...]:
        """Those of the region that run at that time, by their beginning."""
        async with self._database.visit():
            rows = await (
                ShiftTable.select()
                .where(ShiftTable.region == region)
                .where(ShiftTable.cancelled_at.is_null())
                .where(WhereRaw("tstzrange(starts_at, ends_at) @> {}::timestamptz", at))
                .order_by(ShiftTable.starts_at, ShiftTable.id)
            )
        return tuple(from_columns(ShiftRow, row) for row in rows)

    async def replace(self, row: ShiftRow, tell: Tell) -> tuple[ShiftRow, OutboxRow]:
        """Another station or other times. Raises ShiftsOverlap."""
        return await self._changed(
            tell,
            row.id,
            _CHANGE,
            row.station_id,
            row.region,
            row.starts_at,
            row.ends_at,
            row.updated_at,
            row.id,
            alone=row.unit_id,
        )

    async def cancel(self, id_: str, at: datetime, tell: Tell) -> tuple[ShiftRow, OutboxRow]:
        """It is not to come; its row stays."""
        return await self._changed(tell, id_, _CANCEL, at, at, id_)

    async def _changed(
        self, tell: Tell, id_: str, statement: str, *values: Any, alone: str | None = None
    ) -> tuple[ShiftRow, OutboxRow]:
        async with self._changing():
            if alone is not None:
                await ShiftTable.raw(_ONE_AT_A_TIME, alone)
            rows = await ShiftTable.raw(statement, *values)
            if not rows:
                known = await ShiftTable.exists().where(ShiftTable.id == id_)
                raise NoSuchRecord(KIND, deleted=known)
            row = from_columns(ShiftRow, rows[0])
            told = tell(row)
            await outbox.put(told, self._vault)
            return row, told

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        try:
            async with self._database.transaction():
                yield
        except asyncpg.ExclusionViolationError as error:
            raise ShiftsOverlap("the unit has another shift at that time") from error


def _conditions(wanted: ShiftFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.before is not None:
        found.append(ShiftTable.id < wanted.before)
    for column in ("region", "unit_id", "station_id"):
        value = getattr(wanted, column)
        if value is not None:
            found.append(getattr(ShiftTable, column) == value)
    if not wanted.cancelled:
        found.append(ShiftTable.cancelled_at.is_null())
    if wanted.from_ is not None or wanted.to is not None:
        span = "tstzrange(starts_at, ends_at) && tstzrange({}, {})"
        found.append(WhereRaw(span, wanted.from_, wanted.to))
    return found

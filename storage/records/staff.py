"""Doctors' and paramedics' profiles: rows with an entity behind them.

What tells the entity is a message in the same transaction (outbox.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec.structs import asdict
from piccolo.table import Table

from actors.ports import OutboxRow
from storage.records import idempotency, outbox, query
from storage.records.database import Database
from storage.records.row import DoctorRow, Filter, ParamedicRow, Rows
from storage.records.table import Doctor, Paramedic

R = TypeVar("R", DoctorRow, ParamedicRow)


class Profiles(Generic[R]):
    """All methods raise RecordsUnavailable; those that name somebody NoSuchRecord."""

    def __init__(self, database: Database, kind: str, table: type[Table], row: type[R]) -> None:
        self._database = database
        self._kind = kind
        self._table = table
        self._row: type[R] = row

    async def create(
        self, row: R, command_id: str, print_: bytes, tell: Callable[[str], OutboxRow]
    ) -> tuple[str, OutboxRow]:
        """The id of the profile this command created, now or before, and the message about it.

        `tell` makes the message for an id. Raises KeyReused.
        """
        async with self._database.transaction():
            known = await idempotency.claim(command_id, print_, row.id, row.created_at)
            if known is not None:
                return known, tell(known)
            await self._table.insert(self._table(**asdict(row)))
            told = tell(row.id)
            await outbox.put(told)
            return row.id, told

    async def get(self, id_: str) -> R:
        async with self._database.visit():
            return self._from(await query.one(self._table, self._kind, id_))

    async def list(self, wanted: Filter, limit: int) -> Rows[R]:
        """Those that are not deleted."""
        async with self._database.visit():
            where = query.conditions(self._table, wanted)
            where.append(self._table.deleted_at.is_null())  # type: ignore[attr-defined]
            rows, more = await query.newest_first(self._table, where, limit)
        return Rows(tuple(map(self._from, rows)), more)

    async def replace(self, row: R, told: OutboxRow) -> None:
        """Everything but `id` and `created_at`, and the message that says so."""
        values = asdict(row)
        for fixed in ("id", "created_at", "deleted_at"):
            del values[fixed]
        async with self._database.transaction():
            await query.change(self._table, self._kind, row.id, values)
            await outbox.put(told)

    async def delete(self, id_: str, at: datetime) -> None:
        """Gone from now on; its entity was retired before."""
        async with self._database.transaction():
            await query.change(self._table, self._kind, id_, {"deleted_at": at})

    def _from(self, values: dict[str, Any]) -> R:
        lists = {name: tuple(v) for name, v in values.items() if isinstance(v, list)}
        return self._row(**{**values, **lists, "id": str(values["id"])})


def doctors(database: Database) -> Profiles[DoctorRow]:
    return Profiles(database, "doctor", Doctor, DoctorRow)


def paramedics(database: Database) -> Profiles[ParamedicRow]:
    return Profiles(database, "paramedic", Paramedic, ParamedicRow)

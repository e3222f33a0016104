"""Hospitals' profiles: rows with an entity behind them, which holds their load."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from actors.ports import OutboxRow
from storage.encryption import Vault
from storage.records import idempotency, outbox, query
from storage.records.database import Database
from storage.records.row import Filter, Rows
from storage.resources.row import HospitalRow, columns, from_columns
from storage.resources.table import HospitalTable

KIND = "hospital"
_CHANGED = """
UPDATE hospital SET updated_at = GREATEST({}, updated_at + interval '1 millisecond')
WHERE id = {} RETURNING updated_at
"""


class Hospitals:
    """All methods raise RecordsUnavailable; those that name one NoSuchRecord."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def create(
        self, row: HospitalRow, command_id: str, print_: bytes, tell: Callable[[str], OutboxRow]
    ) -> tuple[str, OutboxRow]:
        """The id of the hospital this command created, now or before, and the message about it.

        Raises KeyReused.
        """
        async with self._database.transaction():
            known = await idempotency.claim(self._vault, command_id, print_, row.id, row.created_at)
            if known is not None:
                return known, tell(known)
            await HospitalTable.insert(HospitalTable(**columns(row)))
            told = tell(row.id)
            await outbox.put(told, self._vault)
            return row.id, told

    async def get(self, id_: str) -> HospitalRow:
        async with self._database.visit():
            return from_columns(HospitalRow, await query.one(HospitalTable, KIND, id_))

    async def list(self, wanted: Filter, limit: int) -> Rows[HospitalRow]:
        """Those that are not deleted."""
        async with self._database.visit():
            where = query.conditions(HospitalTable, wanted)
            where.append(HospitalTable.deleted_at.is_null())
            rows, more = await query.newest_first(HospitalTable, where, limit)
        return Rows(tuple(from_columns(HospitalRow, row) for row in rows), more)

    async def of_region(self, region: str) -> tuple[HospitalRow, ...]:
        """All of them, by id: there are few in a region."""
        async with self._database.visit():
            rows = await (
                HospitalTable.select()
                .where(HospitalTable.region == region)
                .where(HospitalTable.deleted_at.is_null())
                .order_by(HospitalTable.id)
            )
        return tuple(from_columns(HospitalRow, row) for row in rows)

    async def replace(
        self, row: HospitalRow, tell: Callable[[HospitalRow], OutboxRow]
    ) -> OutboxRow:
        """Everything but `id` and `created_at`, and the message that says so.

        `tell` is given the row with its new `updated_at`, which is later than the last one
        whatever the clocks of those who write: changes are as old as they were committed.
        """
        values = columns(row)
        del values["id"], values["created_at"], values["updated_at"]
        async with self._database.transaction():
            await query.change(HospitalTable, KIND, row.id, values)  # and locks it
            (at,) = await HospitalTable.raw(_CHANGED, row.updated_at, row.id)
            told = tell(replace(row, updated_at=at["updated_at"]))
            await outbox.put(told, self._vault)
            return told

    async def delete(self, id_: str, at: datetime) -> None:
        """Gone from now on; its entity was retired before."""
        async with self._database.transaction():
            await query.change(HospitalTable, KIND, id_, {"deleted_at": at})

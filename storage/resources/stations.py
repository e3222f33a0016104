"""Stations. With each change the dispatcher of the region is told all of them, in the same
transaction, under a number that says which list is the newer."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from actors.domain.kernel import EntityRef, Sender
from actors.domain.messages.card import StationRef
from actors.domain.messages.to_dispatcher import StationsChanged
from actors.ports import OutboxRow
from storage.encryption import Vault
from storage.records import idempotency, outbox, query
from storage.records.database import Database
from storage.records.row import Filter, Rows
from storage.resources.row import StationRow, columns, from_columns
from storage.resources.table import StationTable

KIND: Final = "station"
_RECORDS: Final = Sender("system", "stations")
# Also the lock by which changes of one region follow each other: whoever counts next sees all
# that was committed before.
_COUNT: Final = """
INSERT INTO station_list (region, revision) VALUES ({}, 1)
ON CONFLICT (region) DO UPDATE SET revision = station_list.revision + 1 RETURNING revision
"""

Told = tuple[OutboxRow, ...]


class Stations:
    """All methods raise RecordsUnavailable; those that name one NoSuchRecord.

    Those that change something return the messages to bring.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def create(self, row: StationRow, command_id: str, print_: bytes) -> tuple[str, Told]:
        """The id of the station this command created, now or before. Raises KeyReused."""
        async with self._database.transaction():
            known = await idempotency.claim(self._vault, command_id, print_, row.id, row.created_at)
            if known is not None:
                return known, ()
            await StationTable.insert(StationTable(**columns(row)))
            return row.id, await self._tell({row.region}, command_id, row.created_at)

    async def get(self, id_: str) -> StationRow:
        async with self._database.visit():
            return from_columns(StationRow, await query.one(StationTable, KIND, id_))

    async def list(self, wanted: Filter, limit: int) -> Rows[StationRow]:
        """Those that are not deleted."""
        async with self._database.visit():
            where = query.conditions(StationTable, wanted)
            where.append(StationTable.deleted_at.is_null())
            rows, more = await query.newest_first(StationTable, where, limit)
        return Rows(tuple(from_columns(StationRow, row) for row in rows), more)

    async def replace(self, row: StationRow, command_id: str) -> Told:
        """Everything but `id` and `created_at`. Of another region now: both are told."""
        values = columns(row)
        del values["id"], values["created_at"]
        async with self._database.transaction():
            before = await query.one(StationTable, KIND, row.id)
            await query.change(StationTable, KIND, row.id, values)
            return await self._tell({before["region"], row.region}, command_id, row.updated_at)

    async def delete(self, id_: str, command_id: str, at: datetime) -> Told:
        """Gone from now on; what was planned there stays as it was planned."""
        async with self._database.transaction():
            before = await query.one(StationTable, KIND, id_)
            await query.change(StationTable, KIND, id_, {"deleted_at": at})
            return await self._tell({before["region"]}, command_id, at)

    async def _tell(self, regions: set[str], command_id: str, at: datetime) -> Told:
        told = []
        for region in sorted(regions):  # in one order, so that two of them never wait crosswise
            (counted,) = await StationTable.raw(_COUNT, region)
            rows = await (
                StationTable.select()
                .where(StationTable.region == region)
                .where(StationTable.deleted_at.is_null())
                .order_by(StationTable.id)
            )
            stations = (from_columns(StationRow, row) for row in rows)
            changed = StationsChanged(
                revision=counted["revision"],
                stations=tuple(StationRef(s.id, s.name, s.location) for s in stations),
            )
            to = EntityRef("dispatcher", region)
            # A PUT that is repeated is another list: it is told under a name of its own.
            named = f"{command_id}:{changed.revision}"
            told.append(outbox.message(to, changed, named, _RECORDS, at.timestamp()))
            await outbox.put(told[-1], self._vault)
        return tuple(told)

"""Doctors' and paramedics' profiles: rows with an entity behind them.

What tells the entity is a message in the same transaction (outbox.py). Who somebody is and how to
reach them is sealed under the SYSTEM key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import asdict
from piccolo.table import Table

from actors.ports import OutboxRow
from storage.encryption import SYSTEM, Vault
from storage.records import idempotency, outbox, query
from storage.records.database import Database
from storage.records.row import DoctorRow, Filter, ParamedicRow, Rows
from storage.records.sealing import RowSealer
from storage.records.table import Doctor, Paramedic

R = TypeVar("R", DoctorRow, ParamedicRow)


class Identity(Struct, frozen=True, kw_only=True):
    """What of a profile is sealed. `email`: paramedics have none."""

    name: str
    registration_number: str | None
    phone: str | None
    email: str | None = None


SEALED: Final = frozenset(Identity.__struct_fields__)


class Profiles(Generic[R]):
    """All methods raise RecordsUnavailable; those that name somebody NoSuchRecord."""

    def __init__(
        self, database: Database, vault: Vault, kind: str, table: type[Table], row: type[R]
    ) -> None:
        self._database = database
        self._vault = vault
        self._kind = kind
        self._table = table
        self._row: type[R] = row
        self._sealer = RowSealer(vault, kind)

    async def create(
        self, row: R, command_id: str, print_: bytes, tell: Callable[[str], OutboxRow]
    ) -> tuple[str, OutboxRow]:
        """The id of the profile this command created, now or before, and the message about it.

        `tell` makes the message for an id. Raises KeyReused.
        """
        values = self._columns(row)
        async with self._database.transaction():
            known = await idempotency.claim(self._vault, command_id, print_, row.id, row.created_at)
            if known is not None:
                return known, tell(known)
            await self._table.insert(self._table(**values))
            told = tell(row.id)
            await outbox.put(told, self._vault)
            return row.id, told

    async def get(self, id_: str) -> R:
        async with self._database.visit():
            return self._from(await query.one(self._table, self._kind, id_))

    async def list(self, wanted: Filter, limit: int) -> Rows[R]:
        """Those that are not deleted."""
        async with self._database.visit():
            where = query.conditions(self._table, wanted, self._sealer)
            where.append(self._table.deleted_at.is_null())  # type: ignore[attr-defined]  # all ours have it
            rows, more = await query.newest_first(self._table, where, limit)
        return Rows(tuple(map(self._from, rows)), more)

    async def replace(self, row: R, told: OutboxRow) -> None:
        """Everything but `id` and `created_at`, and the message that says so."""
        values = self._columns(row)
        for fixed in ("id", "created_at", "deleted_at"):
            del values[fixed]
        async with self._database.transaction():
            await query.change(self._table, self._kind, row.id, values)
            await outbox.put(told, self._vault)

    async def delete(self, id_: str, at: datetime) -> None:
        """Gone from now on; its entity was retired before."""
        async with self._database.transaction():
            await query.change(self._table, self._kind, id_, {"deleted_at": at})

    def _columns(self, row: R) -> dict[str, Any]:
        values = asdict(row)
        own = {name: values.pop(name) for name in SEALED & values.keys()}
        return {**values, **sealed_columns(row.id, Identity(**own), self._sealer)}

    def _from(self, values: dict[str, Any]) -> R:
        id_ = str(values["id"])
        if values["sealed"] is not None:
            identity = self._sealer.open(SYSTEM, id_, values["sealed"], Identity)
            values = {**values, **asdict(identity)}
        lists = {name: tuple(v) for name, v in values.items() if isinstance(v, list)}
        known = self._row.__struct_fields__
        return self._row(
            **{name: v for name, v in {**values, **lists, "id": id_}.items() if name in known}
        )


def sealed_columns(id_: str, identity: Identity, sealer: RowSealer) -> dict[str, Any]:
    """What stands in the row for this content."""
    return {
        "sealed": sealer.seal(SYSTEM, id_, identity),
        "name_digests": sealer.name_digests(identity.name),
    }


def doctors(database: Database, vault: Vault) -> Profiles[DoctorRow]:
    return Profiles(database, vault, "doctor", Doctor, DoctorRow)


def paramedics(database: Database, vault: Vault) -> Profiles[ParamedicRow]:
    return Profiles(database, vault, "paramedic", Paramedic, ParamedicRow)

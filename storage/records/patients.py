"""Patients' records. They have no entity: the row is all there is of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import asdict

from storage.records import idempotency, query
from storage.records.database import Database
from storage.records.row import Contact, Filter, Insurance, PatientRow, Rows
from storage.records.table import Patient

_insurance = msgspec.json.Decoder(Insurance | None)
_contacts = msgspec.json.Decoder(tuple[Contact, ...])


class Patients:
    """All methods raise RecordsUnavailable; those that name a patient NoSuchRecord."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, row: PatientRow, command_id: str, print_: bytes) -> str:
        """The id of the patient this command created, now or before. Raises KeyReused."""
        async with self._database.transaction():
            known = await idempotency.claim(command_id, print_, row.id, row.created_at)
            if known is None:
                await Patient.insert(Patient(**_columns(row)))
            return known or row.id

    async def get(self, id_: str) -> PatientRow:
        async with self._database.visit():
            return _row(await query.one(Patient, "patient", id_))

    async def list(self, wanted: Filter, limit: int) -> Rows[PatientRow]:
        """Those that are not deleted."""
        async with self._database.visit():
            where = [*query.conditions(Patient, wanted), Patient.deleted_at.is_null()]
            rows, more = await query.newest_first(Patient, where, limit)
        return Rows(tuple(map(_row, rows)), more)

    async def replace(self, row: PatientRow) -> None:
        """Everything but `id` and `created_at`."""
        values = _columns(row)
        for fixed in ("id", "created_at", "deleted_at"):
            del values[fixed]
        async with self._database.transaction():
            await query.change(Patient, "patient", row.id, values)

    async def delete(self, id_: str, at: datetime) -> None:
        """Gone from now on. The row stays until erasure destroys the patient's key."""
        async with self._database.transaction():
            await query.change(Patient, "patient", id_, {"deleted_at": at})


def _columns(row: PatientRow) -> dict[str, Any]:
    values = asdict(row)
    values["insurance"] = row.insurance and msgspec.json.encode(row.insurance).decode()
    values["contacts"] = msgspec.json.encode(row.contacts).decode()
    return values


def _row(values: dict[str, Any]) -> PatientRow:
    return PatientRow(
        **{
            **values,
            "id": str(values["id"]),
            "insurance": _insurance.decode(values["insurance"] or "null"),
            "contacts": _contacts.decode(values["contacts"]),
        }
    )

"""Patients' records. They have no entity: the row is all there is of them.

Sealed under the patient's own key; see sealing.py for what can be looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct

from storage.encryption import EncryptionError, Vault
from storage.records import idempotency, query
from storage.records.database import Database
from storage.records.errors import RecordsUnavailable
from storage.records.row import Contact, Filter, Insurance, PatientRow, Rows, Sex
from storage.records.sealing import RowSealer
from storage.records.table import Patient

_insurance = msgspec.json.Decoder(Insurance | None)
_contacts = msgspec.json.Decoder(tuple[Contact, ...])


class Identity(Struct, frozen=True, kw_only=True):
    """What of a patient is sealed."""

    name: str
    birth_date: date | None
    sex: Sex
    phone: str
    email: str | None
    address: str | None
    upi_id: str | None
    insurance: Insurance | None
    contacts: tuple[Contact, ...]


class Patients:
    """All methods raise RecordsUnavailable; those that name a patient NoSuchRecord."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._sealer = RowSealer(vault, "patient")

    async def create(self, row: PatientRow, command_id: str, print_: bytes) -> str:
        """The id of the patient this command created, now or before. Raises KeyReused."""
        await self._sealer.prepare(row.id)
        values = _columns(row, self._sealer)
        async with self._database.transaction():
            known = await idempotency.claim(self._vault, command_id, print_, row.id, row.created_at)
            if known is None:
                await Patient.insert(
                    Patient(
                        id=row.id,
                        created_at=row.created_at,
                        deleted_at=row.deleted_at,
                        **values,
                    )
                )
            return known or row.id

    async def get(self, id_: str) -> PatientRow:
        async with self._database.visit():
            values = await query.one(Patient, "patient", id_)
        (row,) = await self._rows([values])
        return row

    async def list(self, wanted: Filter, limit: int) -> Rows[PatientRow]:
        """Those that are not deleted."""
        async with self._database.visit():
            where = query.conditions(Patient, wanted, self._sealer)
            where.append(Patient.deleted_at.is_null())
            rows, more = await query.newest_first(Patient, where, limit)
        return Rows(tuple(await self._rows(rows)), more)

    async def replace(self, row: PatientRow) -> None:
        """Everything but `id` and `created_at`."""
        await self._sealer.prepare(row.id)
        values = _columns(row, self._sealer)
        async with self._database.transaction():
            await query.change(Patient, "patient", row.id, values)

    async def delete(self, id_: str, at: datetime, erase_at: datetime) -> None:
        """Gone from now on. What is in the row can be read until its key is destroyed."""
        async with self._database.transaction():
            times = {"deleted_at": at, "erase_at": erase_at}
            await query.change(Patient, "patient", id_, times)

    async def to_erase(self, now: datetime, limit: int) -> Sequence[str]:
        """Deleted patients whose time has come, the longest due first."""
        async with self._database.visit():
            rows = await (
                Patient.select(Patient.id)
                .where(Patient.erase_at <= now)
                .where(Patient.erased_at.is_null())
                .order_by(Patient.erase_at)
                .limit(limit)
            )
        return [str(row["id"]) for row in rows]

    async def erase(self, id_: str, at: datetime) -> None:
        """Destroy a deleted patient's data key, then empty the row. A repeat does no harm.

        In that order: a row without content but with a key would never be come back to.
        """
        try:
            await self._vault.destroy(id_)
        except EncryptionError as error:
            raise RecordsUnavailable(str(error)) from error
        async with self._database.visit():
            await (
                Patient.update(
                    {
                        Patient.sealed: None,
                        Patient.phone_digest: None,
                        Patient.name_digests: None,
                        Patient.region: None,
                        Patient.erased_at: at,
                        **dict.fromkeys(CLEAR, None),
                    }
                )
                .where(Patient.id == id_)
                .where(Patient.deleted_at.is_not_null())
                .where(Patient.erased_at.is_null())
            )

    async def _rows(self, found: Sequence[dict[str, Any]]) -> Sequence[PatientRow]:
        await self._sealer.prepare(*(str(values["id"]) for values in found))
        return [_row(values, self._sealer) for values in found]


# The columns of older versions, where they stood in clear.
CLEAR = (
    Patient.name,
    Patient.birth_date,
    Patient.sex,
    Patient.phone,
    Patient.email,
    Patient.address,
    Patient.upi_id,
    Patient.insurance,
    Patient.contacts,
)


def _columns(row: PatientRow, sealer: RowSealer) -> dict[str, Any]:
    identity = Identity(**{name: getattr(row, name) for name in Identity.__struct_fields__})
    return {
        **sealed_columns(row.id, identity, sealer),
        "region": row.region,
        "updated_at": row.updated_at,
    }


def sealed_columns(id_: str, identity: Identity, sealer: RowSealer) -> dict[str, Any]:
    """What stands in the row for this content. The patient's key is prepared."""
    return {
        "sealed": sealer.seal(id_, id_, identity),
        "phone_digest": sealer.phone_digest(identity.phone),
        "name_digests": sealer.name_digests(identity.name),
    }


def clear_identity(values: dict[str, Any]) -> Identity:
    """The content of a row of an older version."""
    return Identity(
        **{name: values[name] for name in Identity.__struct_fields__[:-2]},
        insurance=_insurance.decode(values["insurance"] or "null"),
        contacts=_contacts.decode(values["contacts"] or "[]"),
    )


def _row(values: dict[str, Any], sealer: RowSealer) -> PatientRow:
    id_ = str(values["id"])
    identity = (
        clear_identity(values)
        if values["sealed"] is None
        else sealer.open(id_, id_, values["sealed"], Identity)
    )
    return PatientRow(
        id=id_,
        region=values["region"],
        **{name: values[name] for name in ("created_at", "updated_at", "deleted_at")},
        **{name: getattr(identity, name) for name in Identity.__struct_fields__},
    )

"""The records' tables. Their engine is that of the context a query runs in (storage/engine.py).

Ids are UUIDv7, so the primary key also orders rows by age, and pages are cut along it. A deleted
row stays, for its id must answer "gone" and never be given out again.

What names or describes a person is in `sealed` (sealing.py), and what is looked up in it has a
keyed hash beside it. The clear columns of older versions are empty; they go a release later.
"""

from __future__ import annotations

from piccolo.columns import (
    UUID,
    Array,
    Boolean,
    Bytea,
    Date,
    DoublePrecision,
    SmallInt,
    Text,
    Timestamptz,
)
from piccolo.columns.column_types import JSONB
from piccolo.columns.indexes import IndexMethod
from piccolo.table import Table

from storage.engine import CURRENT


class Patient(Table, tablename="patient", db=CURRENT):
    """A person who may ask for help."""

    id = UUID(primary_key=True, default=None)
    name = Text(null=True, default=None)
    birth_date = Date(null=True, default=None)
    sex = Text(null=True, default=None)
    phone = Text(null=True, default=None, index=True)
    email = Text(null=True, default=None)
    address = Text(null=True, default=None)
    upi_id = Text(null=True, default=None)
    insurance = JSONB(null=True, default=None)
    contacts = JSONB(null=True, default=None)
    region = Text(null=True, default=None, index=True)
    created_at = Timestamptz(default=None, index=True, index_method=IndexMethod.btree)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    sealed = Bytea(null=True, default=None)
    phone_digest = Bytea(null=True, default=None, index=True)
    name_digests = Array(base_column=Bytea(), null=True, default=None)
    # When its data key is to be destroyed, and when that was done.
    erase_at = Timestamptz(null=True, default=None)
    erased_at = Timestamptz(null=True, default=None)


class Doctor(Table, tablename="doctor", db=CURRENT):
    """A doctor's profile."""

    id = UUID(primary_key=True, default=None)
    name = Text(null=True, default=None)
    specialties = Array(base_column=Text(), default=list)
    registration_number = Text(null=True, default=None)
    phone = Text(null=True, default=None)
    email = Text(null=True, default=None)
    region = Text(null=True, default=None, index=True)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    sealed = Bytea(null=True, default=None)
    name_digests = Array(base_column=Bytea(), null=True, default=None)


class Paramedic(Table, tablename="paramedic", db=CURRENT):
    """The profile of a unit: crew, vehicle, device."""

    id = UUID(primary_key=True, default=None)
    name = Text(null=True, default=None)
    skills = Array(base_column=Text(), default=list)
    vehicle = Text(default=None)
    registration_number = Text(null=True, default=None)
    phone = Text(null=True, default=None)
    region = Text(default=None, index=True)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    deleted_at = Timestamptz(null=True, default=None)
    sealed = Bytea(null=True, default=None)
    name_digests = Array(base_column=Bytea(), null=True, default=None)


class EmergencyIndex(Table, tablename="emergency_index", db=CURRENT):
    """Which emergencies a patient and a region have had: see emergencies.py."""

    id = UUID(primary_key=True, default=None)
    patient_id = UUID(default=None, index=True)
    region = Text(default=None, index=True)
    raised_at = Timestamptz(default=None)


class Idempotency(Table, tablename="idempotency", db=CURRENT):
    """Which command id created what, so that a repeat finds it: see idempotency.py."""

    command_id = Text(primary_key=True, default=None)
    fingerprint = Bytea(default=None)
    resource_id = UUID(default=None)
    created_at = Timestamptz(default=None, index=True)


class Outbox(Table, tablename="outbox", db=CURRENT):
    """The runtime's table (storage/sql/runtime.sql), which defines it; here to insert into it."""

    id = Text(primary_key=True, default=None)
    source = Text(default=None)
    kind = Text(default=None)
    entity = Text(default=None)
    slot = SmallInt(default=None)
    body = Bytea(default=None)
    at = DoublePrecision(default=None)
    urgent = Boolean(default=None)


# Those that our migrations create and Piccolo compares with the code; the runtime's are not.
RECORD_TABLES: list[type[Table]] = [Patient, Doctor, Paramedic, EmergencyIndex, Idempotency]

"""What goes in and out of /api/patients."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from actors.domain.values import Name, Note, Phone, Region
from storage.records.row import Contact, Insurance, PatientRow, Sex

ShortText = Annotated[str, Meta(min_length=1, max_length=254)]


class PatientBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A patient as staff or the patient write it. PUT replaces all of it."""

    name: Name
    phone: Phone
    birth_date: date | None = None
    sex: Sex = "unknown"
    email: ShortText | None = None
    address: Note | None = None
    upi_id: ShortText | None = None
    insurance: Insurance | None = None
    contacts: Annotated[tuple[Contact, ...], Meta(max_length=10)] = ()
    region: Region | None = None


class PatientView(Struct, frozen=True, kw_only=True):
    """A patient as those see it who may."""

    id: str
    name: str
    phone: str
    birth_date: date | None
    sex: Sex
    email: str | None
    address: str | None
    upi_id: str | None
    insurance: Insurance | None
    contacts: tuple[Contact, ...]
    region: str | None
    created_at: datetime
    updated_at: datetime


def view(row: PatientRow) -> PatientView:
    return PatientView(**{name: getattr(row, name) for name in PatientView.__struct_fields__})

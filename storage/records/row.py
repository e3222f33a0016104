"""Rows as the rest of the system sees them, and what a listing may ask for."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Struct

from actors.domain.values import Name, Phone

Sex = Literal["female", "male", "other", "unknown"]


class Insurance(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A health insurance policy. `valid_until`: the last day it covers."""

    provider: Name
    policy_number: Annotated[str, Meta(min_length=1, max_length=64)]
    valid_until: date | None = None


class Contact(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whom to call about a patient."""

    name: Name
    relation: Annotated[str, Meta(min_length=1, max_length=64)]
    phone: Phone


class _Row(Struct, frozen=True, kw_only=True):
    id: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None


class PatientRow(_Row, frozen=True, kw_only=True):
    """All but the dates and `region` is sealed."""

    name: str
    birth_date: date | None
    sex: Sex
    phone: str
    email: str | None
    address: str | None
    upi_id: str | None
    insurance: Insurance | None
    contacts: tuple[Contact, ...]
    region: str | None


class DoctorRow(_Row, frozen=True, kw_only=True):
    """Name, numbers and e-mail address are sealed; so are a paramedic's."""

    name: str
    specialties: tuple[str, ...]
    registration_number: str
    phone: str | None
    email: str | None
    region: str | None


class ParamedicRow(_Row, frozen=True, kw_only=True):
    """`name`, `skills`, `vehicle` and `region` follow the entity, which decides on them."""

    name: str
    skills: tuple[str, ...]
    vehicle: str
    registration_number: str | None
    phone: str | None
    region: str


class EmergencyEntry(Struct, frozen=True, kw_only=True):
    """That an emergency was about to be raised; whether it was, its entity knows."""

    id: str
    patient_id: str
    region: str
    raised_at: datetime


class Filter(Struct, frozen=True, kw_only=True):
    """What a listing is narrowed to. `before`: ids below this one (the cursor). Newest first.

    `name`: whole words of it (sealing.py); `phone`: all of it, of patients only. The times are
    [from, to).
    """

    before: str | None = None
    name: str | None = None
    phone: str | None = None
    region: str | None = None
    specialty: str | None = None
    patient_id: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None


R = TypeVar("R")


class Rows(Struct, Generic[R], frozen=True):
    """A page. `more`: there are rows after the last one."""

    rows: tuple[R, ...]
    more: bool

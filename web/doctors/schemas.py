"""What goes in and out of /api/doctors."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from actors.domain.doctor.commands import GoOffDuty, GoOnDuty, Return, StepAway
from actors.domain.doctor.machine import DoctorStatus
from actors.domain.doctor.state import Specialties
from actors.domain.kernel import Command
from actors.domain.values import Name, Phone, Region
from actors.domain.views.doctor import DoctorView, RequestView
from storage.records.row import DoctorRow


class DoctorBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A doctor as staff or the doctor write it. PUT replaces all of it.

    `registration_number`: of the medical council. Councils number by themselves, so two doctors
    may well have the same.
    """

    name: Name
    specialties: Specialties
    registration_number: Name
    phone: Phone | None = None
    email: Annotated[str, Meta(min_length=1, max_length=254)] | None = None
    region: Region | None = None


class DoctorCard(Struct, frozen=True, kw_only=True):
    """What everybody with an account may know of a doctor."""

    id: str
    name: str
    specialties: tuple[str, ...]
    registration_number: str
    region: str | None
    status: DoctorStatus


class DoctorProfile(DoctorCard, frozen=True, kw_only=True):
    """The profile with the live state. `status` is `new` until the entity has been told.

    `requests`: the patients who wait, most urgent first.
    """

    phone: str | None
    email: str | None
    since: str | None
    requests: tuple[RequestView, ...]
    created_at: datetime
    updated_at: datetime


class _Action(Struct, frozen=True, forbid_unknown_fields=True, tag_field="action"):
    pass


class OnDuty(_Action, frozen=True, tag="on_duty"):
    """Available from now."""

    def command(self) -> Command:
        return GoOnDuty()


class OffDuty(_Action, frozen=True, tag="off_duty"):
    """Off duty from now; the queue waits."""

    def command(self) -> Command:
        return GoOffDuty()


class Away(_Action, frozen=True, tag="away"):
    """Back soon."""

    def command(self) -> Command:
        return StepAway()


class Back(_Action, frozen=True, tag="back"):
    """Back from being away."""

    def command(self) -> Command:
        return Return()


DoctorDuty = OnDuty | OffDuty | Away | Back


def card(row: DoctorRow, live: DoctorView | None) -> DoctorCard:
    """What the entity decides on is shown as the entity has it, once it is there."""
    facts = row if live is None else live
    return DoctorCard(
        id=row.id,
        name=facts.name,
        specialties=facts.specialties,
        registration_number=facts.registration_number,
        region=row.region,
        status="new" if live is None else live.status,
    )


def profile(row: DoctorRow, live: DoctorView | None) -> DoctorProfile:
    public = card(row, live)
    return DoctorProfile(
        **{name: getattr(public, name) for name in public.__struct_fields__},
        phone=row.phone,
        email=row.email,
        since=None if live is None else live.since,
        requests=() if live is None else live.requests,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

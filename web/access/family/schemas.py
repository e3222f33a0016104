"""What goes in and out of /api/family and /api/patients/{id}/family."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from actors.domain.relationship import Relationship
from web.patients.schemas import PatientView
from web.times import moment


class InvitationBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`manager`: the patient whose account is to act for this one, once it accepts."""

    manager: UUID


class FamilyLink(Struct, frozen=True, kw_only=True):
    """`manager` acts for `patient_id`: from `begins_at` (null while only invited) to `ends_at`.

    `kind`: guardian, of whoever made a child's profile; family, of who was invited.
    """

    id: str
    kind: Literal["family", "guardian"]
    patient_id: str
    manager: str
    status: Literal["invited", "active", "ended"]
    begins_at: datetime | None
    ends_at: datetime | None


class FamilyLinks(Struct, frozen=True):
    """All of them that are not over; they are never many."""

    items: tuple[FamilyLink, ...]


class ChildView(Struct, frozen=True, kw_only=True):
    """The child's new record, and the link that lets its guardian act."""

    patient: PatientView
    link: FamilyLink


def view(link: Relationship, now: float) -> FamilyLink:
    """A relationship of the family's kinds, as it is at `now`."""
    assert link.kind in ("family", "guardian")
    over = link.ends_at is not None and link.ends_at <= now
    return FamilyLink(
        id=link.id,
        kind=link.kind,
        patient_id=link.patient_id,
        manager=link.holder,
        status="ended" if over else "active" if link.in_force(now) else "invited",
        begins_at=None if link.begins_at is None else moment(link.begins_at),
        ends_at=None if link.ends_at is None else moment(link.ends_at),
    )

"""The state of a doctor."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from actors.domain.availability import Availability
from actors.domain.doctor.machine import DoctorStatus
from actors.domain.values import Id, Note, Priority, Seconds, Skill

Specialties = Annotated[tuple[Skill, ...], Meta(max_length=32)]
# More waiting than a doctor sees in days: past it a patient is better told to go elsewhere.
QUEUE_LIMIT = 200


class ConsultationRequest(Struct, frozen=True, kw_only=True):
    """A patient waiting for the doctor."""

    id: Id
    patient_id: Id
    priority: Priority
    reason: Note
    requested_at: Seconds

    @property
    def rank(self) -> tuple[int, float, str]:
        """Sort key of the queue: priority, then age, then id so that the order is total."""
        return (self.priority, self.requested_at, self.id)


class Doctor(Struct, frozen=True, kw_only=True):
    """The state. `requests`: ordered by rank."""

    id: str
    status: DoctorStatus = "new"
    status_at: Seconds = 0.0
    revision: int = 0
    name: str = ""
    specialties: Specialties = ()
    registration_number: str = ""
    availability: Availability = Availability()
    requests: tuple[ConsultationRequest, ...] = ()

    def request(self, request_id: str) -> ConsultationRequest | None:
        return next((r for r in self.requests if r.id == request_id), None)

"""A doctor: words, table, and how events change it. Decisions: doctor_decide.py.

States: off_duty, available, away, retired. (in_consultation comes with consultations.)

Commands, and who may send them
- RegisterDoctor, RetireDoctor: staff. UpdateDoctor, SetAvailability: the doctor, staff.
- GoOnDuty, GoOffDuty, StepAway, Return: the doctor, staff.
- RequestConsultation, WithdrawRequest: the patient, their family account, staff. Requests wait in
  a queue, also while the doctor is off duty. One patient has at most one open request here.
- ViewDoctor: the doctor, staff. ViewAvailability: everybody with an account.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from actors.domain.availability import Availability
from actors.domain.kernel import Command, Event, Wake
from actors.domain.machine import NEW, Machine
from actors.domain.values import Id, Name, Note, Priority, Seconds, Skill

DoctorStatus = Literal["new", "off_duty", "available", "away", "retired"]
Specialties = Annotated[tuple[Skill, ...], Meta(max_length=32)]
REGISTERED: tuple[DoctorStatus, ...] = ("off_duty", "available", "away")
# More waiting than a doctor sees in days: past it a patient is better told to go elsewhere.
QUEUE_LIMIT = 200

MACHINE = Machine(
    "doctor",
    {
        (NEW, "RegisterDoctor"): "off_duty",
        ("off_duty", "GoOnDuty"): "available",
        ("off_duty", "RetireDoctor"): "retired",
        ("available", "StepAway"): "away",
        ("available", "GoOffDuty"): "off_duty",
        ("away", "Return"): "available",
        ("away", "GoOffDuty"): "off_duty",
        **{
            (status, command): status
            for status in REGISTERED
            for command in (
                "UpdateDoctor",
                "SetAvailability",
                "RequestConsultation",
                "WithdrawRequest",
            )
        },
    },
)


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


# --- commands


class RegisterDoctor(Command, frozen=True, kw_only=True):
    """A new doctor, off duty. `registration_number`: of the medical council."""

    name: Name
    specialties: Specialties
    registration_number: Name


class UpdateDoctor(Command, frozen=True, kw_only=True):
    """Change what is given, keep the rest."""

    name: Name | None = None
    specialties: Specialties | None = None
    registration_number: Name | None = None


class SetAvailability(Command, frozen=True, kw_only=True):
    """The whole plan, in place of the old one."""

    availability: Availability


class GoOnDuty(Command, frozen=True):
    """Available from now."""


class GoOffDuty(Command, frozen=True):
    """Off duty from now; the queue waits."""


class StepAway(Command, frozen=True):
    """Back soon."""


class Return(Command, frozen=True):
    """Back."""


class RequestConsultation(Command, frozen=True, kw_only=True):
    """A patient asks to be seen."""

    patient_id: Id
    priority: Priority
    reason: Note


class WithdrawRequest(Command, frozen=True, kw_only=True):
    """The patient does not ask any more."""

    request: Id
    reason: Note


class RetireDoctor(Command, frozen=True):
    """Never comes back. Not while patients wait."""


class ViewDoctor(Command, frozen=True):
    """Read the whole of it."""


class ViewAvailability(Command, frozen=True, kw_only=True):
    """Read the open windows in [from_s, to_s)."""

    from_s: Seconds
    to_s: Seconds


DoctorCommand = (
    RegisterDoctor
    | UpdateDoctor
    | SetAvailability
    | GoOnDuty
    | GoOffDuty
    | StepAway
    | Return
    | RequestConsultation
    | WithdrawRequest
    | RetireDoctor
    | ViewDoctor
    | ViewAvailability
    | Wake
)


# --- events


class DoctorRegistered(Event, frozen=True, kw_only=True):
    """Off duty from now."""

    at: Seconds
    name: Name
    specialties: Specialties
    registration_number: Name


class DoctorUpdated(Event, frozen=True, kw_only=True):
    """All of it as it is now."""

    at: Seconds
    name: Name
    specialties: Specialties
    registration_number: Name


class AvailabilitySet(Event, frozen=True, kw_only=True):
    """The new plan."""

    at: Seconds
    availability: Availability


class DoctorStatusChanged(Event, frozen=True, kw_only=True):
    """On duty, off duty, away, back, retired."""

    at: Seconds
    status: DoctorStatus


class ConsultationRequested(Event, frozen=True, kw_only=True):
    """Into the queue."""

    at: Seconds
    request: ConsultationRequest


class RequestWithdrawn(Event, frozen=True, kw_only=True):
    """Out of the queue."""

    at: Seconds
    request: Id
    reason: Note


DoctorEvent = (
    DoctorRegistered
    | DoctorUpdated
    | AvailabilitySet
    | DoctorStatusChanged
    | ConsultationRequested
    | RequestWithdrawn
)


def apply(state: Doctor, event: DoctorEvent) -> Doctor:
    """The state after an event."""
    state = replace(state, revision=state.revision + 1)
    match event:
        case DoctorRegistered() | DoctorUpdated():
            state = replace(
                state,
                name=event.name,
                specialties=event.specialties,
                registration_number=event.registration_number,
            )
            if isinstance(event, DoctorUpdated):
                return state
            return replace(state, status="off_duty", status_at=event.at)
        case AvailabilitySet():
            return replace(state, availability=event.availability)
        case DoctorStatusChanged():
            return replace(state, status=event.status, status_at=event.at)
        case ConsultationRequested():
            requests = sorted((*state.requests, event.request), key=lambda r: r.rank)
            return replace(state, requests=tuple(requests))
        case RequestWithdrawn():
            kept = tuple(r for r in state.requests if r.id != event.request)
            return replace(state, requests=kept)

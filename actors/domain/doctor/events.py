"""What can happen to a doctor, and how it changes it."""

from __future__ import annotations

from msgspec.structs import replace

from actors.domain.availability import Availability
from actors.domain.doctor.machine import DoctorStatus
from actors.domain.doctor.state import ConsultationRequest, Doctor, Specialties
from actors.domain.kernel import Event
from actors.domain.values import Id, Name, Note, Seconds


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

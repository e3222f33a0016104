"""What is published of a doctor, and whose private data it holds."""

from __future__ import annotations

from actors.domain.doctor.events import ConsultationRequested, DoctorEvent, RequestWithdrawn
from actors.domain.doctor.projection import request_view
from actors.domain.doctor.state import Doctor
from actors.domain.kernel import Publication
from actors.domain.timestamp import rfc3339
from actors.domain.views.doctor import InboxUpdate


def channel(doctor_id: str) -> str:
    """The channel of a doctor's facts."""
    return f"inbox:{doctor_id}"


def publications(before: Doctor, event: DoctorEvent, after: Doctor) -> tuple[Publication, ...]:
    """One fact per event: what happened, and how many wait."""
    request = None
    if isinstance(event, ConsultationRequested):
        request = event.request
    elif isinstance(event, RequestWithdrawn):
        request = before.request(event.request)
    update = InboxUpdate(
        event=type(event).__name__,
        at=rfc3339(event.at),
        status=after.status,
        request=None if request is None else request_view(request),
        waiting=len(after.requests),
    )
    return (Publication(channel(after.id), update),)


def concerns(before: Doctor, event: DoctorEvent, _after: Doctor) -> str | None:
    """The patient who asked, where the event is about a request."""
    if isinstance(event, ConsultationRequested):
        return event.request.patient_id
    if isinstance(event, RequestWithdrawn):
        request = before.request(event.request)
        return None if request is None else request.patient_id
    return None

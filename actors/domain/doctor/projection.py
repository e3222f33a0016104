"""From a doctor to what is shown of it: pure functions to views/doctor.py."""

from __future__ import annotations

from actors.domain.availability import Window
from actors.domain.doctor.state import ConsultationRequest, Doctor
from actors.domain.timestamp import rfc3339
from actors.domain.views.doctor import AvailabilityView, DoctorView, RequestView, WindowView


def request_view(request: ConsultationRequest) -> RequestView:
    return RequestView(
        id=request.id,
        patient_id=request.patient_id,
        priority=request.priority,
        reason=request.reason,
        requested_at=rfc3339(request.requested_at),
    )


def doctor_view(state: Doctor) -> DoctorView:
    return DoctorView(
        id=state.id,
        status=state.status,
        since=rfc3339(state.status_at),
        name=state.name,
        specialties=state.specialties,
        registration_number=state.registration_number,
        availability=state.availability,
        requests=tuple(map(request_view, state.requests)),
        revision=state.revision,
    )


def availability_view(state: Doctor, windows: tuple[Window, ...]) -> AvailabilityView:
    return AvailabilityView(
        doctor=state.id,
        status=state.status,
        timezone=state.availability.timezone,
        windows=tuple(WindowView(rfc3339(w.from_s), rfc3339(w.to_s)) for w in windows),
    )

"""What is shown of a doctor."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.availability import Availability
from actors.domain.doctor.machine import DoctorStatus
from actors.domain.doctor.state import Specialties


class RequestView(Struct, frozen=True, kw_only=True):
    id: str
    patient_id: str
    priority: int
    reason: str
    requested_at: str


class DoctorView(Struct, frozen=True, kw_only=True):
    id: str
    status: DoctorStatus
    since: str
    name: str
    specialties: Specialties
    registration_number: str
    availability: Availability
    requests: tuple[RequestView, ...]
    revision: int


class WindowView(Struct, frozen=True, rename={"from_": "from"}):
    """[from, to)"""

    from_: str
    to: str


class AvailabilityView(Struct, frozen=True, kw_only=True):
    """Open windows, and whether the doctor is there now."""

    doctor: str
    status: DoctorStatus
    timezone: str
    windows: tuple[WindowView, ...]


class InboxUpdate(Struct, frozen=True, kw_only=True):
    """On `inbox:<doctor>`."""

    event: str
    at: str
    status: DoctorStatus
    request: RequestView | None
    waiting: int

"""What leaves the domain: public Structs, times as RFC 3339 text. Made by projections.py.

All answers and publications carry these, and nothing else does, so that who sees which field is
decided here. Health data (symptoms, answers, reasons) and phone numbers are only in the *Detail*
views, in the task a crew gets, and in its doctor's inbox; never on `emergency:`, `track:`,
`fleet:` or `ops:`.
"""

from __future__ import annotations

from msgspec import Struct

from actors.domain.availability import Availability
from actors.domain.dispatcher import CasePhase
from actors.domain.doctor import DoctorStatus, Specialties
from actors.domain.kernel import Role
from actors.domain.messages import EmergencyStatus, UnitAvailability
from actors.domain.task import TaskStep
from actors.domain.triage import TriageAnswers
from actors.domain.values import Location


class PositionView(Struct, frozen=True):
    lat: float
    lon: float
    at: str
    accuracy_m: float | None = None


class EmergencyView(Struct, frozen=True, kw_only=True):
    """An emergency without health data. `times`: status -> when it was last entered."""

    id: str
    status: EmergencyStatus
    priority: int
    patient_id: str | None
    region: str
    unit: str | None
    location: Location
    raised_at: str
    times: dict[str, str]
    eta: str | None
    revision: int


class CancellationView(Struct, frozen=True):
    role: Role
    subject: str
    reason: str


class OverrideView(Struct, frozen=True, kw_only=True):
    priority: int
    previous: int
    role: Role
    subject: str
    reason: str
    at: str


class EmergencyDetail(EmergencyView, frozen=True, kw_only=True):
    """All of it, for those who may view the emergency itself."""

    address: str | None
    symptoms: tuple[str, ...]
    answers: TriageAnswers
    contact_phone: str | None
    needs: tuple[str, ...]
    triage_priority: int
    triage_reasons: tuple[str, ...]
    overrides: tuple[OverrideView, ...]
    task: str | None
    cancellation: CancellationView | None


class EmergencyUpdate(Struct, frozen=True):
    """On `emergency:<id>`: what happened, and how it is now."""

    event: str
    at: str
    emergency: EmergencyView


class TaskView(Struct, frozen=True, kw_only=True):
    """A task as its crew sees it."""

    id: str
    emergency: str
    step: TaskStep
    priority: int
    location: Location
    address: str | None
    symptoms: tuple[str, ...]
    needs: tuple[str, ...]
    raised_at: str
    offered_at: str
    expires_at: str
    accepted_at: str | None
    eta_s: float


class TaskList(Struct, frozen=True):
    """A paramedic's queue, most urgent first."""

    tasks: tuple[TaskView, ...]


class ParamedicView(Struct, frozen=True, kw_only=True):
    id: str
    status: UnitAvailability
    since: str
    name: str
    region: str
    skills: tuple[str, ...]
    vehicle: str
    position: PositionView | None
    tasks: tuple[TaskView, ...]
    revision: int


class DeviceUpdate(Struct, frozen=True, kw_only=True):
    """On `device:<paramedic>`. `task`: the one the event is about, as it was left by it.

    Where the event ended the task, `task` shows it as it last was, and `tasks` no longer has it.
    """

    event: str
    at: str
    status: UnitAvailability
    task: TaskView | None
    reason: str | None
    tasks: tuple[str, ...]


class FleetRow(Struct, frozen=True, kw_only=True):
    """On `fleet:<region>`, keyed by unit: the newest of each."""

    unit: str
    name: str
    status: UnitAvailability
    vehicle: str
    position: PositionView | None
    task: str | None
    emergency: str | None


class Track(Struct, frozen=True, kw_only=True):
    """On `track:<emergency>`. `eta_s`: to the scene; None once there."""

    unit: str
    lat: float
    lon: float
    at: str
    eta_s: float | None


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


class UnitView(Struct, frozen=True, kw_only=True):
    """A unit as its dispatcher knows it."""

    unit: str
    name: str
    status: UnitAvailability
    free: bool
    skills: tuple[str, ...]
    vehicle: str
    position: PositionView | None
    reserved_for: str | None


class CaseView(Struct, frozen=True, kw_only=True):
    """An emergency as its dispatcher knows it, without health data."""

    emergency: str
    status: EmergencyStatus
    phase: CasePhase
    priority: int
    location: Location
    needs: tuple[str, ...]
    raised_at: str
    unit: str | None
    task: str | None
    attempt: int
    tries: int
    refused_by: tuple[str, ...]
    offer_expires_at: str | None


class DispatcherView(Struct, frozen=True, kw_only=True):
    """A region at a glance; `cases` in the order they are served."""

    region: str
    cases: tuple[CaseView, ...]
    units: tuple[UnitView, ...]


class OpsUpdate(Struct, frozen=True, kw_only=True):
    """On `ops:<region>`: one per event of the dispatcher. What the event is about, and totals."""

    event: str
    at: str
    emergency: str | None = None
    case: CaseView | None = None
    unit: UnitView | None = None
    outcome: str | None = None
    reason: str | None = None
    waiting: int
    engaged: int
    units_free: int

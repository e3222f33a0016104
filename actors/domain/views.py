"""What leaves the domain: public Structs, times as RFC 3339 text. Made by projections.py.

All answers and publications carry these, and nothing else does, so that who sees which field is
decided here. Health data (symptoms, answers, reasons) and phone numbers are only in the *Detail*
views, in the task a crew gets, and in its doctor's inbox; never on `emergency:`, `track:`,
`fleet:` or `ops:`.
"""

from __future__ import annotations

from msgspec import Struct

from actors.domain.availability import Availability
from actors.domain.choice import RunnerUp
from actors.domain.dispatch.explain import Outcome, Verdict
from actors.domain.dispatcher_case import CasePhase
from actors.domain.doctor import DoctorStatus, Specialties
from actors.domain.hospital import HospitalStatus
from actors.domain.kernel import Role
from actors.domain.messages import (
    EmergencyStatus,
    ShiftFault,
    SlotStatus,
    StationRef,
    UnitAvailability,
)
from actors.domain.task import TaskStep
from actors.domain.triage import TriageAnswers
from actors.domain.values import Destination, Location


class PositionView(Struct, frozen=True):
    lat: float
    lon: float
    at: str
    accuracy_m: float | None = None


class FurtherView(Struct, frozen=True, kw_only=True):
    """A unit that was ordered besides the primary one."""

    slot: int
    status: SlotStatus
    unit: str | None
    eta: str | None


class FollowingView(Struct, frozen=True, kw_only=True):
    """How far the emergency is that this one was merged into."""

    status: EmergencyStatus
    unit: str | None
    eta: str | None


class EmergencyView(Struct, frozen=True, kw_only=True):
    """An emergency without health data. `times`: status -> when it was last entered.

    `hospital`: where the patient is brought, from when the crew sets out for it. `crew`: every
    unit that is on the case now (None: written before there were several). `merged_into`: the one
    that goes on for it, and `following` how far that is.
    """

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
    hospital: Destination | None = None
    crew: tuple[str, ...] | None = None
    further: tuple[FurtherView, ...] = ()
    held: bool = False
    staged: bool = False
    merged_into: str | None = None
    following: FollowingView | None = None


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


class HoldView(Struct, frozen=True, kw_only=True):
    """Nobody is sent automatically. By whom, why, until when."""

    subject: str
    reason: str
    at: str
    until: str


class StagingView(Struct, frozen=True, kw_only=True):
    """Where units wait for the go-ahead. By whose word, and why."""

    location: Location
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
    vehicles: tuple[str, ...] = ()
    hold: HoldView | None = None
    staging: StagingView | None = None
    duplicates: tuple[str, ...] = ()


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
    slot: int = 1
    staged: bool = False
    staging: Location | None = None
    hospital: Destination | None = None


class TaskList(Struct, frozen=True):
    """A paramedic's queue, most urgent first."""

    tasks: tuple[TaskView, ...]


class ShiftNotice(Struct, frozen=True, kw_only=True):
    """A shift as its crew is told of it. `fault`: what is wrong with it."""

    id: str
    station: str
    starts_at: str
    ends_at: str
    cancelled: bool = False
    fault: ShiftFault | None = None


class ParamedicView(Struct, frozen=True, kw_only=True):
    """`station`: where it belongs while on duty. `shifts`: those announced and not over."""

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
    station: str | None = None
    shifts: tuple[ShiftNotice, ...] = ()


class DeviceUpdate(Struct, frozen=True, kw_only=True):
    """On `device:<paramedic>`. `task`: the one the event is about, as it was left by it.

    Where the event ended the task, `task` shows it as it last was, and `tasks` no longer has it.
    `given_up`: with TaskDiverted, the one that went for it. `move`: where to stand by.
    `shift`: the one it is about. `note`: what the crew before leaves to say.
    """

    event: str
    at: str
    status: UnitAvailability
    task: TaskView | None
    reason: str | None
    tasks: tuple[str, ...]
    given_up: str | None = None
    move: StationRef | None = None
    shift: ShiftNotice | None = None
    note: str | None = None


class FleetRow(Struct, frozen=True, kw_only=True):
    """On `fleet:<region>`, keyed by unit: the newest of each. `station`: where it stands by."""

    unit: str
    name: str
    status: UnitAvailability
    vehicle: str
    position: PositionView | None
    task: str | None
    emergency: str | None
    station: str | None = None


class Track(Struct, frozen=True, kw_only=True):
    """On `track:<emergency>`. `eta_s`: to the scene; None once there.

    `hospital_eta_s`: to the hospital, on the way there.
    """

    unit: str
    lat: float
    lon: float
    at: str
    eta_s: float | None
    hospital_eta_s: float | None = None


class HospitalLoad(Struct, frozen=True, kw_only=True):
    """What its staff last said, and what the crews do: ambulances on their way, and at its door.

    `expected_wait_s`: how much longer than usual an ambulance that comes now is held.
    """

    free_beds: int | None
    queue: int
    handover_s: float | None
    note: str | None
    reported_at: str | None
    under_way: int
    at_handover: int
    expected_wait_s: float


class HospitalView(Struct, frozen=True, kw_only=True):
    """A hospital as it is now."""

    id: str
    status: HospitalStatus
    name: str
    region: str
    location: Location
    capabilities: tuple[str, ...]
    load: HospitalLoad
    revision: int


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
    station: str | None = None


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
    slot: int = 1
    held: bool = False
    staged: bool = False
    preempted: int = 0
    level: int = 0
    wanted_unit: str | None = None


class CandidateView(Struct, frozen=True, kw_only=True):
    """A unit, set against an emergency. `eta_s`: its way, once it is free in `free_in_s`."""

    unit: str
    eta_s: float
    free_in_s: float
    verdict: Verdict
    why: str


class Suggestion(Struct, frozen=True, kw_only=True):
    """What the policy would do about an emergency that waits; `candidates`: soonest first."""

    emergency: str
    slot: int
    priority: int
    raised_at: str
    held: bool
    decision: Outcome
    chosen: str | None
    reason: str
    candidates: tuple[CandidateView, ...]


class SuggestionList(Struct, frozen=True):
    """Most urgent first."""

    region: str
    policy: str
    suggestions: tuple[Suggestion, ...]


class DuplicatePair(Struct, frozen=True, kw_only=True):
    """Two open emergencies that may be one. `emergency` was raised first."""

    emergency: str
    duplicate: str
    apart_m: float
    apart_s: float


class DuplicateList(Struct, frozen=True):
    region: str
    pairs: tuple[DuplicatePair, ...]


class ChoiceView(Struct, frozen=True, kw_only=True):
    """Why a unit was chosen. `by`: the dispatcher who ordered it; without, the policy did."""

    slot: int
    unit: str
    at: str
    policy: str
    eta_s: float
    reason: str
    by: str | None
    runners_up: tuple[RunnerUp, ...]
    waiting: int
    free: int
    diverted_from: str | None


class ChoiceList(Struct, frozen=True):
    """`choices`: of each unit that was asked or is on the way; empty while nobody was."""

    emergency: str
    choices: tuple[ChoiceView, ...]


class DispatcherView(Struct, frozen=True, kw_only=True):
    """A region at a glance; `cases` in the order they are served."""

    region: str
    cases: tuple[CaseView, ...]
    units: tuple[UnitView, ...]
    stations: tuple[StationRef, ...] = ()


class OpsUpdate(Struct, frozen=True, kw_only=True):
    """On `ops:<region>`: one per event of the dispatcher. What the event is about, and totals.

    `why`: with OfferMade, why this unit. `left`: the case that a unit left for this one.
    `station`: where it is sent, or belongs.
    """

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
    why: str | None = None
    left: CaseView | None = None
    station: str | None = None

"""What is shown of an emergency."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.choice import RuledOut, RunnerUp
from actors.domain.kernel import Role
from actors.domain.messages.status import EmergencyStatus, SlotStatus
from actors.domain.triage import TriageAnswers
from actors.domain.values import Destination, Location


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

    `raised_at`: when help was asked for, by our clock: also where it was logged first (202), and
    came to the dispatcher later. Waiting and response times count from it.

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
    """All of it, for those who may view the emergency itself.

    `entered_at`: when it came to the dispatcher; long after `raised_at` where an outage lay
    between.
    """

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
    entered_at: str | None = None


class EmergencyUpdate(Struct, frozen=True):
    """On `emergency:<id>`: what happened, and how it is now."""

    event: str
    at: str
    emergency: EmergencyView


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
    ruled_out: tuple[RuledOut, ...] = ()
    waiting: int
    free: int
    diverted_from: str | None


class ChoiceList(Struct, frozen=True):
    """`choices`: of each unit that was asked or is on the way; empty while nobody was."""

    emergency: str
    choices: tuple[ChoiceView, ...]

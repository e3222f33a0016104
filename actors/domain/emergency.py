"""An emergency: its words, its table, and how events change it. Decisions: emergency_decide.py.

States: raised (nobody on the way), assigned (a crew accepted), en_route, on_scene, transporting,
at_hospital; it ends closed (treated on scene, or handed over) or cancelled.

Commands, and who may send them
- RaiseEmergency: patient, family account, staff. Priority and needs are decided by triage.
- CancelEmergency: patient, family account, staff; in any state but the last ones.
- OverridePriority: staff.
- ViewEmergency: patient, family account, the assigned crew, staff. Changes nothing.
- AssignUnit, RecordProgress, ReleaseUnit: paramedics' entities only. They are never refused: what
  is stale is ignored, and who comes too late is told to withdraw.

Progress may skip states, for a message can overtake the one before it; it never goes back, except
that a released unit leads back to raised.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import Command, Event, Role, Wake
from actors.domain.machine import NEW, Machine
from actors.domain.messages import (
    AssignUnit,
    CareOutcome,
    EmergencyCard,
    EmergencyStatus,
    RecordProgress,
    ReleaseUnit,
)
from actors.domain.task import LIVE
from actors.domain.triage import TriageAnswers
from actors.domain.values import Id, Location, Note, Phone, Priority, Region, Seconds, Skills, Step

_WITH_CREW: tuple[EmergencyStatus, ...] = (
    "assigned",
    "en_route",
    "on_scene",
    "transporting",
    "at_hospital",
)
LIVE_STATES: tuple[EmergencyStatus, ...] = ("raised", *_WITH_CREW)
ENDED: tuple[EmergencyStatus, ...] = ("closed", "cancelled")
# The crew's step and the state it puts the emergency in.
STATUS_OF_STEP: dict[Step, EmergencyStatus] = {
    **dict(zip(LIVE, _WITH_CREW, strict=True)),
    "completed": "closed",
}

MACHINE = Machine(
    "emergency",
    {
        (NEW, "RaiseEmergency"): "raised",
        ("raised", "AssignUnit"): "assigned",
        **{
            (state, f"RecordProgress:{step}"): target
            for at, state in enumerate(_WITH_CREW)
            for step, target in list(STATUS_OF_STEP.items())[at + 1 :]
        },
        **{(state, "ReleaseUnit"): "raised" for state in _WITH_CREW},
        **{(state, "CancelEmergency"): "cancelled" for state in LIVE_STATES},
        **{(state, "OverridePriority"): state for state in LIVE_STATES},
    },
)


class Cancellation(Struct, frozen=True):
    """Who cancelled, and why."""

    role: Role
    subject: str
    reason: Note


class Override(Struct, frozen=True):
    """A priority that staff set over triage's, with the reason for the audit."""

    priority: Priority
    previous: Priority
    role: Role
    subject: str
    reason: Note
    at: Seconds


class Emergency(Struct, frozen=True, kw_only=True):
    """The state. `revision` counts its events.

    `attempt` is the highest offer number whose fate is known here: that of the current `task`, or
    of the last one released. `times`: when each status was last entered. `eta_at`: when the unit
    is expected on scene, as estimated when it was offered.
    """

    id: str
    status: EmergencyStatus = "new"
    revision: int = 0
    patient_id: Id | None = None
    region: str = ""
    location: Location = Location(0.0, 0.0)
    address: Note | None = None
    symptoms: tuple[Note, ...] = ()
    answers: TriageAnswers = TriageAnswers()
    contact_phone: Phone | None = None
    needs: Skills = ()
    priority: Priority = 4
    triage_priority: Priority = 4
    triage_reasons: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    raised_at: Seconds = 0.0
    unit: Id | None = None
    task: Id | None = None
    attempt: int = 0
    eta_at: Seconds | None = None
    times: dict[str, float] = {}
    cancellation: Cancellation | None = None

    @property
    def crew(self) -> tuple[str, ...]:
        """Who is on the case now; of an emergency that is over, nobody any more."""
        return () if self.unit is None or self.ended else (self.unit,)

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def card(self) -> EmergencyCard:
        """What the dispatcher is told."""
        return EmergencyCard(
            emergency=self.id,
            revision=self.revision,
            status=self.status,
            patient_id=self.patient_id,
            priority=self.priority,
            location=self.location,
            address=self.address,
            needs=self.needs,
            symptoms=self.symptoms,
            raised_at=self.raised_at,
            unit=self.unit,
        )


# --- commands


class RaiseEmergency(Command, frozen=True, kw_only=True):
    """Somebody needs help. `needs`: skills wanted on top of what triage asks for."""

    patient_id: Id | None
    region: Region
    location: Location
    symptoms: tuple[Note, ...] = ()
    answers: TriageAnswers = TriageAnswers()
    address: Note | None = None
    needs: Skills = ()
    contact_phone: Phone | None = None


class CancelEmergency(Command, frozen=True, kw_only=True):
    """No help is needed (any more)."""

    reason: Note


class OverridePriority(Command, frozen=True, kw_only=True):
    """Staff know better than triage. The crew that is assigned, if any, stays assigned."""

    priority: Priority
    reason: Note


class ViewEmergency(Command, frozen=True):
    """Read the whole of it."""


EmergencyCommand = (
    RaiseEmergency
    | CancelEmergency
    | OverridePriority
    | ViewEmergency
    | AssignUnit
    | RecordProgress
    | ReleaseUnit
    | Wake
)


# --- events


class EmergencyRaised(Event, frozen=True, kw_only=True):
    """With what triage made of it."""

    at: Seconds
    patient_id: Id | None
    region: Region
    location: Location
    address: Note | None
    symptoms: tuple[Note, ...]
    answers: TriageAnswers
    contact_phone: Phone | None
    needs: Skills
    priority: Priority
    reasons: tuple[str, ...]
    role: Role
    subject: str


class PriorityOverridden(Event, frozen=True, kw_only=True):
    """Audited: who, why, what it was."""

    at: Seconds
    override: Override


class UnitAssigned(Event, frozen=True, kw_only=True):
    """A crew is on the case. `accepted_at` is the crew's moment, `at` the emergency's."""

    at: Seconds
    unit: Id
    task: Id
    attempt: int
    accepted_at: Seconds
    eta_s: Seconds


class EmergencyProgressed(Event, frozen=True, kw_only=True):
    """The crew is at a step before the last."""

    at: Seconds
    status: Literal["en_route", "on_scene", "transporting", "at_hospital"]


class UnitReleased(Event, frozen=True, kw_only=True):
    """That offer is over. From the current crew: nobody is on the way any more."""

    at: Seconds
    unit: Id
    task: Id
    attempt: int
    reason: Note


class EmergencyClosed(Event, frozen=True, kw_only=True):
    """The crew completed its task."""

    at: Seconds
    outcome: CareOutcome


class EmergencyCancelled(Event, frozen=True, kw_only=True):
    """By whom and why."""

    at: Seconds
    cancellation: Cancellation


EmergencyEvent = (
    EmergencyRaised
    | PriorityOverridden
    | UnitAssigned
    | EmergencyProgressed
    | UnitReleased
    | EmergencyClosed
    | EmergencyCancelled
)


def apply(state: Emergency, event: EmergencyEvent) -> Emergency:
    """The state after an event."""
    state = replace(state, revision=state.revision + 1)
    match event:
        case EmergencyRaised():
            return replace(
                _enter(state, "raised", event.at),
                patient_id=event.patient_id,
                region=event.region,
                location=event.location,
                address=event.address,
                symptoms=event.symptoms,
                answers=event.answers,
                contact_phone=event.contact_phone,
                needs=event.needs,
                priority=event.priority,
                triage_priority=event.priority,
                triage_reasons=event.reasons,
                raised_at=event.at,
            )
        case PriorityOverridden(override=override):
            return replace(
                state, priority=override.priority, overrides=(*state.overrides, override)
            )
        case UnitAssigned():
            return replace(
                _enter(state, "assigned", event.accepted_at),
                unit=event.unit,
                task=event.task,
                attempt=event.attempt,
                eta_at=event.accepted_at + event.eta_s,
            )
        case EmergencyProgressed():
            state = _enter(state, event.status, event.at)
            # There: nothing is left to estimate.
            return state if event.status == "en_route" else replace(state, eta_at=None)
        case UnitReleased():
            had_crew = state.unit is not None
            state = replace(state, attempt=event.attempt, unit=None, task=None, eta_at=None)
            return _enter(state, "raised", event.at) if had_crew else state
        case EmergencyClosed():
            return replace(_enter(state, "closed", event.at), eta_at=None)
        case EmergencyCancelled():
            return replace(
                _enter(state, "cancelled", event.at),
                cancellation=event.cancellation,
                eta_at=None,
            )


def _enter(state: Emergency, status: EmergencyStatus, at: float) -> Emergency:
    return replace(state, status=status, times={**state.times, status: at})

"""An emergency: its words, its table, and how events change it. Decisions: emergency_decide.py.

States: raised (nobody on the way), assigned (a crew accepted), en_route, on_scene, transporting,
at_hospital; it ends closed (treated on scene, or handed over), cancelled, or merged into another
one (from which it can be raised again). The states are those of its primary unit.

Commands, and who may send them
- RaiseEmergency: patient, family account, staff. Priority and needs are decided by triage.
- TakeOverEmergency: the system alone. Priority and needs were decided elsewhere.
- CancelEmergency: patient, family account, staff; in any state but the last ones.
- OverridePriority: staff.
- HoldEmergency, ReleaseEmergency, StageEmergency, OrderUnits, StandDownUnit, MergeEmergency:
  staff, who say why (emergency_orders.py).
- LinkDuplicate, ReturnDuplicate, FollowPrimary: other emergencies (emergency_merge.py).
- ViewEmergency: patient, family account, the assigned crew, staff. Changes nothing.
- AssignUnit, RecordProgress, ReleaseUnit: paramedics' entities only. They are never refused: what
  is stale is ignored, and who comes too late is told to withdraw.

Progress may skip states, for a message can overtake the one before it; it never goes back, except
that a released unit leads back to raised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.choice import Choice
from actors.domain.emergency_orders import (
    DuplicateReturned,
    EmergencyMerged,
    ExplainChoices,
    OrderCommand,
    OrderEvent,
    Orders,
    chosen,
    ordered,
)
from actors.domain.kernel import Command, Event, Role, Wake
from actors.domain.machine import NEW, Machine
from actors.domain.messages import (
    AssignUnit,
    CareOutcome,
    EmergencyCard,
    EmergencyStatus,
    FollowPrimary,
    LinkDuplicate,
    RecordProgress,
    ReleaseUnit,
    ReturnDuplicate,
)
from actors.domain.task import LIVE
from actors.domain.triage import TriageAnswers
from actors.domain.values import (
    Destination,
    Id,
    Location,
    Note,
    Phone,
    Priority,
    Region,
    Seconds,
    Skills,
    Step,
    Vehicles,
)

_WITH_CREW: tuple[EmergencyStatus, ...] = (
    "assigned",
    "en_route",
    "on_scene",
    "transporting",
    "at_hospital",
)
LIVE_STATES: tuple[EmergencyStatus, ...] = ("raised", *_WITH_CREW)
ENDED: tuple[EmergencyStatus, ...] = ("closed", "cancelled", "merged")
# While nobody is with the patient.
_NOT_THERE: tuple[EmergencyStatus, ...] = ("raised", "assigned", "en_route")
# The crew's step and the state it puts the emergency in.
STATUS_OF_STEP: dict[Step, EmergencyStatus] = {
    **dict(zip(LIVE, _WITH_CREW, strict=True)),
    "completed": "closed",
}

MACHINE = Machine(
    "emergency",
    {
        (NEW, "RaiseEmergency"): "raised",
        (NEW, "TakeOverEmergency"): "raised",
        ("raised", "AssignUnit"): "assigned",
        **{
            (state, f"RecordProgress:{step}"): target
            for at, state in enumerate(_WITH_CREW)
            for step, target in list(STATUS_OF_STEP.items())[at + 1 :]
        },
        **{(state, "ReleaseUnit"): "raised" for state in _WITH_CREW},
        **{(state, "CancelEmergency"): "cancelled" for state in LIVE_STATES},
        **{(state, "OverridePriority"): state for state in LIVE_STATES},
        ("raised", "HoldEmergency"): "raised",
        **{(state, "StageEmergency"): state for state in _NOT_THERE},
        **{(state, "ReleaseEmergency"): state for state in LIVE_STATES},
        **{(state, "OrderUnits"): state for state in LIVE_STATES},
        **{(state, "StandDownUnit"): state for state in LIVE_STATES},
        **{(state, "LinkDuplicate"): state for state in LIVE_STATES},
        **{(state, "MergeEmergency"): "merged" for state in _NOT_THERE},
        ("merged", "ReturnDuplicate"): "raised",
        ("merged", "FollowPrimary"): "merged",
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


class Emergency(Struct, frozen=True, kw_only=True, gc=False):
    """The state. `revision` counts its events.

    `attempt` is the highest offer number whose fate is known here: that of the current `task`, or
    of the last one released. `times`: when each status was last entered. `eta_at`: when the unit
    is expected on scene, as estimated when it was offered. `destination`: the hospital, once it is
    known. `vehicles`: the types that will do; empty: any. `orders`: of the dispatch desk.
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
    destination: Destination | None = None
    destination_at: Seconds = 0.0
    vehicles: Vehicles = ()
    orders: Orders = Orders()

    @property
    def crew(self) -> tuple[str, ...]:
        """Who is on the case now; of an emergency that is over, nobody any more."""
        if self.ended:
            return ()
        done = self.unit is None or self.orders.primary_done is not None
        primary = () if done or self.unit is None else (self.unit,)
        further = (f.unit for f in self.orders.further if f.live and f.unit is not None)
        return (*primary, *further)

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
            vehicles=self.vehicles,
            held=self.orders.held is not None,
            staging=None if self.orders.staged is None else self.orders.staged.location,
            further=self.orders.card(),
            attempt=self.attempt,
            destination=None if self.destination is None else self.destination.location,
        )


# --- commands


class RaiseEmergency(Command, frozen=True, kw_only=True):
    """Somebody needs help. `needs`: skills wanted on top of what triage asks for. `vehicles`: the
    types that will do; empty: any."""

    patient_id: Id | None
    region: Region
    location: Location
    symptoms: tuple[Note, ...] = ()
    answers: TriageAnswers = TriageAnswers()
    address: Note | None = None
    needs: Skills = ()
    contact_phone: Phone | None = None
    vehicles: Vehicles = ()


class TakeOverEmergency(Command, frozen=True, kw_only=True):
    """Another service has triaged it, and hands it over (so does a scenario): what it says stands.

    `needs`: the skills a crew must have, all of them.
    """

    patient_id: Id | None
    region: Region
    location: Location
    priority: Priority
    needs: Skills = ()


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
    | TakeOverEmergency
    | CancelEmergency
    | OverridePriority
    | ViewEmergency
    | AssignUnit
    | RecordProgress
    | ReleaseUnit
    | OrderCommand
    | ExplainChoices
    | LinkDuplicate
    | ReturnDuplicate
    | FollowPrimary
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
    vehicles: Vehicles = ()


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
    choice: Choice | None = None


class EmergencyProgressed(Event, frozen=True, kw_only=True):
    """The crew is at a step before the last."""

    at: Seconds
    status: Literal["en_route", "on_scene", "transporting", "at_hospital"]
    destination: Destination | None = None


class DestinationChanged(Event, frozen=True, kw_only=True):
    """The crew has turned to another hospital, `at` its moment."""

    at: Seconds
    destination: Destination


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
    | DestinationChanged
    | UnitReleased
    | EmergencyClosed
    | EmergencyCancelled
    | OrderEvent
)


def apply(state: Emergency, event: EmergencyEvent) -> Emergency:
    """The state after an event."""
    return _APPLIED[type(event)](state, event)


def _raised(state: Emergency, event: EmergencyRaised) -> Emergency:
    return _enter(
        state,
        "raised",
        event.at,
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
        vehicles=event.vehicles,
    )


def _overridden(state: Emergency, event: PriorityOverridden) -> Emergency:
    override = event.override
    overrides = (*state.overrides, override)
    return _change(state, priority=override.priority, overrides=overrides)


def _assigned(state: Emergency, event: UnitAssigned) -> Emergency:
    return _enter(
        state,
        "assigned",
        event.accepted_at,
        unit=event.unit,
        task=event.task,
        attempt=event.attempt,
        eta_at=event.accepted_at + event.eta_s,
        orders=_crewed(state.orders, event.choice),
    )


def _crewed(orders: Orders, choice: Choice | None) -> Orders:
    """A hold is about whom to send: with a crew on its way it is over."""
    if orders.held is not None:
        orders = replace(orders, held=None)
    return chosen(orders, 1, choice)


def _progressed(state: Emergency, event: EmergencyProgressed) -> Emergency:
    # There: nothing is left to estimate.
    eta_at = state.eta_at if event.status == "en_route" else None
    if event.destination is None or event.at < state.destination_at:
        return _enter(state, event.status, event.at, eta_at=eta_at)
    new = {"destination": event.destination, "destination_at": event.at}
    return _enter(state, event.status, event.at, eta_at=eta_at, **new)


def _redirected(state: Emergency, event: DestinationChanged) -> Emergency:
    return _change(state, destination=event.destination, destination_at=event.at)


def _released(state: Emergency, event: UnitReleased) -> Emergency:
    gone = {"attempt": event.attempt, "unit": None, "task": None, "eta_at": None}
    if state.unit is None:
        return _change(state, **gone, destination=None)
    return _enter(state, "raised", event.at, **gone, destination=None)


def _closed(state: Emergency, event: EmergencyClosed) -> Emergency:
    return _enter(state, "closed", event.at, eta_at=None)


def _cancelled(state: Emergency, event: EmergencyCancelled) -> Emergency:
    return _enter(state, "cancelled", event.at, cancellation=event.cancellation, eta_at=None)


def _merged(state: Emergency, event: EmergencyMerged) -> Emergency:
    # Whoever was on the way is called back by the dispatcher, and is not this one's crew any more.
    gone = {"unit": None, "task": None, "eta_at": None, "destination": None}
    orders = ordered(state.orders, event, state.revision + 1)
    return _enter(state, "merged", event.at, orders=orders, **gone)


def _returned(state: Emergency, event: DuplicateReturned) -> Emergency:
    orders = ordered(state.orders, event, state.revision + 1)
    return _enter(state, "raised", event.at, orders=orders)


def _ordered(state: Emergency, event: OrderEvent) -> Emergency:
    return _change(state, orders=ordered(state.orders, event, state.revision + 1))


def wake_at(state: Emergency) -> float | None:
    """When the hold ends by itself."""
    held = state.orders.held
    return None if held is None or state.ended else held.until


# By type: a `match` over so many classes asks for each in turn, at every event.
_APPLIED: dict[type[Event], Callable[[Emergency, Any], Emergency]] = {
    EmergencyRaised: _raised,
    PriorityOverridden: _overridden,
    UnitAssigned: _assigned,
    EmergencyProgressed: _progressed,
    DestinationChanged: _redirected,
    UnitReleased: _released,
    EmergencyClosed: _closed,
    EmergencyCancelled: _cancelled,
    **dict.fromkeys(get_args(OrderEvent), _ordered),
    EmergencyMerged: _merged,
    DuplicateReturned: _returned,
}


def _change(state: Emergency, **changes: Any) -> Emergency:
    return replace(state, revision=state.revision + 1, **changes)


def _enter(state: Emergency, status: EmergencyStatus, at: float, **changes: Any) -> Emergency:
    times = {**state.times, status: at}
    return replace(state, revision=state.revision + 1, status=status, times=times, **changes)

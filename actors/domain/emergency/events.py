"""What can happen to an emergency. Applied in apply.py and apply_orders.py."""

from __future__ import annotations

from typing import Literal

from actors.domain.choice import Choice
from actors.domain.emergency.orders import Duplicate, Followed, Held, Staged
from actors.domain.emergency.state import Cancellation, Override
from actors.domain.kernel import Event, Role
from actors.domain.messages.card import Slot
from actors.domain.messages.status import CareOutcome, SlotStatus
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
    Vehicles,
)


class EmergencyRaised(Event, frozen=True, kw_only=True):
    """With what triage made of it. `received_at`: when help was asked for, where that was before
    `at`."""

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
    received_at: Seconds | None = None


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


class EmergencyHeld(Event, frozen=True, kw_only=True):
    """Nobody is sent automatically from now."""

    at: Seconds
    held: Held


class HoldEnded(Event, frozen=True, kw_only=True):
    """By whom; by nobody: its time was over."""

    at: Seconds
    subject: Id | None = None
    reason: Note | None = None


class EmergencyStaged(Event, frozen=True, kw_only=True):
    """Units wait there."""

    at: Seconds
    staged: Staged


class GoAheadGiven(Event, frozen=True, kw_only=True):
    """Units may go in."""

    at: Seconds
    subject: Id
    reason: Note


class UnitsOrdered(Event, frozen=True, kw_only=True):
    """Further units, each with its slot."""

    at: Seconds
    slots: tuple[Slot, ...]
    subject: Id
    reason: Note


class UnitStoodDown(Event, frozen=True, kw_only=True):
    """That slot is gone."""

    at: Seconds
    slot: int
    subject: Id
    reason: Note


class FurtherAssigned(Event, frozen=True, kw_only=True):
    """A further crew is on the case."""

    at: Seconds
    slot: int
    unit: Id
    task: Id
    attempt: int
    accepted_at: Seconds
    eta_s: Seconds
    choice: Choice | None = None


class FurtherProgressed(Event, frozen=True, kw_only=True):
    """A further crew is at a step."""

    at: Seconds
    slot: int
    status: SlotStatus


class FurtherReleased(Event, frozen=True, kw_only=True):
    """That offer of a slot is over; its crew, if it had one, is not coming."""

    at: Seconds
    slot: int
    unit: Id
    task: Id
    attempt: int
    reason: Note


class PrimaryCompleted(Event, frozen=True, kw_only=True):
    """The primary unit is done; further ones are not yet."""

    at: Seconds
    outcome: CareOutcome


class EmergencyMerged(Event, frozen=True, kw_only=True):
    """Over as one of its own: `into` goes on for it."""

    at: Seconds
    into: Id
    subject: Id
    reason: Note


class DuplicateReturned(Event, frozen=True, kw_only=True):
    """The other cannot stand for it (any more): raised again, as old as it is."""

    at: Seconds
    primary: Id
    reason: Note


class PrimaryFollowed(Event, frozen=True, kw_only=True):
    """How far the other one is, that this was merged into."""

    at: Seconds
    followed: Followed


class DuplicateLinked(Event, frozen=True, kw_only=True):
    """Another one was merged into this."""

    at: Seconds
    duplicate: Duplicate


OrderEvent = (
    EmergencyHeld
    | HoldEnded
    | EmergencyStaged
    | GoAheadGiven
    | UnitsOrdered
    | UnitStoodDown
    | FurtherAssigned
    | FurtherProgressed
    | FurtherReleased
    | PrimaryCompleted
    | EmergencyMerged
    | DuplicateReturned
    | PrimaryFollowed
    | DuplicateLinked
)
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
Events = tuple[EmergencyEvent, ...]

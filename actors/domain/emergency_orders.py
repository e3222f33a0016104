"""What the dispatch desk orders for one emergency: hold, stage, more units, merge.

Commands (staff alone): HoldEmergency, ReleaseEmergency, StageEmergency, OrderUnits, StandDownUnit,
MergeEmergency. All of them say why, and who said it is in the event.

- *held*: nobody is sent on a policy's word until it is released or its time is over, which it
  always is at last: nobody is called about what is held, so nothing may be held and forgotten.
  Whoever is asked just then is asked no more; whoever has accepted goes on. It ends once a unit is
  on its way.
- *staged*: units go to a point near by and wait there for the go-ahead.
- *further units*: slots 2, 3, …, each for one unit. The primary unit stays the first. It is closed
  when the primary and all further units are done.
- *merged*: the same as another one, which goes on for both. It hears of the other's progress, so
  that whoever called can follow; and is raised again if the other cannot stand for it any more.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from actors.domain.choice import Choice
from actors.domain.kernel import Command, Event
from actors.domain.messages import CareOutcome, EmergencyStatus, Slot, SlotStatus
from actors.domain.values import Id, Location, Note, Seconds

# Of one emergency, all in all. More than that is a disaster, run from its own command post.
MOST_UNITS = 20


# Of a hold whose end was not said: what a call back or the police may take to tell what it is.
HOLD_S = 900.0
# Of any hold: longer than that nobody remembers why. It can be held again before.
LONGEST_HOLD_S = 4 * 3600.0


class Held(Struct, frozen=True):
    """`until`: when it ends by itself."""

    subject: Id
    reason: Note
    at: Seconds
    until: Seconds


class Staged(Struct, frozen=True):
    """Where to wait."""

    location: Location
    subject: Id
    reason: Note
    at: Seconds


class Further(Struct, frozen=True, kw_only=True):
    """A further unit. `attempt`: as of the emergency itself, of this slot's own offers."""

    slot: int
    status: SlotStatus = "ordered"
    wanted: Id | None = None
    unit: Id | None = None
    task: Id | None = None
    attempt: int = 0
    eta_at: Seconds | None = None

    @property
    def live(self) -> bool:
        return self.unit is not None and self.status != "completed"


class Duplicate(Struct, frozen=True):
    """An emergency that was merged into this one, at its `revision`."""

    emergency: Id
    patient_id: Id | None
    revision: int


class Followed(Struct, frozen=True, kw_only=True):
    """How far the emergency is that this one was merged into, at its `revision`."""

    emergency: Id
    revision: int = 0
    status: EmergencyStatus = "raised"
    unit: Id | None = None
    eta_at: Seconds | None = None


class Orders(Struct, frozen=True, kw_only=True):
    """All that was ordered. `slots`: the highest slot there ever was. `staged_at`: the emergency's
    revision when units were last told to wait, or to go in; 0: never.

    `primary_done`: how the primary unit's task ended, while further ones are not done.
    `merged_at`: the emergency's revision when it was merged. `choices`: slot -> why its unit was
    chosen, of the last that accepted.
    """

    held: Held | None = None
    staged: Staged | None = None
    staged_at: int = 0
    further: tuple[Further, ...] = ()
    slots: int = 1
    primary_done: CareOutcome | None = None
    duplicates: tuple[Duplicate, ...] = ()
    followed: Followed | None = None
    merged_at: int = 0
    choices: dict[int, Choice] = {}

    def slot(self, slot: int) -> Further | None:
        return next((one for one in self.further if one.slot == slot), None)

    def card(self) -> tuple[Slot, ...]:
        """What the dispatcher is told of the further units."""
        if not self.further:
            return ()  # nearly always: said at each change of each emergency
        return tuple(Slot(one.slot, one.status, one.wanted) for one in self.further)


# --- commands


class HoldEmergency(Command, frozen=True, kw_only=True):
    """Send nobody automatically, until then at most (HOLD_S if it is not said); again: anew."""

    reason: Note
    until: Seconds | None = None


class ReleaseEmergency(Command, frozen=True, kw_only=True):
    """End the hold; or give the go-ahead to units that wait at the staging point."""

    ends: Literal["hold", "staging"]
    reason: Note


class StageEmergency(Command, frozen=True, kw_only=True):
    """Units wait at `location` for the go-ahead."""

    location: Location
    reason: Note


class OrderUnits(Command, frozen=True, kw_only=True):
    """So many further units; `units`: certain ones, the first of them."""

    count: Annotated[int, Meta(ge=1, le=MOST_UNITS - 1)]
    reason: Note
    units: Annotated[tuple[Id, ...], Meta(max_length=MOST_UNITS - 1)] = ()


class StandDownUnit(Command, frozen=True, kw_only=True):
    """That further unit is not needed (any more)."""

    slot: Annotated[int, Meta(ge=2)]
    reason: Note


class MergeEmergency(Command, frozen=True, kw_only=True):
    """It is the same as `into`, which goes on for both."""

    into: Id
    reason: Note


# --- events


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


class ExplainChoices(Command, frozen=True):
    """Read why each unit was chosen."""


OrderCommand = (
    HoldEmergency | ReleaseEmergency | StageEmergency | OrderUnits | StandDownUnit | MergeEmergency
)
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


def ordered(orders: Orders, event: OrderEvent, revision: int) -> Orders:
    """The orders after an event. `revision`: the emergency's, after it."""
    match event:
        case EmergencyHeld(held=held):
            return replace(orders, held=held)
        case HoldEnded():
            return replace(orders, held=None)
        case EmergencyStaged(staged=staged):
            return replace(orders, staged=staged, staged_at=revision)
        case GoAheadGiven():
            return replace(orders, staged=None, staged_at=revision)
        case UnitsOrdered(slots=slots):
            more = tuple(Further(slot=one.slot, wanted=one.wanted) for one in slots)
            return replace(
                orders, further=(*orders.further, *more), slots=max(one.slot for one in slots)
            )
        case UnitStoodDown(slot=slot):
            return replace(orders, further=tuple(f for f in orders.further if f.slot != slot))
        case FurtherAssigned():
            return chosen(_assigned(orders, event), event.slot, event.choice)
        case FurtherProgressed(slot=slot, status=status):
            return _slot(orders, slot, status=status, eta_at=_eta(orders, slot, status))
        case FurtherReleased():
            return _slot(
                orders,
                event.slot,
                status="ordered",
                unit=None,
                task=None,
                attempt=event.attempt,
                eta_at=None,
            )
        case PrimaryCompleted(outcome=outcome):
            return replace(orders, primary_done=outcome)
        case EmergencyMerged(into=into):
            # Nobody waits anywhere for it; who is sent should it be raised again goes in.
            alone = replace(orders, held=None, staged=None, staged_at=revision)
            return replace(alone, followed=Followed(emergency=into), merged_at=revision)
        case DuplicateReturned():
            return replace(orders, followed=None)
        case PrimaryFollowed(followed=followed):
            return replace(orders, followed=followed)
        case DuplicateLinked(duplicate=duplicate):
            others = (d for d in orders.duplicates if d.emergency != duplicate.emergency)
            return replace(orders, duplicates=(*others, duplicate))


def chosen(orders: Orders, slot: int, choice: Choice | None) -> Orders:
    """With why the unit of a slot was chosen, if that was noted."""
    if choice is None:
        return orders
    return replace(orders, choices={**orders.choices, slot: choice})


def _assigned(orders: Orders, event: FurtherAssigned) -> Orders:
    return _slot(
        orders,
        event.slot,
        status="assigned",
        unit=event.unit,
        task=event.task,
        attempt=event.attempt,
        eta_at=event.accepted_at + event.eta_s,
    )


def _eta(orders: Orders, slot: int, status: SlotStatus) -> float | None:
    known = orders.slot(slot)
    return known.eta_at if known is not None and status in ("assigned", "en_route") else None


def _slot(orders: Orders, slot: int, **changes: object) -> Orders:
    further = (replace(f, **changes) if f.slot == slot else f for f in orders.further)
    return replace(orders, further=tuple(further))

"""What can happen to a paramedic. Applied in apply.py, decided in decide.py."""

from __future__ import annotations

from typing import Literal

from actors.domain.kernel import Event
from actors.domain.messages.card import StationRef
from actors.domain.messages.status import ShiftFault
from actors.domain.messages.to_paramedic import Offer
from actors.domain.paramedic.shift import PlannedShift
from actors.domain.task import Task
from actors.domain.values import (
    Destination,
    Id,
    Location,
    Name,
    Note,
    Position,
    Priority,
    Region,
    Seconds,
    Skills,
    Step,
    Vehicle,
)


class _UnitEvent(Event, frozen=True, kw_only=True):
    """`position`: the newest known when it was decided, telemetry included."""

    at: Seconds
    position: Position | None = None


class ParamedicRegistered(_UnitEvent, frozen=True, kw_only=True):
    """Off duty from now."""

    name: Name
    region: Region
    skills: Skills
    vehicle: Vehicle


class ParamedicUpdated(_UnitEvent, frozen=True, kw_only=True):
    """All of it as it is now."""

    name: Name
    region: Region
    skills: Skills
    vehicle: Vehicle


class ParamedicRetired(_UnitEvent, frozen=True, kw_only=True):
    """For good."""


class WentOnDuty(_UnitEvent, frozen=True, kw_only=True):
    """Available from now. `station`: where it belongs until it goes off duty."""

    station: Id | None = None


class WentOffDuty(_UnitEvent, frozen=True, kw_only=True):
    """No offers, no positions from now. `relief`: the unit that was told the `note`."""

    relief: Id | None = None
    note: Note | None = None


class BreakTaken(_UnitEvent, frozen=True, kw_only=True):
    """No offers from now."""


class BreakEnded(_UnitEvent, frozen=True, kw_only=True):
    """Available again."""


class TaskOffered(_UnitEvent, frozen=True, kw_only=True):
    """Into the queue."""

    task: Task


class TaskAccepted(_UnitEvent, frozen=True, kw_only=True):
    """Live from now."""

    task: Id


class TaskDeclined(_UnitEvent, frozen=True, kw_only=True):
    """Out of the queue. Not `by_crew`: it fell because the crew left or took another task."""

    task: Id
    reason: Note
    by_crew: bool = True


class TaskExpired(_UnitEvent, frozen=True, kw_only=True):
    """Nobody answered in time."""

    task: Id


class TaskProgressed(_UnitEvent, frozen=True, kw_only=True):
    """At a step before the last. `destination`: the hospital, where it has set out for one."""

    task: Id
    step: Step
    destination: Destination | None = None


class TaskRedirected(_UnitEvent, frozen=True, kw_only=True):
    """To another hospital, in the middle of the drive to one."""

    task: Id
    destination: Destination
    reason: Note


class TaskCompleted(_UnitEvent, frozen=True, kw_only=True):
    """Done; available again."""

    task: Id


class TaskHandedBack(_UnitEvent, frozen=True, kw_only=True):
    """Given up by the crew; available again."""

    task: Id
    reason: Note


class TaskWithdrawn(_UnitEvent, frozen=True, kw_only=True):
    """Taken away, offered or live. `emergency_over`: because nobody is needed any more."""

    task: Id
    reason: Note
    emergency_over: bool = False


class TaskReprioritized(_UnitEvent, frozen=True, kw_only=True):
    """The emergency's priority changed."""

    task: Id
    priority: Priority
    revision: int


class OfferVoided(_UnitEvent, frozen=True, kw_only=True):
    """An offer that never got into the queue, and is not to when it is repeated.

    withdrawn: it was overtaken by its withdrawal; unavailable: the unit was not free; expired: it
    came too late.
    """

    task: Id
    offer: Offer
    outcome: Literal["withdrawn", "unavailable", "expired"]


class ShiftAnnounced(_UnitEvent, frozen=True, kw_only=True):
    """The next shift, or a newer plan of it: a reminder to the crew."""

    shift: PlannedShift


class ShiftFaulted(_UnitEvent, frozen=True, kw_only=True):
    """The crew is not there, or idles on duty after the end. Once for each shift and fault."""

    shift: Id
    station: Id
    fault: ShiftFault


class HandoverReceived(_UnitEvent, frozen=True, kw_only=True):
    """What the crew before has left to say."""

    unit: Id
    station: Id | None = None
    note: Note


class TaskDiverted(_UnitEvent, frozen=True, kw_only=True):
    """One task went for another, in one step. `task`: the new one, as far as it already is."""

    from_task: Id
    task: Task
    reason: Note


class TaskStaged(_UnitEvent, frozen=True, kw_only=True):
    """Where the crew waits for the go-ahead; None: it may go in."""

    task: Id
    staging: Location | None
    revision: int


class TrackShared(_UnitEvent, frozen=True, kw_only=True):
    """Who called about the same emergency sees the unit come as well: on these ones' tracks."""

    task: Id
    followers: tuple[Id, ...]
    revision: int


class MoveOrdered(_UnitEvent, frozen=True, kw_only=True):
    """To stand by at another station."""

    station: StationRef
    ordered_at: Seconds
    reason: Note


ParamedicEvent = (
    ParamedicRegistered
    | ParamedicUpdated
    | ParamedicRetired
    | WentOnDuty
    | WentOffDuty
    | BreakTaken
    | BreakEnded
    | TaskOffered
    | TaskAccepted
    | TaskDeclined
    | TaskExpired
    | TaskProgressed
    | TaskRedirected
    | TaskCompleted
    | TaskHandedBack
    | TaskWithdrawn
    | TaskReprioritized
    | OfferVoided
    | TaskDiverted
    | TaskStaged
    | TrackShared
    | MoveOrdered
    | ShiftAnnounced
    | ShiftFaulted
    | HandoverReceived
)
Events = tuple[ParamedicEvent, ...]

"""What can happen at a dispatcher. Applied in apply.py, decided in decide.py.

`emergency` and `slot` say which case; slot 1 is the emergency's primary unit.
"""

from __future__ import annotations

from typing import Literal

from actors.domain.choice import Choice
from actors.domain.dispatcher.case import Wish
from actors.domain.kernel import Event, Sends
from actors.domain.messages.card import EmergencyCard, StationRef, UnitStatus
from actors.domain.messages.status import EndReason, OfferOutcome, ShiftFault, TaskEnd
from actors.domain.values import Id, Note, Seconds


class EmergencyQueued(Event, frozen=True, kw_only=True):
    """A new case, waiting; or one that was merged, and is its own again."""

    at: Seconds
    card: EmergencyCard
    slot: int = 1
    wish: Wish | None = None


class EmergencyUpdated(Event, frozen=True, kw_only=True):
    """A newer card."""

    at: Seconds
    card: EmergencyCard


class EmergencyRemoved(Event, frozen=True, kw_only=True):
    """Over. Also of one never seen here: what comes late about it is ignored then.

    `card`: with merged, its last one; a newer one means that it is its own again.
    """

    at: Seconds
    emergency: Id
    reason: EndReason
    card: EmergencyCard | None = None


class UnitStoodDown(Event, frozen=True, kw_only=True):
    """A further unit is not wanted any more."""

    at: Seconds
    emergency: Id
    slot: int


class UnitUpdated(Event, frozen=True, kw_only=True):
    """A newer status of a unit."""

    at: Seconds
    unit: UnitStatus


class UnitLeft(Event, frozen=True, kw_only=True):
    """Retired, or of another region now."""

    at: Seconds
    unit: Id


class OfferMade(Event, frozen=True, kw_only=True):
    """A unit is asked, and reserved. `diverts`: the case that it is to leave for this one."""

    at: Seconds
    task: Id
    emergency: Id
    unit: Id
    attempt: int
    expires_at: Seconds
    eta_s: Seconds
    slot: int = 1
    choice: Choice | None = None
    diverts: Id | None = None


class OfferClosed(Event, frozen=True, kw_only=True):
    """It answered, and is reserved no more. The emergency may be over by then."""

    at: Seconds
    task: Id
    emergency: Id
    unit: Id
    outcome: OfferOutcome
    reason: Note | None = None
    slot: int = 1


class UnitTakenOver(Event, frozen=True, kw_only=True):
    """A unit left one case for another, in one step: `from_emergency` waits again.

    `accepted`: it is on its way to the other; else its crew is asked.
    """

    at: Seconds
    unit: Id
    from_task: Id
    from_emergency: Id
    from_slot: int
    task: Id
    emergency: Id
    slot: int
    accepted: bool


class CrewLost(Event, frozen=True, kw_only=True):
    """The crew gave the task back or lost it: the emergency waits again, as old as it is."""

    at: Seconds
    task: Id
    emergency: Id
    unit: Id
    outcome: TaskEnd
    reason: Note | None = None
    slot: int = 1


class CrewDone(Event, frozen=True, kw_only=True):
    """The crew has completed, or was called off: nobody else is sent for this case."""

    at: Seconds
    task: Id
    emergency: Id
    unit: Id
    outcome: TaskEnd
    slot: int = 1


class NoUnitFree(Event, frozen=True, kw_only=True):
    """Once per waiting spell: nobody can be asked. For the ops desk."""

    at: Seconds
    emergency: Id
    reason: Literal["none_on_duty", "none_with_skills", "all_busy"]
    slot: int = 1
    escalate_at: Seconds | None = None


class AllRefused(Event, frozen=True, kw_only=True):
    """Every unit that could go has refused; they are asked again at `retry_at`."""

    at: Seconds
    emergency: Id
    retry_at: Seconds
    slot: int = 1
    escalate_at: Seconds | None = None


class RoundRestarted(Event, frozen=True, kw_only=True):
    """The refusals of the last round are forgotten."""

    at: Seconds
    emergency: Id
    slot: int = 1


class EmergencyDeferred(Event, frozen=True, kw_only=True):
    """The policy waits for `unit`, which is busy, rather than send another; until then at most."""

    at: Seconds
    emergency: Id
    unit: Id
    until: Seconds
    reason: str
    slot: int = 1


class DeferralEnded(Event, frozen=True, kw_only=True):
    """The time is over: the policy is asked again."""

    at: Seconds
    emergency: Id
    slot: int = 1


class OpsAlerted(Event, frozen=True, kw_only=True):
    """Nobody has taken it: a human must look. `level` counts the calls; the next is at `next_at`.

    `tries`: so many crews did not take it.
    """

    at: Seconds
    emergency: Id
    tries: int
    slot: int = 1
    level: int = 1
    next_at: Seconds | None = None


class OverrideOrdered(Event, frozen=True, kw_only=True):
    """A dispatcher has said who is to go. Audited: who, and why."""

    at: Seconds
    emergency: Id
    slot: int
    wish: Wish


class OverrideLapsed(Event, frozen=True, kw_only=True):
    """The unit that was to go cannot: the policy decides again."""

    at: Seconds
    emergency: Id
    slot: int
    unit: Id
    reason: str


class UnitPosted(Event, frozen=True, kw_only=True):
    """An idle unit is sent to stand by at a station, and expected there at `arrives_at`."""

    at: Seconds
    unit: Id
    station: Id
    arrives_at: Seconds
    reason: str


class StationsUpdated(Event, frozen=True, kw_only=True):
    """The region's stations, all of them."""

    at: Seconds
    revision: int
    stations: tuple[StationRef, ...]


class ShiftReported(Event, frozen=True, kw_only=True):
    """A shift went wrong. For the people who watch."""

    at: Seconds
    unit: Id
    shift: Id
    station: Id
    fault: ShiftFault


# Of a case that is known: `emergency` and `slot` say which.
CaseEvent = (
    CrewLost
    | CrewDone
    | NoUnitFree
    | AllRefused
    | RoundRestarted
    | EmergencyDeferred
    | DeferralEnded
    | OpsAlerted
    | OverrideOrdered
    | OverrideLapsed
)
DispatcherEvent = (
    EmergencyQueued
    | EmergencyUpdated
    | EmergencyRemoved
    | UnitStoodDown
    | UnitUpdated
    | UnitLeft
    | OfferMade
    | OfferClosed
    | UnitTakenOver
    | CaseEvent
    | UnitPosted
    | StationsUpdated
    | ShiftReported
)
Events = tuple[DispatcherEvent, ...]
# What a message comes to: events, and what must be said at once.
Taken = tuple[Events, Sends]

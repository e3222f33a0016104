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

from msgspec import Struct

from actors.domain.choice import Choice
from actors.domain.messages.card import Slot
from actors.domain.messages.status import CareOutcome, EmergencyStatus, SlotStatus
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
        return tuple(Slot(one.slot, one.status, one.wanted) for one in self.further)

"""The state of a shift, what it is asked, what can happen to it, and how that changes it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import Command, Event, Wake
from actors.domain.shift.machine import ShiftStatus
from actors.domain.values import Id, Seconds

# A crew is reminded this long before; time enough to call somebody else in.
ANNOUNCE_S: Final = 1800.0


class Plan(Struct, frozen=True, kw_only=True):
    """Who is where, [starts_at, ends_at)."""

    unit: Id
    station: Id
    starts_at: Seconds
    ends_at: Seconds


class Shift(Struct, frozen=True, kw_only=True):
    """The state. `revision`: of the plan, as the records count it."""

    id: str
    status: ShiftStatus = "new"
    revision: int = 0
    plan: Plan | None = None


class PlanShift(Command, frozen=True, kw_only=True):
    """The plan as it is at `revision`; a lower one is old. `cancelled`: it is not to come."""

    plan: Plan
    revision: int
    cancelled: bool = False


ShiftCommand = PlanShift | Wake


class ShiftPlanned(Event, frozen=True, kw_only=True):
    """Planned, or changed."""

    at: Seconds
    plan: Plan
    revision: int


class UnitTold(Event, frozen=True, kw_only=True):
    """Its time has nearly come."""

    at: Seconds


class ShiftCancelled(Event, frozen=True, kw_only=True):
    """It is not to come."""

    at: Seconds
    plan: Plan
    revision: int


ShiftEvent = ShiftPlanned | UnitTold | ShiftCancelled


def apply(state: Shift, event: ShiftEvent) -> Shift:
    """The state after an event."""
    match event:
        case ShiftPlanned():
            status: ShiftStatus = "announced" if state.status == "announced" else "planned"
            return replace(state, status=status, plan=event.plan, revision=event.revision)
        case UnitTold():
            return replace(state, status="announced")
        case ShiftCancelled():
            return replace(state, status="cancelled", plan=event.plan, revision=event.revision)


def wake_at(state: Shift) -> float | None:
    """When its unit is to be told."""
    if state.status != "planned" or state.plan is None:
        return None
    return state.plan.starts_at - ANNOUNCE_S

"""A planned shift of one unit: the durable timer that brings the plan to its crew.

States: planned, announced (its unit has been told, shortly before it begins), cancelled. Plans
reach far ahead, and a unit should not carry them all: so each waits in an entity of its own until
its time has nearly come. Whether the crew is then where it should be is the unit's to see
(paramedic_shift.py).

Commands, and who may send them
- PlanShift: staff, by way of the records, which know that no two shifts of a unit overlap. Again
  with each change, and with its end.
- Wake: the runtime, when the unit is to be told.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.access import require
from actors.domain.kernel import (
    Behaviour,
    Command,
    Context,
    Decision,
    EntityRef,
    Event,
    Send,
    Wake,
    fold,
)
from actors.domain.machine import NEW, Machine
from actors.domain.messages import AnnounceShift
from actors.domain.values import Id, Seconds

ShiftStatus = Literal["new", "planned", "announced", "cancelled"]
# A crew is reminded this long before; time enough to call somebody else in.
ANNOUNCE_S: Final = 1800.0

MACHINE = Machine(
    "shift",
    {
        (NEW, "PlanShift"): "planned",
        (NEW, "PlanShift:cancelled"): "cancelled",
        ("planned", "PlanShift"): "planned",
        ("planned", "Wake"): "announced",
        ("planned", "PlanShift:cancelled"): "cancelled",
        ("announced", "PlanShift"): "announced",
        ("announced", "PlanShift:cancelled"): "cancelled",
    },
)


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


def decide(state: Shift, command: ShiftCommand, ctx: Context) -> Decision:
    """See the table above. Raises DomainError `forbidden` alone: what is stale is ignored."""
    require(ctx.by, "shift.plan" if isinstance(command, PlanShift) else "shift.message")
    events = _events(state, command, ctx.now)
    after = fold(apply, state, events)
    known = after.status == "announced" or (
        after.status == "cancelled" and state.status == "announced"
    )
    return Decision(events, (_announcement(after),) if events and known else ())


def _events(state: Shift, command: ShiftCommand, now: float) -> tuple[ShiftEvent, ...]:
    if isinstance(command, Wake):
        told = MACHINE.can(state.status, "Wake") and _due(state.plan, now)
        return (UnitTold(at=now),) if told else ()
    if command.revision <= state.revision or state.status == "cancelled":
        return ()
    plan, revision = command.plan, command.revision
    if command.cancelled:
        return (ShiftCancelled(at=now, plan=plan, revision=revision),)
    planned = ShiftPlanned(at=now, plan=plan, revision=revision)
    if state.status != "announced" and _due(plan, now):
        return (planned, UnitTold(at=now))
    return (planned,)


def _due(plan: Plan | None, now: float) -> bool:
    return plan is not None and plan.starts_at - ANNOUNCE_S <= now


def _announcement(state: Shift) -> Send:
    assert state.plan is not None, "only what was planned is announced"
    return Send(
        EntityRef("paramedic", state.plan.unit),
        AnnounceShift(
            shift=state.id,
            revision=state.revision,
            station=state.plan.station,
            starts_at=state.plan.starts_at,
            ends_at=state.plan.ends_at,
            cancelled=state.status == "cancelled",
        ),
    )


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


def initial(shift_id: str) -> Shift:
    """Before it is planned."""
    return Shift(id=shift_id)


BEHAVIOUR: Behaviour[Shift] = Behaviour(
    kind="shift",
    state_type=Shift,
    command_type=ShiftCommand,
    event_type=ShiftEvent,
    initial=initial,
    decide=decide,
    apply=apply,
    wake_at=wake_at,
)

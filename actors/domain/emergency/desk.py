"""What an emergency decides on the orders of the dispatch desk. Words: orders.py."""

from __future__ import annotations

from actors.domain.emergency.apply import apply
from actors.domain.emergency.commands import (
    HoldEmergency,
    MergeEmergency,
    OrderCommand,
    OrderUnits,
    ReleaseEmergency,
    StageEmergency,
    StandDownUnit,
)
from actors.domain.emergency.events import (
    EmergencyClosed,
    EmergencyHeld,
    EmergencyMerged,
    EmergencyStaged,
    Events,
    GoAheadGiven,
    HoldEnded,
    UnitsOrdered,
    UnitStoodDown,
)
from actors.domain.emergency.machine import MACHINE
from actors.domain.emergency.orders import HOLD_S, LONGEST_HOLD_S, MOST_UNITS, Held, Staged
from actors.domain.emergency.state import Emergency
from actors.domain.kernel import Context, DomainError
from actors.domain.messages.card import Slot
from actors.domain.messages.status import SlotStatus

# A unit that is this far is needed until it is done.
_WITH_PATIENT: tuple[SlotStatus, ...] = ("transporting", "at_hospital")
ACTIONS: dict[type, str] = {
    HoldEmergency: "emergency.hold",
    ReleaseEmergency: "emergency.release",
    StageEmergency: "emergency.stage",
    OrderUnits: "emergency.order_units",
    StandDownUnit: "emergency.order_units",
    MergeEmergency: "emergency.merge",
}


def decided(state: Emergency, command: OrderCommand, ctx: Context) -> Events:
    """Raises DomainError: impossible_transition, hold_over, hold_too_long, not_held, not_staged,
    too_many_units, unknown_slot, with_patient, unit_named_twice, same_emergency,
    merge_the_other_way."""
    MACHINE.next(state.status, type(command).__name__)
    subject, now = ctx.by.subject, ctx.now
    match command:
        case HoldEmergency():
            return _held(command, ctx)
        case ReleaseEmergency():
            return _released(state, command, ctx)
        case StageEmergency(location=location, reason=reason):
            return (EmergencyStaged(at=now, staged=Staged(location, subject, reason, now)),)
        case OrderUnits():
            return _ordered(state, command, ctx)
        case StandDownUnit():
            return _stood_down(state, command, ctx)
        case MergeEmergency():
            return _merged(state, command, ctx)


def _held(command: HoldEmergency, ctx: Context) -> Events:
    until = ctx.now + HOLD_S if command.until is None else command.until
    if until <= ctx.now:
        raise DomainError("hold_over", "a hold must end in the future, or by a release")
    if until > ctx.now + LONGEST_HOLD_S:
        hours = LONGEST_HOLD_S / 3600
        raise DomainError("hold_too_long", f"a hold of {hours:g} hours is the longest; hold again")
    held = Held(ctx.by.subject, command.reason, ctx.now, until)
    return (EmergencyHeld(at=ctx.now, held=held),)


def _released(state: Emergency, command: ReleaseEmergency, ctx: Context) -> Events:
    subject, now, reason = ctx.by.subject, ctx.now, command.reason
    in_force = [
        name
        for name, order in (("hold", state.orders.held), ("staging", state.orders.staged))
        if order is not None
    ]
    if command.ends not in in_force:
        code = "not_held" if command.ends == "hold" else "not_staged"
        raise DomainError(code, f"there is no {command.ends} to end", tuple(in_force))
    if command.ends == "hold":
        return (HoldEnded(at=now, subject=subject, reason=reason),)
    return (GoAheadGiven(at=now, subject=subject, reason=reason),)


def _ordered(state: Emergency, command: OrderUnits, ctx: Context) -> Events:
    if len(set(command.units)) < len(command.units):
        raise DomainError("unit_named_twice", "each unit can be ordered once")
    first = state.orders.slots + 1
    count = max(command.count, len(command.units))
    room = MOST_UNITS - 1 - sum(f.status != "completed" for f in state.orders.further)
    if count > room:
        raise DomainError(
            "too_many_units", f"{MOST_UNITS} units are the most; {room} more can be ordered"
        )
    named = [*command.units, *[None] * (count - len(command.units))]
    slots = tuple(Slot(first + n, wanted=unit) for n, unit in enumerate(named))
    event = UnitsOrdered(at=ctx.now, slots=slots, subject=ctx.by.subject, reason=command.reason)
    return (event,)


def _stood_down(state: Emergency, command: StandDownUnit, ctx: Context) -> Events:
    slot, further = command.slot, state.orders.further
    known = state.orders.slot(slot)
    if known is None or known.status == "completed":
        open_ = tuple(str(f.slot) for f in further if f.status != "completed")
        raise DomainError("unknown_slot", f"no further unit {slot} that could be stood down", open_)
    if known.status in _WITH_PATIENT:
        raise DomainError("with_patient", f"further unit {slot} is {known.status} with a patient")
    gone = UnitStoodDown(at=ctx.now, slot=slot, subject=ctx.by.subject, reason=command.reason)
    return closing(state, (gone,), ctx.now)


def _merged(state: Emergency, command: MergeEmergency, ctx: Context) -> Events:
    if command.into == state.id:
        raise DomainError("same_emergency", "an emergency cannot be merged into itself")
    if state.orders.duplicates or state.orders.further:
        raise DomainError(
            "merge_the_other_way",
            "others were merged into it, or further units ordered: merge the other into this one",
        )
    return (
        EmergencyMerged(
            at=ctx.now, into=command.into, subject=ctx.by.subject, reason=command.reason
        ),
    )


def closing(state: Emergency, events: Events, at: float) -> Events:
    """The events; and its end, where they are done with the last unit of an emergency whose
    primary unit is done already."""
    after = state
    for event in events:
        after = apply(after, event)
    outcome = after.orders.primary_done
    if outcome is None or any(f.status != "completed" for f in after.orders.further):
        return events
    return (*events, EmergencyClosed(at=at, outcome=outcome))

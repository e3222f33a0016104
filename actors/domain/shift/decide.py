"""What a shift decides. Its table and who may send what: machine.py."""

from __future__ import annotations

from actors.domain.access import require
from actors.domain.kernel import Context, Decision, EntityRef, Send, Wake, fold
from actors.domain.messages.to_paramedic import AnnounceShift
from actors.domain.shift.machine import MACHINE
from actors.domain.shift.state import (
    ANNOUNCE_S,
    Plan,
    PlanShift,
    Shift,
    ShiftCancelled,
    ShiftCommand,
    ShiftEvent,
    ShiftPlanned,
    UnitTold,
    apply,
)


def decide(state: Shift, command: ShiftCommand, ctx: Context) -> Decision:
    """See machine.py. Raises DomainError `forbidden` alone: what is stale is ignored."""
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

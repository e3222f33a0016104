"""What a paramedic decides. Its table and who may send what: machine.py.

What others must hear of it is read off the events: consequences.py.
"""

from __future__ import annotations

from typing import cast, get_args

from actors.domain.access import Facts, by_role_alone, require
from actors.domain.kernel import Context, Decision, DomainError, Later
from actors.domain.machine import NEW
from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.paramedic import shift as paramedic_shift
from actors.domain.paramedic.commands import (
    AcceptTask,
    DeclineTask,
    EndBreak,
    EntityMessage,
    GoOffDuty,
    GoOnDuty,
    HandBackTask,
    ListTasks,
    ParamedicCommand,
    PersonCommand,
    ProgressTask,
    RedirectTask,
    RegisterParamedic,
    RetireParamedic,
    TakeBreak,
    UpdateParamedic,
    ViewParamedic,
)
from actors.domain.paramedic.consequences import concluded
from actors.domain.paramedic.events import (
    BreakEnded,
    BreakTaken,
    Events,
    ParamedicRegistered,
    ParamedicRetired,
    ParamedicUpdated,
    TaskWithdrawn,
    WentOffDuty,
    WentOnDuty,
)
from actors.domain.paramedic.intake import taken_in
from actors.domain.paramedic.machine import MACHINE
from actors.domain.paramedic.position import newest_position, not_ahead
from actors.domain.paramedic.projection import paramedic_view, task_list
from actors.domain.paramedic.state import Paramedic
from actors.domain.paramedic.tasks import offers_dropped, on_task, queued

# Who may do it, by command; the rest is internal.
_ACTIONS: dict[type, str] = {
    RegisterParamedic: "paramedic.register",
    UpdateParamedic: "paramedic.update",
    RetireParamedic: "paramedic.retire",
    GoOnDuty: "paramedic.shift",
    GoOffDuty: "paramedic.shift",
    TakeBreak: "paramedic.shift",
    EndBreak: "paramedic.shift",
    AcceptTask: "task.answer",
    DeclineTask: "task.answer",
    ProgressTask: "task.progress",
    RedirectTask: "task.progress",
    HandBackTask: "task.hand_back",
    WithdrawTask: "task.withdraw",
    ViewParamedic: "paramedic.view",
    ListTasks: "task.list",
}
# A unit that is not registered does not hear them.
_INTERNAL: frozenset[type] = frozenset(get_args(EntityMessage)) - {WithdrawTask}


def decide(state: Paramedic, command: ParamedicCommand, ctx: Context) -> Decision:
    """See the tables in machine.py and domain/task.py.

    Raises DomainError: forbidden, not_found, impossible_transition, unknown_task, offer_expired.
    """
    kind = type(command)
    action = _ACTIONS.get(kind, "paramedic.message")
    if not by_role_alone(ctx.by.role, action):
        require(ctx.by, action, Facts(paramedic_id=state.id))
    if kind in _INTERNAL or (kind is WithdrawTask and ctx.by.role == "system"):
        return taken_in(state, cast("EntityMessage", command), ctx)
    if kind is RegisterParamedic:
        return _answered(state, _register(state, cast("RegisterParamedic", command), ctx))
    if state.status == NEW:
        raise DomainError("not_found", f"no paramedic {state.id}", ("RegisterParamedic",))
    if kind is ViewParamedic:
        return Decision(answer=paramedic_view(state))
    if kind is ListTasks:
        return Decision(answer=task_list(state))
    return _answered(state, _person(state, cast("PersonCommand", command), ctx))


def _answered(state: Paramedic, events: Events) -> Decision:
    """People see what came of their command."""
    return concluded(state, events, _view)


def _view(after: Paramedic) -> Later:
    return Later(paramedic_view, after)


def _register(state: Paramedic, command: RegisterParamedic, ctx: Context) -> Events:
    MACHINE.next(state.status, "RegisterParamedic")
    skills = tuple(sorted(set(command.skills)))
    return (
        ParamedicRegistered(
            at=ctx.now,
            name=command.name,
            region=command.region,
            skills=skills,
            vehicle=command.vehicle,
        ),
    )


def _person(state: Paramedic, command: PersonCommand, ctx: Context) -> Events:
    here = newest_position(state, ctx.telemetry)
    now = ctx.now
    match command:
        case ProgressTask() | AcceptTask() | DeclineTask() | RedirectTask() | HandBackTask():
            return on_task(state, command, ctx, here)
        case WithdrawTask(task=task_id, reason=reason):
            # Staff take the unit off; that the emergency is over is not theirs to say here.
            queued(state, task_id)
            return (TaskWithdrawn(at=now, task=task_id, reason=reason, position=here),)
        case UpdateParamedic():
            return _update(state, command, ctx)
        case RetireParamedic():
            MACHINE.next(state.status, "RetireParamedic")
            return (ParamedicRetired(at=now),)
        case GoOnDuty(position=position, station=station):
            MACHINE.next(state.status, "GoOnDuty")
            shift = paramedic_shift.current(state.shifts, now)
            if station is None and shift is not None:
                station = shift.station
            return (WentOnDuty(at=now, position=not_ahead(position, now), station=station),)
        case GoOffDuty(relief=relief, note=note):
            MACHINE.next(state.status, "GoOffDuty")
            return (
                *offers_dropped(state, now, "the crew went off duty"),
                WentOffDuty(at=now, position=here, relief=relief, note=note),
            )
        case TakeBreak():
            MACHINE.next(state.status, "TakeBreak")
            return (
                *offers_dropped(state, now, "the crew is on a break"),
                BreakTaken(at=now, position=here),
            )
        case EndBreak():
            MACHINE.next(state.status, "EndBreak")
            return (BreakEnded(at=now, position=here),)


def _update(state: Paramedic, command: UpdateParamedic, ctx: Context) -> Events:
    MACHINE.next(state.status, "UpdateParamedic")
    region = command.region or state.region
    if region != state.region and state.status != "off_duty":
        raise DomainError(
            "impossible_transition",
            f"the region changes only off duty; the paramedic is {state.status}",
            ("GoOffDuty",),
        )
    skills = state.skills if command.skills is None else tuple(sorted(set(command.skills)))
    return (
        ParamedicUpdated(
            at=ctx.now,
            name=command.name or state.name,
            region=region,
            skills=skills,
            vehicle=command.vehicle or state.vehicle,
        ),
    )

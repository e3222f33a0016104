"""What a paramedic decides. Its table and who may send what: machine.py.

What others must hear of it is read off the events: consequences.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from actors.domain.access import Facts, require, roles_of
from actors.domain.kernel import Command, Context, Decision, DomainError
from actors.domain.machine import NEW
from actors.domain.messages.to_paramedic import WithdrawTask
from actors.domain.paramedic import shift as paramedic_shift
from actors.domain.paramedic import tasks
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
    WentOffDuty,
    WentOnDuty,
)
from actors.domain.paramedic.intake import taken_in
from actors.domain.paramedic.machine import MACHINE
from actors.domain.paramedic.position import newest_position, not_ahead
from actors.domain.paramedic.projection import paramedic_view, task_list
from actors.domain.paramedic.state import Paramedic
from actors.domain.paramedic.tasks import offers_dropped

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

_INTERNALLY: Final = "paramedic.message"
# Who may by the role alone, by command; of others it depends on whose unit it is.
_ROLES: Final = {
    kind: roles_of(_ACTIONS.get(kind, _INTERNALLY)) for kind in (*_ACTIONS, *_INTERNAL)
}


def decide(state: Paramedic, command: ParamedicCommand, ctx: Context) -> Decision:
    """See the tables in machine.py and domain/task.py.

    Raises DomainError: forbidden, not_found, impossible_transition, unknown_task, offer_expired.
    """
    kind = type(command)
    if ctx.by.role not in _ROLES[kind]:
        action = _ACTIONS.get(kind, _INTERNALLY)
        require(ctx.by, action, Facts(paramedic_id=state.id))
    if kind in _INTERNAL or (kind is WithdrawTask and ctx.by.role == "system"):
        return taken_in(state, command, ctx)
    if state.status == NEW and kind is not RegisterParamedic:
        raise DomainError("not_found", f"no paramedic {state.id}", ("RegisterParamedic",))
    if kind is ViewParamedic:
        return Decision(answer=paramedic_view(state))
    if kind is ListTasks:
        return Decision(answer=task_list(state))
    # People see what came of their command.
    return concluded(state, _PERSONS[kind](state, command, ctx), paramedic_view)


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


def _retire(state: Paramedic, _command: RetireParamedic, ctx: Context) -> Events:
    MACHINE.next(state.status, "RetireParamedic")
    return (ParamedicRetired(at=ctx.now),)


def _on_duty(state: Paramedic, command: GoOnDuty, ctx: Context) -> Events:
    MACHINE.next(state.status, "GoOnDuty")
    now, station = ctx.now, command.station
    shift = paramedic_shift.current(state.shifts, now)
    if station is None and shift is not None:
        station = shift.station
    return (WentOnDuty(at=now, position=not_ahead(command.position, now), station=station),)


def _off_duty(state: Paramedic, command: GoOffDuty, ctx: Context) -> Events:
    MACHINE.next(state.status, "GoOffDuty")
    here = newest_position(state, ctx.telemetry)
    return (
        *offers_dropped(state, ctx.now, "the crew went off duty"),
        WentOffDuty(at=ctx.now, position=here, relief=command.relief, note=command.note),
    )


def _take_break(state: Paramedic, _command: TakeBreak, ctx: Context) -> Events:
    MACHINE.next(state.status, "TakeBreak")
    return (
        *offers_dropped(state, ctx.now, "the crew is on a break"),
        BreakTaken(at=ctx.now, position=newest_position(state, ctx.telemetry)),
    )


def _end_break(state: Paramedic, _command: EndBreak, ctx: Context) -> Events:
    MACHINE.next(state.status, "EndBreak")
    return (BreakEnded(at=ctx.now, position=newest_position(state, ctx.telemetry)),)


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


# By type: a `match` over so many classes asks for each in turn, at every command.
_PERSONS: Final[Mapping[type[Command], Callable[[Paramedic, Any, Context], Events]]] = {
    RegisterParamedic: _register,
    ProgressTask: tasks.progressed,
    AcceptTask: tasks.accepted,
    DeclineTask: tasks.declined,
    RedirectTask: tasks.redirected,
    HandBackTask: tasks.handed_back,
    WithdrawTask: tasks.withdrawn,
    UpdateParamedic: _update,
    RetireParamedic: _retire,
    GoOnDuty: _on_duty,
    GoOffDuty: _off_duty,
    TakeBreak: _take_break,
    EndBreak: _end_break,
}

"""What a paramedic decides. Its words, table and who may send what: paramedic.py.

What others must hear of it is read off the events: paramedic_consequences.py.
"""

from __future__ import annotations

from typing import cast

from actors.domain import paramedic_orders, paramedic_shift, projections, views
from actors.domain.access import Facts, by_role_alone, require
from actors.domain.kernel import (
    Behaviour,
    Context,
    Decision,
    DomainError,
    Later,
    Publication,
    Wake,
)
from actors.domain.machine import NEW
from actors.domain.messages import (
    AnnounceShift,
    DivertUnit,
    MoveToStation,
    OfferTask,
    ReportPosition,
    ReprioritizeTask,
    StageTask,
    TakeOver,
    WithdrawTask,
)
from actors.domain.paramedic import (
    MACHINE,
    AcceptTask,
    DeclineTask,
    EndBreak,
    GoOffDuty,
    GoOnDuty,
    HandBackTask,
    ListTasks,
    Paramedic,
    ParamedicCommand,
    ProgressTask,
    RedirectTask,
    RegisterParamedic,
    RetireParamedic,
    TakeBreak,
    UpdateParamedic,
    ViewParamedic,
    apply,
    claims,
    duty,
    wake_at,
)
from actors.domain.paramedic_consequences import Events, concluded
from actors.domain.paramedic_events import (
    BreakEnded,
    BreakTaken,
    HandoverReceived,
    OfferVoided,
    ParamedicEvent,
    ParamedicRegistered,
    ParamedicRetired,
    ParamedicUpdated,
    ShiftAnnounced,
    ShiftFaulted,
    TaskAccepted,
    TaskCompleted,
    TaskDeclined,
    TaskDiverted,
    TaskExpired,
    TaskHandedBack,
    TaskProgressed,
    TaskRedirected,
    TaskReprioritized,
    TaskWithdrawn,
    WentOffDuty,
    WentOnDuty,
)
from actors.domain.paramedic_position import absorb_with, fleet_channel, newest_position, not_ahead
from actors.domain.task import MACHINE as TASK_MACHINE
from actors.domain.task import Task
from actors.domain.timestamp import rfc3339
from actors.domain.travel import GreatCircle, TravelEstimate
from actors.domain.values import Position

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


_Order = (
    UpdateParamedic
    | RetireParamedic
    | GoOnDuty
    | GoOffDuty
    | TakeBreak
    | EndBreak
    | AcceptTask
    | DeclineTask
    | ProgressTask
    | RedirectTask
    | HandBackTask
    | WithdrawTask
)
# Messages of entities, never refused; a unit that is not registered does not hear them.
_INTERNAL: frozenset[type] = frozenset(
    {
        OfferTask,
        ReprioritizeTask,
        DivertUnit,
        StageTask,
        MoveToStation,
        AnnounceShift,
        TakeOver,
        Wake,
    }
)


def decide(state: Paramedic, command: ParamedicCommand, ctx: Context) -> Decision:
    """See the tables in paramedic.py and task.py.

    Raises DomainError: forbidden, not_found, impossible_transition, unknown_task, offer_expired.
    """
    kind = type(command)
    action = _ACTIONS.get(kind, "paramedic.message")
    if not by_role_alone(ctx.by.role, action):
        require(ctx.by, action, Facts(paramedic_id=state.id))
    if kind in _INTERNAL or (kind is WithdrawTask and ctx.by.role == "system"):
        return _internal(state, cast("_Message", command), ctx)
    if kind is RegisterParamedic:
        return _answered(state, _register(state, cast("RegisterParamedic", command), ctx))
    if state.status == NEW:
        raise DomainError("not_found", f"no paramedic {state.id}", ("RegisterParamedic",))
    if kind is ViewParamedic:
        return Decision(answer=projections.paramedic_view(state))
    if kind is ListTasks:
        return Decision(answer=projections.task_list(state))
    return _answered(state, _person(state, cast("_Order", command), ctx))


def _answered(state: Paramedic, events: Events) -> Decision:
    """People see what came of their command."""
    return concluded(state, events, _view)


def _view(after: Paramedic) -> Later:
    return Later(projections.paramedic_view, after)


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


def _person(state: Paramedic, command: _Order, ctx: Context) -> Events:
    here = newest_position(state, ctx.telemetry)
    now = ctx.now
    match command:
        case ProgressTask() | AcceptTask() | DeclineTask() | RedirectTask() | HandBackTask():
            return _on_task(state, command, ctx, here)
        case WithdrawTask(task=task_id, reason=reason):
            # Staff take the unit off; that the emergency is over is not theirs to say here.
            _task(state, task_id)
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
                *_drop_offers(state, now, "the crew went off duty"),
                WentOffDuty(at=now, position=here, relief=relief, note=note),
            )
        case TakeBreak():
            MACHINE.next(state.status, "TakeBreak")
            return (
                *_drop_offers(state, now, "the crew is on a break"),
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


def _on_task(
    state: Paramedic,
    command: AcceptTask | DeclineTask | ProgressTask | RedirectTask | HandBackTask,
    ctx: Context,
    here: Position | None,
) -> Events:
    task = _task(state, command.task)
    now = ctx.now
    name = type(command).__name__
    match command:
        case AcceptTask():
            TASK_MACHINE.next(task.step, name)
            if now >= task.expires_at:
                # Its Wake is on the way; only one of the two may decide, and time has.
                raise DomainError("offer_expired", f"the offer of task {task.id} is over")
            MACHINE.next(state.status, name)
            others = _drop_offers(state, now, "the crew took another task", keep=task.id)
            return (TaskAccepted(at=now, task=task.id, position=here), *others)
        case DeclineTask(reason=reason):
            TASK_MACHINE.next(task.step, name)
            return (TaskDeclined(at=now, task=task.id, reason=reason, position=here),)
        case ProgressTask(step=step, position=position, destination=destination):
            TASK_MACHINE.next(task.step, f"{name}:{step}")
            if step == "on_scene" and task.staged:
                raise DomainError(
                    "staged",
                    "the scene is not safe: the crew waits at its staging point for the go-ahead",
                    ("HandBackTask",),
                )
            here = here if position is None else not_ahead(position, now)
            if step == "completed":
                return (TaskCompleted(at=now, task=task.id, position=here),)
            if step != "transporting":
                destination = None
            return (
                TaskProgressed(
                    at=now, task=task.id, step=step, position=here, destination=destination
                ),
            )
        case RedirectTask(destination=destination, reason=reason):
            TASK_MACHINE.next(task.step, name)
            if destination == task.destination:
                return ()
            return (
                TaskRedirected(
                    at=now, task=task.id, destination=destination, reason=reason, position=here
                ),
            )
        case HandBackTask(reason=reason):
            TASK_MACHINE.next(task.step, name)
            return (TaskHandedBack(at=now, task=task.id, reason=reason, position=here),)


def _task(state: Paramedic, task_id: str) -> Task:
    task = state.task(task_id)
    if task is not None:
        return task
    fate = "is over" if task_id in state.spent else "is not in the queue"
    raise DomainError("unknown_task", f"task {task_id} {fate}", MACHINE.allowed(state.status))


def _drop_offers(state: Paramedic, now: float, why: str, keep: str | None = None) -> Events:
    return tuple(
        [
            TaskDeclined(at=now, task=task.id, reason=why, by_crew=False)
            for task in state.tasks
            if not task.live and task.id != keep
        ]
    )


_Message = (
    OfferTask
    | ReprioritizeTask
    | WithdrawTask
    | DivertUnit
    | StageTask
    | MoveToStation
    | AnnounceShift
    | TakeOver
    | Wake
)


def _internal(state: Paramedic, message: _Message, ctx: Context) -> Decision:
    if state.status == NEW:
        return Decision()  # dispatchers only know units that registered
    return concluded(state, _taken_in(state, message, ctx))


def _taken_in(state: Paramedic, message: _Message, ctx: Context) -> Events:
    now = ctx.now
    match message:
        case OfferTask(task=task):
            return paramedic_orders.offered(state, task, now)
        case DivertUnit():
            here = newest_position(state, ctx.telemetry)
            return paramedic_orders.diverted(state, message, here, now)
        case StageTask():
            return paramedic_orders.staged(state, message, now)
        case MoveToStation():
            return paramedic_orders.moved(
                state, message, newest_position(state, ctx.telemetry), now
            )
        case WithdrawTask(task=task_id):
            known = state.task(task_id)
            if known is not None and known.live and message.only_offer:
                return ()  # its crew was quicker
            if known is not None:
                return (
                    TaskWithdrawn(
                        at=now,
                        task=task_id,
                        reason=message.reason,
                        emergency_over=message.emergency_over,
                        position=newest_position(state, ctx.telemetry),
                    ),
                )
            if message.offer is None or task_id in state.spent:
                return ()
            return (OfferVoided(at=now, task=task_id, offer=message.offer, outcome="withdrawn"),)
        case ReprioritizeTask(task=task_id, priority=priority, revision=revision):
            known = state.task(task_id)
            if known is None or revision <= known.revision:
                return ()
            return (TaskReprioritized(at=now, task=task_id, priority=priority, revision=revision),)
        case AnnounceShift():
            return _announced(state, message, now)
        case TakeOver(unit=unit, station=station, note=note):
            return (HandoverReceived(at=now, unit=unit, station=station, note=note),)
        case Wake():
            expired = (
                TaskExpired(at=now, task=task.id)
                for task in state.tasks
                if not task.live and task.expires_at <= now
            )
            faults = (
                ShiftFaulted(at=now, shift=shift.id, station=shift.station, fault=fault)
                for shift, fault in paramedic_shift.due(state.shifts, duty(state), now)
            )
            return (*expired, *faults)


def _announced(state: Paramedic, message: AnnounceShift, now: float) -> Events:
    if state.status == "retired":
        return ()  # its plan may reach further than the unit
    known = next((shift for shift in state.shifts if shift.id == message.shift), None)
    if message.ends_at <= now or (known is not None and message.revision <= known.revision):
        return ()
    shift = paramedic_shift.PlannedShift(
        id=message.shift,
        revision=message.revision,
        station=message.station,
        starts_at=message.starts_at,
        ends_at=message.ends_at,
        cancelled=message.cancelled,
    )
    return (ShiftAnnounced(at=now, shift=shift),)


def channel(paramedic_id: str) -> str:
    """The channel of a device's facts."""
    return f"device:{paramedic_id}"


def publications(
    before: Paramedic, event: ParamedicEvent, after: Paramedic
) -> tuple[Publication, ...]:
    """One fact to the device; a row to the fleet where that shows something new."""
    update = Publication(channel(after.id), _device_update(before, event, after))
    row = projections.fleet_row(after, after.position)
    if before.status != NEW and row == projections.fleet_row(before, before.position):
        return (update,)
    return (update, Publication(fleet_channel(after.region), row, "latest", after.id))


def _device_update(
    before: Paramedic, event: ParamedicEvent, after: Paramedic
) -> views.DeviceUpdate:
    task = _about(before, event, after)
    return views.DeviceUpdate(
        event=type(event).__name__,
        at=rfc3339(event.at),
        status=after.status,
        task=None if task is None else projections.task_view(task),
        reason=getattr(event, "reason", None),
        tasks=tuple(task.id for task in after.tasks),
        given_up=event.from_task if isinstance(event, TaskDiverted) else None,
        move=None if after.move is None else after.move.station,
        shift=_shift_about(event, after),
        note=getattr(event, "note", None),
    )


def _shift_about(event: ParamedicEvent, after: Paramedic) -> views.ShiftNotice | None:
    match event:
        case ShiftAnnounced(shift=shift):
            return projections.shift_notice(shift)
        case ShiftFaulted(shift=shift_id, fault=fault):
            found = next(shift for shift in after.shifts if shift.id == shift_id)
            return projections.shift_notice(found, fault)
        case _:
            return None


def _about(before: Paramedic, event: ParamedicEvent, after: Paramedic) -> Task | None:
    """The task of an event: as it left it, or as it was where it ended it."""
    about = getattr(event, "task", None)
    task_id = about.id if isinstance(about, Task) else about
    return None if task_id is None else after.task(task_id) or before.task(task_id)


def concerns(before: Paramedic, event: ParamedicEvent, after: Paramedic) -> str | None:
    """The patient of the task that the event is about."""
    task = _about(before, event, after)
    return None if task is None else task.patient_id


def initial(paramedic_id: str) -> Paramedic:
    """Before it is registered."""
    return Paramedic(id=paramedic_id)


def behaviour(travel: TravelEstimate) -> Behaviour[Paramedic]:
    """Paramedics whose arrival is estimated by `travel`."""
    return Behaviour(
        kind="paramedic",
        state_type=Paramedic,
        command_type=ParamedicCommand,
        event_type=ParamedicEvent,
        initial=initial,
        decide=decide,
        apply=apply,
        wake_at=wake_at,
        claims=claims,
        publications=publications,
        concerns=concerns,
        fact_channel=channel,
        signal_type=ReportPosition,
        absorb=absorb_with(travel),
        urgent=True,
    )


BEHAVIOUR = behaviour(GreatCircle())

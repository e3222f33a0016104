"""What a paramedic decides. Its words, table and who may send what: paramedic.py.

What others must hear of it is read off the events: paramedic_consequences.py.
"""

from __future__ import annotations

from actors.domain import projections, views
from actors.domain.access import Facts, require
from actors.domain.kernel import (
    Behaviour,
    Context,
    Decision,
    DomainError,
    Publication,
    Wake,
    fold,
)
from actors.domain.machine import NEW
from actors.domain.messages import (
    Offer,
    OfferTask,
    ReportPosition,
    ReprioritizeTask,
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
    RegisterParamedic,
    RetireParamedic,
    TakeBreak,
    UpdateParamedic,
    ViewParamedic,
    apply,
    claims,
    wake_at,
)
from actors.domain.paramedic_consequences import Events, concluded
from actors.domain.paramedic_events import (
    BreakEnded,
    BreakTaken,
    OfferVoided,
    ParamedicEvent,
    ParamedicRegistered,
    ParamedicRetired,
    ParamedicUpdated,
    TaskAccepted,
    TaskCompleted,
    TaskDeclined,
    TaskExpired,
    TaskHandedBack,
    TaskOffered,
    TaskProgressed,
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
    HandBackTask: "task.hand_back",
    WithdrawTask: "task.withdraw",
    ViewParamedic: "paramedic.view",
    ListTasks: "task.list",
}


def decide(state: Paramedic, command: ParamedicCommand, ctx: Context) -> Decision:
    """See the tables in paramedic.py and task.py.

    Raises DomainError: forbidden, not_found, impossible_transition, unknown_task, offer_expired.
    """
    require(ctx.by, _ACTIONS.get(type(command), "paramedic.message"), Facts(paramedic_id=state.id))
    match command:
        case RegisterParamedic():
            return _answered(state, _register(state, command, ctx))
        case OfferTask() | ReprioritizeTask() | Wake():
            return _internal(state, command, ctx)
        case WithdrawTask() if ctx.by.role == "system":
            return _internal(state, command, ctx)
        case _ if state.status == NEW:
            raise DomainError("not_found", f"no paramedic {state.id}", ("RegisterParamedic",))
        case ViewParamedic():
            return Decision(answer=projections.paramedic_view(state))
        case ListTasks():
            return Decision(answer=projections.task_list(state))
        case _:
            return _answered(state, _person(state, command, ctx))


def _answered(state: Paramedic, events: Events) -> Decision:
    """People see what came of their command."""
    decision = concluded(state, events)
    view = projections.paramedic_view(fold(apply, state, events))
    return Decision(decision.events, decision.sends, view)


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


def _person(
    state: Paramedic,
    command: UpdateParamedic
    | RetireParamedic
    | GoOnDuty
    | GoOffDuty
    | TakeBreak
    | EndBreak
    | AcceptTask
    | DeclineTask
    | ProgressTask
    | HandBackTask
    | WithdrawTask,
    ctx: Context,
) -> Events:
    here = newest_position(state, ctx.telemetry)
    now = ctx.now
    match command:
        case AcceptTask() | DeclineTask() | ProgressTask() | HandBackTask():
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
        case GoOnDuty(position=position):
            MACHINE.next(state.status, "GoOnDuty")
            return (WentOnDuty(at=now, position=not_ahead(position, now)),)
        case GoOffDuty():
            MACHINE.next(state.status, "GoOffDuty")
            return (
                *_drop_offers(state, now, "the crew went off duty"),
                WentOffDuty(at=now, position=here),
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
    command: AcceptTask | DeclineTask | ProgressTask | HandBackTask,
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
        case ProgressTask(step=step, position=position):
            TASK_MACHINE.next(task.step, f"{name}:{step}")
            here = here if position is None else not_ahead(position, now)
            if step == "completed":
                return (TaskCompleted(at=now, task=task.id, position=here),)
            return (TaskProgressed(at=now, task=task.id, step=step, position=here),)
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
        TaskDeclined(at=now, task=task.id, reason=why, by_crew=False)
        for task in state.tasks
        if not task.live and task.id != keep
    )


def _internal(
    state: Paramedic, message: OfferTask | ReprioritizeTask | WithdrawTask | Wake, ctx: Context
) -> Decision:
    if state.status == NEW:
        return Decision()  # dispatchers only know units that registered
    return concluded(state, _taken_in(state, message, ctx))


def _taken_in(
    state: Paramedic, message: OfferTask | ReprioritizeTask | WithdrawTask | Wake, ctx: Context
) -> Events:
    now = ctx.now
    match message:
        case OfferTask(task=task):
            return _offered(state, task, now)
        case WithdrawTask(task=task_id):
            known = state.task(task_id)
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
        case Wake():
            return tuple(
                TaskExpired(at=now, task=task.id)
                for task in state.tasks
                if not task.live and task.expires_at <= now
            )


def _offered(state: Paramedic, task: Task, now: float) -> Events:
    if state.task(task.id) is not None or task.id in state.spent:
        return ()  # a repeat
    offer = Offer(
        emergency=task.emergency,
        region=task.region,
        attempt=task.attempt,
        expires_at=task.expires_at,
    )
    if now >= task.expires_at:
        return (OfferVoided(at=now, task=task.id, offer=offer, outcome="expired"),)
    if state.status != "available":
        return (OfferVoided(at=now, task=task.id, offer=offer, outcome="unavailable"),)
    return (TaskOffered(at=now, task=task),)


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
    )


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

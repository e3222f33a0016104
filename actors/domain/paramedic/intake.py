"""What a paramedic takes in: messages of entities, and the clock. Nothing here is refused."""

from __future__ import annotations

from actors.domain.kernel import Context, Decision, Wake
from actors.domain.machine import NEW
from actors.domain.messages.to_paramedic import (
    AnnounceShift,
    DivertUnit,
    MoveToStation,
    OfferTask,
    ReprioritizeTask,
    ShareTrack,
    StageTask,
    TakeOver,
    WithdrawTask,
)
from actors.domain.paramedic import orders
from actors.domain.paramedic import shift as paramedic_shift
from actors.domain.paramedic.commands import EntityMessage
from actors.domain.paramedic.consequences import concluded
from actors.domain.paramedic.events import (
    Events,
    HandoverReceived,
    OfferVoided,
    ShiftAnnounced,
    ShiftFaulted,
    TaskExpired,
    TaskReprioritized,
    TaskWithdrawn,
    TrackShared,
)
from actors.domain.paramedic.position import newest_position
from actors.domain.paramedic.state import Paramedic, duty


def taken_in(state: Paramedic, message: EntityMessage, ctx: Context) -> Decision:
    """What a message or a Wake makes known; a unit that is not registered hears nothing."""
    if state.status == NEW:
        return Decision()  # dispatchers only know units that registered
    return concluded(state, _events(state, message, ctx))


def _events(state: Paramedic, message: EntityMessage, ctx: Context) -> Events:
    now = ctx.now
    match message:
        case OfferTask(task=task):
            return orders.offered(state, task, now)
        case DivertUnit():
            here = newest_position(state, ctx.telemetry)
            return orders.diverted(state, message, here, now)
        case StageTask():
            return orders.staged(state, message, now)
        case ShareTrack():
            return _shared(state, message, now)
        case MoveToStation():
            return orders.moved(state, message, newest_position(state, ctx.telemetry), now)
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


def _shared(state: Paramedic, message: ShareTrack, now: float) -> Events:
    task = state.task(message.task)
    if task is None or message.revision <= task.followers_revision:
        return ()
    return (
        TrackShared(at=now, task=task.id, followers=message.followers, revision=message.revision),
    )


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

"""What a paramedic takes in: messages of entities, and the clock. Nothing here is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from actors.domain.kernel import Command, Context, Decision, Wake
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
from actors.domain.paramedic.commands import ParamedicCommand
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

_NOTHING: Final = Decision()


def taken_in(state: Paramedic, message: ParamedicCommand, ctx: Context) -> Decision:
    """What a message (one of EntityMessage) or a Wake makes known; a unit that is not registered
    hears nothing."""
    if state.status == NEW:
        return _NOTHING  # dispatchers only know units that registered
    return concluded(state, _TAKEN[type(message)](state, message, ctx))


def _offered(state: Paramedic, message: OfferTask, ctx: Context) -> Events:
    return orders.offered(state, message.task, ctx.now)


def _diverted(state: Paramedic, message: DivertUnit, ctx: Context) -> Events:
    return orders.diverted(state, message, newest_position(state, ctx.telemetry), ctx.now)


def _staged(state: Paramedic, message: StageTask, ctx: Context) -> Events:
    return orders.staged(state, message, ctx.now)


def _moved(state: Paramedic, message: MoveToStation, ctx: Context) -> Events:
    return orders.moved(state, message, newest_position(state, ctx.telemetry), ctx.now)


def _withdrawn(state: Paramedic, message: WithdrawTask, ctx: Context) -> Events:
    task_id, now = message.task, ctx.now
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


def _reprioritized(state: Paramedic, message: ReprioritizeTask, ctx: Context) -> Events:
    task_id, priority, revision = message.task, message.priority, message.revision
    known = state.task(task_id)
    if known is None or revision <= known.revision:
        return ()
    return (TaskReprioritized(at=ctx.now, task=task_id, priority=priority, revision=revision),)


def _taken_over(_state: Paramedic, message: TakeOver, ctx: Context) -> Events:
    unit, station, note = message.unit, message.station, message.note
    return (HandoverReceived(at=ctx.now, unit=unit, station=station, note=note),)


def _woken(state: Paramedic, _message: Wake, ctx: Context) -> Events:
    now = ctx.now
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


def _shared(state: Paramedic, message: ShareTrack, ctx: Context) -> Events:
    task = state.task(message.task)
    if task is None or message.revision <= task.followers_revision:
        return ()
    return (
        TrackShared(
            at=ctx.now, task=task.id, followers=message.followers, revision=message.revision
        ),
    )


def _announced(state: Paramedic, message: AnnounceShift, ctx: Context) -> Events:
    now = ctx.now
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


# By type: a `match` over so many classes asks for each in turn, at every message.
_TAKEN: Final[Mapping[type[Command], Callable[[Paramedic, Any, Context], Events]]] = {
    OfferTask: _offered,
    DivertUnit: _diverted,
    StageTask: _staged,
    ShareTrack: _shared,
    MoveToStation: _moved,
    WithdrawTask: _withdrawn,
    ReprioritizeTask: _reprioritized,
    AnnounceShift: _announced,
    TakeOver: _taken_over,
    Wake: _woken,
}

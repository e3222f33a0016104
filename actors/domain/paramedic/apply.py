"""How events change a paramedic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from msgspec.structs import replace

from actors.domain.kernel import Event
from actors.domain.messages.status import UnitAvailability
from actors.domain.paramedic import shift as paramedic_shift
from actors.domain.paramedic.events import (
    BreakEnded,
    BreakTaken,
    Events,
    MoveOrdered,
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
    TaskOffered,
    TaskProgressed,
    TaskRedirected,
    TaskReprioritized,
    TaskStaged,
    TaskWithdrawn,
    TrackShared,
    WentOffDuty,
    WentOnDuty,
)
from actors.domain.paramedic.state import MoveOrder, Paramedic
from actors.domain.task import Task

# How long after its expiry an ended offer is remembered, so that a repeat of it is known for one:
# more than the clocks of two shards may differ. Later repeats are void by their expiry alone.
SPENT_GRACE_S = 60.0
_Changes = dict[str, Any]
_Queue = tuple[Task, ...]
_STATUS_AFTER: dict[type[Event], UnitAvailability] = {
    ParamedicRegistered: "off_duty",
    ParamedicRetired: "retired",
    WentOnDuty: "available",
    WentOffDuty: "off_duty",
    BreakTaken: "on_break",
    BreakEnded: "available",
    TaskAccepted: "on_task",
    TaskCompleted: "available",
    TaskHandedBack: "available",
}


def apply(state: Paramedic, event: ParamedicEvent) -> Paramedic:
    """The state after an event."""
    kind = type(event)
    revision = state.revision + 1
    position = state.position if event.position is None else event.position
    queue = _QUEUES.get(kind)
    if queue is not None:
        tasks = queue(state, event)
        after = replace(state, revision=revision, position=position, tasks=tasks)
    else:
        changing = _CHANGES.get(kind)
        changes = {} if changing is None else changing(state, event)
        after = replace(state, revision=revision, position=position, **changes)
    status = _STATUS_AFTER.get(kind, state.status)
    if kind is TaskWithdrawn:
        live = state.live_task
        if live is not None and live.id == cast("TaskWithdrawn", event).task:
            status = "available"
    if status == state.status:
        return after
    # Where a unit was sent to stand by is over with whatever it does next.
    return replace(after, status=status, status_at=event.at, move=None)


def apply_all(state: Paramedic, events: Events) -> Paramedic:
    """The state after these events."""
    for event in events:
        state = apply(state, event)
    return state


def _described(_state: Paramedic, event: ParamedicRegistered | ParamedicUpdated) -> _Changes:
    return {
        "name": event.name,
        "region": event.region,
        "skills": event.skills,
        "vehicle": event.vehicle,
    }


def _offered(state: Paramedic, event: TaskOffered) -> _Queue:
    return _ordered((*state.tasks, event.task))


def _accepted(state: Paramedic, event: TaskAccepted) -> _Queue:
    at = event.at
    task = replace(state.queued(event.task), step="accepted", accepted_at=at, step_at=at)
    return _with(state, task)


def _progressed(state: Paramedic, event: TaskProgressed) -> _Queue:
    task = state.queued(event.task)
    to = event.destination or task.destination
    return _with(state, replace(task, step=event.step, step_at=event.at, destination=to))


def _redirected(state: Paramedic, event: TaskRedirected) -> _Queue:
    return _with(state, replace(state.queued(event.task), destination=event.destination))


def _reprioritized(state: Paramedic, event: TaskReprioritized) -> _Queue:
    task = state.queued(event.task)
    return _with(state, replace(task, priority=event.priority, revision=event.revision))


def _staged(state: Paramedic, event: TaskStaged) -> _Queue:
    task, revision = state.queued(event.task), event.revision
    return _with(state, replace(task, staging=event.staging, staging_revision=revision))


def _shared(state: Paramedic, event: TrackShared) -> _Queue:
    task, revision = state.queued(event.task), event.revision
    return _with(state, replace(task, followers=event.followers, followers_revision=revision))


def _ended(
    state: Paramedic,
    event: TaskDeclined | TaskExpired | TaskCompleted | TaskHandedBack | TaskWithdrawn,
) -> _Changes:
    return _without(state, event.task, event.at)


def _diverted(state: Paramedic, event: TaskDiverted) -> _Changes:
    changes = _without(state, event.from_task, event.at)
    return {**changes, "tasks": _ordered((*changes["tasks"], event.task))}


def _move_ordered(_state: Paramedic, event: MoveOrdered) -> _Changes:
    order = MoveOrder(event.station, event.ordered_at, event.reason)
    return {"move": order, "moved_at": event.ordered_at}


def _voided(state: Paramedic, event: OfferVoided) -> _Changes:
    return {"spent": _spent(state, event.task, event.offer.expires_at, event.at)}


def _on_duty(state: Paramedic, event: WentOnDuty) -> _Changes:
    shifts = paramedic_shift.unfinished(state.shifts, event.at)
    return {"station": event.station, "shifts": shifts}


def _off_duty(state: Paramedic, event: WentOffDuty) -> _Changes:
    begun = event.at if event.relief is not None else None
    shifts = paramedic_shift.unfinished(state.shifts, event.at, relieved_at=begun)
    return {"station": None, "shifts": shifts}


def _retired(_state: Paramedic, _event: ParamedicRetired) -> _Changes:
    return {"shifts": ()}


def _shift_announced(state: Paramedic, event: ShiftAnnounced) -> _Changes:
    shifts = paramedic_shift.unfinished(state.shifts, event.at)
    return {"shifts": paramedic_shift.planned(shifts, event.shift)}


def _shift_faulted(state: Paramedic, event: ShiftFaulted) -> _Changes:
    return {"shifts": paramedic_shift.faulted(state.shifts, event.shift, event.fault)}


# By type: a `match` over so many classes asks for each in turn, at every event.
_CHANGES: dict[type[Event], Callable[[Paramedic, Any], _Changes]] = {
    ParamedicRegistered: _described,
    ParamedicUpdated: _described,
    TaskDeclined: _ended,
    TaskExpired: _ended,
    TaskCompleted: _ended,
    TaskHandedBack: _ended,
    TaskWithdrawn: _ended,
    TaskDiverted: _diverted,
    MoveOrdered: _move_ordered,
    OfferVoided: _voided,
    ParamedicRetired: _retired,
    WentOnDuty: _on_duty,
    WentOffDuty: _off_duty,
    ShiftAnnounced: _shift_announced,
    ShiftFaulted: _shift_faulted,
}


# What changes nothing but a task or the queue; most of what happens to a unit.
_QUEUES: Final[dict[type[Event], Callable[[Paramedic, Any], _Queue]]] = {
    TaskOffered: _offered,
    TaskAccepted: _accepted,
    TaskProgressed: _progressed,
    TaskRedirected: _redirected,
    TaskReprioritized: _reprioritized,
    TaskStaged: _staged,
    TrackShared: _shared,
}
# Of these, those that nobody but the crew and its emergency sees: the unit stands as it did.
UNSEEN: Final = frozenset(_QUEUES) - frozenset(_STATUS_AFTER)


def _ordered(tasks: _Queue) -> _Queue:
    return tasks if len(tasks) < 2 else tuple(sorted(tasks, key=lambda task: task.rank))


def _with(state: Paramedic, changed: Task) -> _Queue:
    if len(state.tasks) == 1:
        return (changed,)
    return _ordered(tuple([changed if task.id == changed.id else task for task in state.tasks]))


def _without(state: Paramedic, task_id: str, now: float) -> _Changes:
    gone = state.queued(task_id)
    kept = tuple([task for task in state.tasks if task is not gone])
    return {"tasks": kept, "spent": _spent(state, task_id, gone.expires_at, now)}


def _spent(state: Paramedic, task_id: str, expires_at: float, now: float) -> dict[str, float]:
    spent = {id_: until for id_, until in state.spent.items() if until > now}
    spent[task_id] = expires_at + SPENT_GRACE_S
    return spent

"""What is published of a paramedic, and whose private data it holds."""

from __future__ import annotations

from actors.domain.kernel import Publication
from actors.domain.machine import NEW
from actors.domain.paramedic.events import (
    ParamedicEvent,
    ShiftAnnounced,
    ShiftFaulted,
    TaskDiverted,
)
from actors.domain.paramedic.position import fleet_channel
from actors.domain.paramedic.projection import fleet_row, shift_notice, task_view
from actors.domain.paramedic.state import Paramedic
from actors.domain.task import Task
from actors.domain.timestamp import rfc3339
from actors.domain.views.paramedic import DeviceUpdate, ShiftNotice


def channel(paramedic_id: str) -> str:
    """The channel of a device's facts."""
    return f"device:{paramedic_id}"


def publications(
    before: Paramedic, event: ParamedicEvent, after: Paramedic
) -> tuple[Publication, ...]:
    """One fact to the device; a row to the fleet where that shows something new."""
    update = Publication(channel(after.id), _device_update(before, event, after))
    row = fleet_row(after, after.position)
    if before.status != NEW and row == fleet_row(before, before.position):
        return (update,)
    return (update, Publication(fleet_channel(after.region), row, "latest", after.id))


def _device_update(before: Paramedic, event: ParamedicEvent, after: Paramedic) -> DeviceUpdate:
    task = _about(before, event, after)
    return DeviceUpdate(
        event=type(event).__name__,
        at=rfc3339(event.at),
        status=after.status,
        task=None if task is None else task_view(task),
        reason=getattr(event, "reason", None),
        tasks=tuple(task.id for task in after.tasks),
        given_up=event.from_task if isinstance(event, TaskDiverted) else None,
        move=None if after.move is None else after.move.station,
        shift=_shift_about(event, after),
        note=getattr(event, "note", None),
    )


def _shift_about(event: ParamedicEvent, after: Paramedic) -> ShiftNotice | None:
    match event:
        case ShiftAnnounced(shift=shift):
            return shift_notice(shift)
        case ShiftFaulted(shift=shift_id, fault=fault):
            found = next(shift for shift in after.shifts if shift.id == shift_id)
            return shift_notice(found, fault)
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

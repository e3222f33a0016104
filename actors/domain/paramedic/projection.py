"""From a paramedic to what is shown of it: pure functions to views/paramedic.py."""

from __future__ import annotations

from actors.domain.messages.status import ShiftFault
from actors.domain.paramedic.shift import PlannedShift
from actors.domain.paramedic.state import Paramedic
from actors.domain.task import Task
from actors.domain.timestamp import rfc3339, rfc3339_or_none
from actors.domain.values import Position
from actors.domain.views.paramedic import (
    FleetRow,
    ParamedicView,
    PositionView,
    ShiftNotice,
    TaskList,
    TaskView,
)


def position_view(position: Position | None) -> PositionView | None:
    if position is None:
        return None
    return PositionView(position.lat, position.lon, rfc3339(position.at), position.accuracy_m)


def task_view(task: Task) -> TaskView:
    return TaskView(
        id=task.id,
        emergency=task.emergency,
        step=task.step,
        priority=task.priority,
        location=task.location,
        address=task.address,
        symptoms=task.symptoms,
        needs=task.needs,
        raised_at=rfc3339(task.raised_at),
        offered_at=rfc3339(task.offered_at),
        expires_at=rfc3339(task.expires_at),
        accepted_at=rfc3339_or_none(task.accepted_at),
        eta_s=task.eta_s,
        slot=task.slot,
        staged=task.staged,
        staging=task.staging,
        hospital=task.destination,
    )


def task_list(state: Paramedic) -> TaskList:
    return TaskList(tuple(map(task_view, state.tasks)))


def paramedic_view(state: Paramedic) -> ParamedicView:
    return ParamedicView(
        id=state.id,
        status=state.status,
        since=rfc3339(state.status_at),
        name=state.name,
        region=state.region,
        skills=state.skills,
        vehicle=state.vehicle,
        position=position_view(state.position),
        tasks=task_list(state).tasks,
        revision=state.revision,
        station=state.station,
        shifts=tuple(map(shift_notice, state.shifts)),
    )


def shift_notice(shift: PlannedShift, fault: ShiftFault | None = None) -> ShiftNotice:
    return ShiftNotice(
        id=shift.id,
        station=shift.station,
        starts_at=rfc3339(shift.starts_at),
        ends_at=rfc3339(shift.ends_at),
        cancelled=shift.cancelled,
        fault=fault,
    )


def fleet_row(state: Paramedic, position: Position | None) -> FleetRow:
    live = state.live_task
    return FleetRow(
        unit=state.id,
        name=state.name,
        status=state.status,
        vehicle=state.vehicle,
        position=position_view(position),
        task=None if live is None else live.id,
        emergency=None if live is None else live.emergency,
        station=state.station if state.move is None else state.move.station.id,
    )

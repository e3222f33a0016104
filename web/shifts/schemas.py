"""What goes in and out of /api/shifts and /api/roster."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from actors.domain.messages.status import UnitAvailability
from actors.domain.views.dispatcher import UnitView
from storage.resources import ShiftRow

Moment = Annotated[datetime, Meta(tz=True)]


class ShiftChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[starts_at, ends_at) at a station, a day at most."""

    station: UUID
    starts_at: Moment
    ends_at: Moment


class ShiftBody(ShiftChange, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of a unit of the station's region."""

    unit: UUID


class ShiftView(Struct, frozen=True, kw_only=True):
    """A planned shift. `revision` counts its changes."""

    id: str
    unit: str
    station: str
    region: str
    starts_at: datetime
    ends_at: datetime
    cancelled_at: datetime | None
    revision: int
    created_at: datetime
    updated_at: datetime


class RosterLine(Struct, frozen=True, kw_only=True):
    """present: planned and on duty; absent: planned and not; unplanned: on duty without a plan.

    `station`: planned, or else where it says it belongs.
    """

    unit: str
    name: str | None
    presence: Literal["present", "absent", "unplanned"]
    status: UnitAvailability
    station: str | None
    shift: str | None
    starts_at: datetime | None
    ends_at: datetime | None


class Roster(Struct, frozen=True):
    """A region now: who should be on duty, and who is."""

    region: str
    at: datetime
    lines: tuple[RosterLine, ...]


def view(row: ShiftRow) -> ShiftView:
    return ShiftView(
        id=row.id,
        unit=row.unit_id,
        station=row.station_id,
        region=row.region,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        cancelled_at=row.cancelled_at,
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def planned_line(shift: ShiftRow, unit: UnitView | None, *, on_duty: bool) -> RosterLine:
    return RosterLine(
        unit=shift.unit_id,
        name=None if unit is None else unit.name,
        presence="present" if on_duty else "absent",
        status="new" if unit is None else unit.status,
        station=shift.station_id,
        shift=shift.id,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
    )


def unplanned_line(unit: UnitView, station: str | None) -> RosterLine:
    return RosterLine(
        unit=unit.unit,
        name=unit.name,
        presence="unplanned",
        status=unit.status,
        station=station,
        shift=None,
        starts_at=None,
        ends_at=None,
    )

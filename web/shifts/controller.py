"""/api/shifts, /api/roster"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from storage.resources import ShiftFilter
from web.auth import Authenticated
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.paging import LIMIT, Cursor, Limit, Page, id_of
from web.parameters import RegionFilter, RegionPath
from web.shifts.schemas import Roster, ShiftBody, ShiftChange, ShiftView
from web.shifts.service import ShiftService
from web.times import utc

Shifts = NamedDependency[ShiftService]


class ShiftController(Controller):
    path = "/shifts"
    tags = ("shifts",)

    @post("/", responses=PROBLEMS, summary="Plan a shift of a unit at a station")
    async def plan_shift(
        self,
        request: Authenticated,
        data: JSONBody[ShiftBody],
        shifts: Shifts,
        command_id: CommandId,
    ) -> Response[ShiftView]:
        made = await shifts.plan(request.user, data, command_id)
        return Response(made, headers={"Location": f"/api/shifts/{made.id}"})

    @get("/", responses=PROBLEMS, summary="List shifts by region, unit, station and time")
    async def index_shifts(
        self,
        request: Authenticated,
        shifts: Shifts,
        region: RegionFilter = None,
        unit: FromQuery[UUID | None] = None,
        station: FromQuery[UUID | None] = None,
        from_time: FromQuery[datetime | None] = None,
        to_time: FromQuery[datetime | None] = None,
        cancelled: FromQuery[bool] = False,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[ShiftView]:
        wanted = ShiftFilter(
            before=id_of(cursor),
            region=region,
            unit_id=None if unit is None else str(unit),
            station_id=None if station is None else str(station),
            from_=utc(from_time, "from_time"),
            to=utc(to_time, "to_time"),
            cancelled=cancelled,
        )
        return await shifts.list(request.user, wanted, limit)

    @get("/{shift_id:uuid}", responses=PROBLEMS, summary="One shift, cancelled or not")
    async def show_shift(
        self, request: Authenticated, shift_id: FromPath[UUID], shifts: Shifts
    ) -> ShiftView:
        return await shifts.get(request.user, str(shift_id))

    @put("/{shift_id:uuid}", responses=PROBLEMS, summary="Move a shift in time or place")
    async def change_shift(
        self,
        request: Authenticated,
        shift_id: FromPath[UUID],
        data: JSONBody[ShiftChange],
        shifts: Shifts,
        command_id: CommandId,
    ) -> ShiftView:
        return await shifts.change(request.user, str(shift_id), data, command_id)

    @delete("/{shift_id:uuid}", responses=PROBLEMS, summary="Cancel a shift")
    async def cancel_shift(
        self,
        request: Authenticated,
        shift_id: FromPath[UUID],
        shifts: Shifts,
        command_id: CommandId,
    ) -> None:
        await shifts.cancel(request.user, str(shift_id), command_id)


class RosterController(Controller):
    path = "/roster"
    tags = ("shifts",)

    @get("/{region:str}", responses=PROBLEMS, summary="Who should be on duty now, and who is")
    async def roster(
        self,
        request: Authenticated,
        region: RegionPath,
        shifts: Shifts,
    ) -> Roster:
        return await shifts.roster(request.user, region)

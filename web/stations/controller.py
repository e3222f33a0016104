"""/api/stations"""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from storage.records.row import Filter
from web.auth import Authenticated
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.paging import LIMIT, Cursor, Limit, Page, id_of
from web.parameters import RegionFilter
from web.stations.schemas import StationBody, StationView
from web.stations.service import StationService

Stations = NamedDependency[StationService]


class StationController(Controller):
    path = "/stations"
    tags = ("stations",)

    @post("/", responses=PROBLEMS, summary="Create a station")
    async def create_station(
        self,
        request: Authenticated,
        data: JSONBody[StationBody],
        stations: Stations,
        command_id: CommandId,
    ) -> Response[StationView]:
        made = await stations.create(request.user, data, command_id)
        return Response(made, headers={"Location": f"/api/stations/{made.id}"})

    @get("/", responses=PROBLEMS, summary="List stations, newest first")
    async def index_stations(
        self,
        request: Authenticated,
        stations: Stations,
        region: RegionFilter = None,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[StationView]:
        wanted = Filter(before=id_of(cursor), region=region)
        return await stations.list(request.user, wanted, limit)

    @get("/{station_id:uuid}", responses=PROBLEMS, summary="One station")
    async def show_station(
        self, request: Authenticated, station_id: FromPath[UUID], stations: Stations
    ) -> StationView:
        return await stations.get(request.user, str(station_id))

    @put("/{station_id:uuid}", responses=PROBLEMS, summary="Replace a station")
    async def replace_station(
        self,
        request: Authenticated,
        station_id: FromPath[UUID],
        data: JSONBody[StationBody],
        stations: Stations,
        command_id: CommandId,
    ) -> StationView:
        return await stations.replace(request.user, str(station_id), data, command_id)

    @delete("/{station_id:uuid}", responses=PROBLEMS, summary="Delete a station")
    async def delete_station(
        self,
        request: Authenticated,
        station_id: FromPath[UUID],
        stations: Stations,
        command_id: CommandId,
    ) -> None:
        await stations.delete(request.user, str(station_id), command_id)
